package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/itsm"
)

// faultsMax bounds how many faults of one alert are told.
const faultsMax = 5

// Faults collects what is wrong with one alert, each with the field it concerns.
type Faults struct {
	Path string // of the alert, such as alerts[3]; "" for a single one
	msgs []string
	over []string // bounds exceeded, each once
}

// Add notes a fault of a field.
func (f *Faults) Add(field, format string, args ...any) {
	if len(f.msgs) == faultsMax {
		return
	}
	at := f.Path
	switch {
	case at != "" && field != "":
		at += "." + field + ": "
	case at != "" || field != "":
		at += field + ": "
	}
	f.msgs = append(f.msgs, at+fmt.Sprintf(format, args...))
}

// Exceed notes a fault of a field that is a bound exceeded.
func (f *Faults) Exceed(bound, field, format string, args ...any) {
	f.LeftOut(bound)
	f.Add(field, format, args...)
}

// LeftOut notes a bound whose excess was left out, which is no fault.
func (f *Faults) LeftOut(bound string) {
	if !slices.Contains(f.over, bound) {
		f.over = append(f.over, bound)
	}
}

// Any reports whether there is a fault.
func (f *Faults) Any() bool { return len(f.msgs) > 0 }

// Wrong returns the faults of a document that is one alert, or nil.
func (f *Faults) Wrong() error {
	if !f.Any() {
		return nil
	}
	err := itsm.Errorf(itsm.Invalid, "%s", f.String())
	if over := f.Over(); len(over) > 0 {
		return &exceeded{err, over}
	}
	return err
}

// Over returns the bounds that were exceeded.
func (f *Faults) Over() (x Excesses) {
	for _, bound := range f.over {
		x.Add(bound, 1)
	}
	return x
}

// String returns all faults in one line, or "".
func (f *Faults) String() string { return strings.Join(f.msgs, "; ") }

// Reset makes f ready for the alert at path, an element of the list name.
func (f *Faults) Reset(name string, index int) {
	f.msgs, f.over = nil, nil
	f.Path = ""
	if name != "" {
		f.Path = name + "[" + strconv.Itoa(index) + "]"
	}
}

