package report

import (
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/sheet"
)

// Unit says what a number measures, or what a text names.
type Unit string

// Units.
const (
	Count    Unit = "count"
	Seconds  Unit = "seconds"
	Share    Unit = "share" // of one: 0.25 is a quarter
	Ratio    Unit = "ratio"
	Words    Unit = "text"
	Moment   Unit = "time"
	CI       Unit = "ci"
	Service  Unit = "service"
	Incident Unit = "incident"
	Problem  Unit = "problem"
	Change   Unit = "change"
)

// Cell is a text, a number or nothing: what cannot be told is nothing and not zero.
type Cell struct {
	Text   string
	Number float64
	kind   cellKind
}

type cellKind uint8

const (
	cellNone cellKind = iota
	cellText
	cellNumber
)

// IsNumber reports whether it is a number.
func (c Cell) IsNumber() bool { return c.kind == cellNumber }

// IsNone reports whether there is nothing to tell.
func (c Cell) IsNone() bool { return c.kind == cellNone }

func text(s string) Cell {
	if s == "" {
		return Cell{}
	}
	return Cell{Text: s, kind: cellText}
}

// number keeps four decimals, so that what is written does not depend on how it
// was added up.
func number(f float64) Cell {
	return Cell{Number: math.Round(f*1e4) / 1e4, kind: cellNumber}
}

// Number is a cell with a number.
func Number(f float64) Cell { return number(f) }

func count[N int | int64 | uint64](n N) Cell { return number(float64(n)) }

func moments(t itsm.Time) Cell {
	if t == 0 {
		return Cell{}
	}
	return text(t.String())
}

// part is a of b, or nothing when there is no b.
func part[N int | int64 | uint64](a, b N) Cell {
	if b == 0 {
		return Cell{}
	}
	return number(float64(a) / float64(b))
}

// String is the cell as CSV has it; nothing is empty.
func (c Cell) String() string {
	if c.kind == cellNumber {
		return strconv.FormatFloat(c.Number, 'f', -1, 64)
	}
	return c.Text
}

// MarshalJSON writes a string, a number or null.
func (c Cell) MarshalJSON() ([]byte, error) {
	switch c.kind {
	case cellNumber:
		return []byte(c.String()), nil
	case cellText:
		return json.Marshal(c.Text)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Cell) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*c = Cell{}
	case string:
		*c = text(v)
	case float64:
		*c = number(v)
	default:
		return itsm.Errorf(itsm.Invalid, "a cell of a report: expected a text, a number or null")
	}
	return nil
}

// Figure is one number that sums a report up.
type Figure struct {
	Name  string `json:"name"` // for programs
	Label string `json:"label"`
	Unit  Unit   `json:"unit"`
	Value Cell   `json:"value"`
}

// Column heads the cells of a table.
type Column struct {
	Name  string `json:"name"` // for programs
	Label string `json:"label"`
	Unit  Unit   `json:"unit"`
}

// Trend is how a report's numbers went within the range.
type Trend struct {
	Unit   Unit     `json:"unit"`
	Series []string `json:"series"` // labels
	Slots  []Slot   `json:"slots"`
}

// Slot is a piece of the range, with a number for each series.
type Slot struct {
	From   itsm.Time `json:"from"`
	To     itsm.Time `json:"to"`
	Values []Cell    `json:"values"`
}

// Report is one report, computed.
type Report struct {
	Name       string    `json:"name"`
	Title      string    `json:"title"`
	Definition string    `json:"definition"`
	From       itsm.Time `json:"from"`
	To         itsm.Time `json:"to"`
	Services   []string  `json:"services"` // asked for; none: all
	Team       *string   `json:"team"`     // asked for; null: all
	Figures    []Figure  `json:"figures"`
	Columns    []Column  `json:"columns"`
	Rows       [][]Cell  `json:"rows"`
	LeftOut    int       `json:"left_out"` // rows beyond RowsMax
	Trend      *Trend    `json:"trend"`
}

// RowsMax bounds the rows of one report.
const RowsMax = 100

// cut keeps the first rows.
func (r *Report) cut() {
	if n := len(r.Rows); n > RowsMax {
		r.Rows, r.LeftOut = r.Rows[:RowsMax], n-RowsMax
	}
}

// CSV writes the table of the report, safe to open in a spreadsheet. Its head is the
// names of the columns; durations are seconds and shares parts of one.
func (r *Report) CSV(w io.Writer) error {
	out := sheet.NewWriter(w)
	head := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		head[i] = c.Name
		if c.Unit == Seconds || c.Unit == Share {
			head[i] += "_" + string(c.Unit)
		}
	}
	out.Row(head...)
	for _, row := range r.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = c.String()
		}
		out.Row(cells...)
	}
	return out.Flush()
}

// FiguresCSV writes the figures of reports, a line each.
func FiguresCSV(w io.Writer, list []Report) error {
	out := sheet.NewWriter(w)
	out.Row("report", "figure", "unit", "value", "from", "to", "definition")
	for i := range list {
		r := &list[i]
		for _, f := range r.Figures {
			out.Row(r.Name, f.Name, string(f.Unit), f.Value.String(), r.From.String(), r.To.String(), r.Definition)
		}
	}
	return out.Flush()
}

// names of reports, for an error.
func names() string {
	all := make([]string, len(kinds))
	for i := range kinds {
		all[i] = kinds[i].Name
	}
	return strings.Join(all, ", ")
}