// Quote shortens a value for an error message.
func Quote(s string) string {
	const shown = 60
	if len(s) > shown {
		return strconv.QuoteToASCII(s[:shown]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// Fields reads the typed fields of an alert and notes what does not fit. Its
// labels are cut from blocks shared by the alerts of one delivery.
type Fields struct {
	*Reader
	Faults
	scratch []itsm.Label // the set being read
	block   []itsm.Label // where finished sets are kept; grows with the delivery
}

// Sizes of a block of labels.
const (
	blockMin = 16
	blockMax = 512
)

// keep moves the scratch labels to the block they stay in.
func (d *Fields) keep() itsm.Labels {
	n := len(d.scratch)
	if n == 0 {
		return nil
	}
	if cap(d.block)-len(d.block) < n {
		size := min(max(blockMin, 2*cap(d.block)), blockMax)
		d.block = make([]itsm.Label, 0, max(size, n))
	}
	start := len(d.block)
	d.block = append(d.block, d.scratch...)
	return itsm.NewLabels(d.block[start:len(d.block):len(d.block)])
}

// Text reads a string; null is "".
func (d *Fields) Text(field string) string {
	switch k := d.Peek(); k {
	case String:
		return d.Str()
	case Null:
		d.Literal()
	default:
		d.Add(field, "expected a string, got %s", k)
		d.Skip()
	}
	return ""
}

// Long notes a fault when s is longer than a name may be.
func (d *Fields) Long(field, s string) bool {
	if len(s) <= d.bounds.NameBytes {
		return false
	}
	d.Exceed(BoundNameBytes, field, "%d bytes, at most %d are accepted", len(s), d.bounds.NameBytes)
	return true
}

// Bounds returns what is accepted.
func (r *Reader) Bounds() Bounds { return r.bounds }

// Name reads a string that is not longer than a name may be.
func (d *Fields) Name(field string) string {
	s := d.Text(field)
	if d.Long(field, s) {
		return ""
	}
	return s
}

// Scalar reads a string, number or boolean as text. Null is "".
func (d *Fields) Scalar(field string) string {
	switch d.Peek() {
	case Number, Bool:
		return d.Literal()
	}
	return d.Text(field)
}

// Time reads an RFC 3339 time; null, "" and Go's zero time are unknown.
func (d *Fields) Time(field string) itsm.Time {
	if d.Peek() == Number {
		d.number1970(field)
		return 0
	}
	s := d.Text(field)
	if s == "" || s == zeroTime {
		return 0
	}
	t, err := itsm.ParseTime(s)
	if err != nil {
		d.Add(field, "%s is not a time; expected RFC 3339 such as \"2026-01-31T09:00:00Z\"", Quote(s))
	}
	return t
}

// zeroTime is how Go programs write "no time".
const zeroTime = "0001-01-01T00:00:00Z"

// number1970 refuses a time given as a number and says what it would be.
func (d *Fields) number1970(field string) {
	lit := d.Literal()
	n, err := strconv.ParseInt(lit, 10, 64)
	if err != nil || n <= 0 || n > 1<<52 {
		d.Add(field, "expected an RFC 3339 string such as \"2026-01-31T09:00:00Z\", got the number %.30s", lit)
		return
	}
	unit, at := "seconds", time.Unix(n, 0)
	if n > 1<<36 {
		unit, at = "milliseconds", time.UnixMilli(n)
	}
	d.Add(field, "expected an RFC 3339 string, got the number %d; if those are %s since 1970, send %q", n, unit, at.UTC().Format(time.RFC3339))
}

// LabelSet says how Fields.Labels reads an object of names and values.
type LabelSet struct {
	Annotations bool // bounded as annotations are
	Loose       bool // numbers and booleans become text, null is left out, nested values stay JSON
}

// count is how many entries a set has at most, and the name of that bound.
func (s LabelSet) count(b *Bounds) (int, string) {
	if s.Annotations {
		return b.Annotations, BoundAnnotations
	}
	return b.Labels, BoundLabels
}

// bytes is how long a value is at most, and the name of that bound.
func (s LabelSet) bytes(b *Bounds) (int, string) {
	if s.Annotations {
		return b.AnnotationBytes, BoundAnnotationBytes
	}
	return b.LabelBytes, BoundLabelBytes
}

// The two sets of an alert, for senders that are strict about strings.
var (
	StrictLabels      = LabelSet{}
	StrictAnnotations = LabelSet{Annotations: true}
	LooseLabels       = LabelSet{Loose: true}
	LooseAnnotations  = LabelSet{Annotations: true, Loose: true}
)

// Labels reads an object of names and values; null is none.
func (d *Fields) Labels(field string, set LabelSet) itsm.Labels {
	switch k := d.Peek(); k {
	case Null:
		d.Literal()
		return nil
	case Object:
	default:
		d.Add(field, "expected an object of strings, got %s", k)
		d.Skip()
		return nil
	}
	d.scratch = d.scratch[:0]
	over := 0
	count, bound := set.count(&d.bounds)
	for d.Enter(); ; {
		name, ok := d.Key()
		if !ok {
			break
		}
		value := d.labelValue(field, name, set)
		switch {
		case len(d.scratch) == count:
			over++
		case d.fits(field, name, value, set):
			d.scratch = append(d.scratch, itsm.Label{Name: name, Value: value})
		}
	}
	if over > 0 {
		d.Exceed(bound, field, "%d entries, at most %d are accepted", count+over, count)
	}
	return d.keep()
}

func (d *Fields) labelValue(field, name string, set LabelSet) string {
	k := d.Peek()
	switch {
	case k == String:
		return d.Str()
	case k == Null && set.Loose:
		d.Literal()
		return ""
	case set.Loose:
		return d.Raw()
	}
	d.Add(field+"."+shortName(name), "expected a string, got %s", k)
	d.Skip()
	return ""
}

func (d *Fields) fits(field, name, value string, set LabelSet) bool {
	bytes, bound := set.bytes(&d.bounds)
	switch {
	case name == "":
		d.Add(field, "an empty name")
	case len(name) > d.bounds.NameBytes:
		d.Exceed(BoundNameBytes, field, "the name %s has %d bytes, at most %d are accepted", Quote(name), len(name), d.bounds.NameBytes)
	case len(value) > bytes:
		d.Exceed(bound, field+"."+shortName(name), "%d bytes, at most %d are accepted", len(value), bytes)
	default:
		return true
	}
	return false
}

// shortName is a label name as it may stand in an error message.
func shortName(name string) string {
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return Quote(name)
		}
	}
	if len(name) > 60 {
		return name[:60] + "…"
	}
	return name
}
