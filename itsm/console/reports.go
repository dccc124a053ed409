package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/report"
)

// reportsPage shows the figures of every report.
type reportsPage struct {
	Filter reportFilter
	Cards  []reportCard
	Empty  bool
}

func (reportsPage) about() (string, string, string) { return "reports", "Reports", "reports" }

// reportPage shows one report with its table.
type reportPage struct {
	Filter  reportFilter
	Card    reportCard
	Columns []reportColumn
	Rows    [][]reportCell
	LeftOut string
}

func (p reportPage) about() (string, string, string) { return "report", p.Card.Title, "reports" }

// reportFilter is what a report is about, as the form shows it.
type reportFilter struct {
	Action              string
	Ranges              []chip
	Days, From, To      string // as they were asked for
	Service, Team       string
	Span                string // the range in words
	CSV, JSON, Overview string
	values              url.Values
}

// reportCard is one report without its table.
type reportCard struct {
	Name, Title, Definition, Href string
	Head                          reportFigure
	Figures                       []reportFigure
	Chart, Wide                   *trendChart // Wide where there is room
	Top                           []rankedRow // instead of a chart
}

type reportFigure struct{ Label, Value string }

// rankedRow is one line of a ranking; Width is that of its bar, of rankWidth.
type rankedRow struct {
	Name, Value string
	Said        said // the name with its links
	Width       int
}

// reportCell is one cell of a table.
type reportColumn struct {
	Label   string
	Numbers bool // which stand to the right
}

type reportCell struct {
	Text, Href string
	Said       said // a text that names things
	Number     bool // it is in a column of them
	When       when
}

const rankWidth = 300

var reportRanges = []int{7, 30, 90, 365}

// readReportQuery reads what a report is about. The numbers of the address are kept
// as they were given, so that a link says the same tomorrow.
func (c *Console) readReportQuery(ctx *fiber.Ctx, path string) (q report.Query, f reportFilter, err error) {
	v := query(ctx)
	f = reportFilter{Action: path, Days: line(v.Get("days"), 10), From: line(v.Get("from"), 40), To: line(v.Get("to"), 40), Service: line(v.Get("service"), queryMax), Team: line(v.Get("team"), nameRunesMax), values: url.Values{}}
	for name, value := range map[string]string{"service": f.Service, "team": f.Team} {
		if value != "" {
			f.values.Set(name, value)
		}
	}
	now := c.o.Reports.Now()
	days := report.DaysDefault
	switch {
	case f.From != "" || f.To != "":
		f.Days, days = "", 0
		q.From, q.To, err = report.Range(f.From, f.To, now)
	default:
		if f.Days != "" {
			if days, err = strconv.Atoi(f.Days); err != nil || days < 1 || days > int(report.RangeMax.Hours()/24)-1 {
				return q, f, itsm.Errorf(itsm.Invalid, "days %q: expected a number such as 30, at most %d", f.Days, int(report.RangeMax.Hours()/24)-1)
			}
		}
		q.From, q.To = report.Days(days, now)
	}
	if err != nil {
		return q, f, err
	}
	for _, n := range reportRanges {
		f.Ranges = append(f.Ranges, chip{badge: badge{Label: strconv.Itoa(n) + " days"}, Href: path + f.with("days", strconv.Itoa(n)), Current: n == days})
	}
	f.Span = q.From.Std().Format("2 January 2006") + " to " + (q.To - 1).Std().Format("2 January 2006")
	if f.Service != "" {
		for s := range strings.SplitSeq(f.Service, ",") {
			if s = strings.TrimSpace(s); s != "" {
				q.Services = append(q.Services, s)
			}
		}
	}
	if err = c.reportTeams(ctx, &q, f.Team); err != nil {
		return q, f, err
	}
	api := "/api/v1" + path + f.with("from", q.From.String(), "to", q.To.String())
	f.JSON, f.CSV = api, api+"&format=csv"
	asked := []string{"from", f.From, "to", f.To, "days", f.Days}
	f.Overview = "/reports" + f.with(asked...)
	for i := 0; i < len(asked); i += 2 {
		if asked[i+1] != "" {
			f.values.Set(asked[i], asked[i+1])
		}
	}
	return q, f, nil
}

// reportTeams adds the team that is asked for; "mine" are those of the person.
func (c *Console) reportTeams(ctx *fiber.Ctx, q *report.Query, name string) error {
	if q.Team = name; name == "" {
		return nil
	}
	var teams []itsm.Team
	if name == "mine" {
		who, _ := person(ctx)
		mine, err := c.teamsOf(who.User)
		if err != nil {
			return err
		}
		teams = mine
	} else {
		t, err := nounOf[itsm.Team](c, itsm.ObjectTeam, name)
		if err != nil {
			return err
		}
		teams = []itsm.Team{t}
	}
	for _, t := range teams {
		q.Groups, q.Owned = append(q.Groups, t.Name), append(q.Owned, t.Services...)
	}
	return nil
}

// with is the filter as a query with more in it.
func (f *reportFilter) with(pairs ...string) string {
	v := url.Values{}
	for name, list := range f.values {
		v[name] = list
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func (c *Console) reports(ctx *fiber.Ctx) error {
	q, f, err := c.readReportQuery(ctx, "/reports")
	if err != nil {
		return err
	}
	p := reportsPage{Filter: f}
	if p.Empty, err = c.o.Reports.Empty(); err != nil || p.Empty {
		return c.showOr(ctx, p, err)
	}
	list, err := c.o.Reports.All(q)
	if err != nil {
		return err
	}
	for i := range list {
		p.Cards = append(p.Cards, viewReportCard(&list[i], f, c.inventory()))
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) showOr(ctx *fiber.Ctx, p page, err error) error {
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) report(ctx *fiber.Ctx) error {
	name := param(ctx, "name")
	if _, err := c.o.Reports.Kind(name); err != nil {
		return err
	}
	q, f, err := c.readReportQuery(ctx, "/reports/"+url.PathEscape(name))
	if err != nil {
		return err
	}
	r, err := c.o.Reports.One(name, q)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewOneReport(&r, f, c))
}

func viewReportCard(r *report.Report, f reportFilter, inv inventory) reportCard {
	v := reportCard{Name: r.Name, Title: r.Title, Definition: r.Definition, Href: "/reports/" + r.Name + f.with()}
	for i, g := range r.Figures {
		one := reportFigure{Label: g.Label, Value: report.Say(g.Unit, g.Value)}
		if i == 0 {
			v.Head = one
		} else {
			v.Figures = append(v.Figures, one)
		}
	}
	if r.Trend != nil {
		v.Chart = viewTrend(r.Trend, "narrow-"+r.Name, r.Title, 340, 132)
	} else {
		v.Top = viewRanking(r, 4, inv)
	}
	return v
}

// viewRanking draws the first rows of a table by its first number.
func viewRanking(r *report.Report, n int, inv inventory) (out []rankedRow) {
	column := -1
	for i, c := range r.Columns {
		if column < 0 && (c.Unit == report.Count || c.Unit == report.Seconds) {
			column = i
		}
	}
	if column < 0 {
		return nil
	}
	most := 1.0
	for _, row := range r.Rows[:min(n, len(r.Rows))] {
		most = max(most, row[column].Number)
	}
	for _, row := range r.Rows[:min(n, len(r.Rows))] {
		name := middle(row[0].Text, 44)
		out = append(out, rankedRow{Name: name, Said: inv.said(name), Value: report.Say(r.Columns[column].Unit, row[column]), Width: max(2, int(row[column].Number/most*rankWidth))})
	}
	return out
}

// numbers are the units of columns that hold figures.
var numbers = map[report.Unit]bool{report.Count: true, report.Seconds: true, report.Share: true, report.Ratio: true}

func viewOneReport(r *report.Report, f reportFilter, c *Console) reportPage {
	p := reportPage{Filter: f, Card: viewReportCard(r, f, c.inventory())}
	if r.Trend != nil {
		p.Card.Wide = viewTrend(r.Trend, "wide-"+r.Name, r.Title, 860, 220)
	} else {
		p.Card.Top = viewRanking(r, 8, c.inventory())
	}
	for _, col := range r.Columns {
		p.Columns = append(p.Columns, reportColumn{col.Label, numbers[col.Unit]})
	}
	inv, now := c.inventory(), c.o.Clock()
	for _, row := range r.Rows {
		cells := make([]reportCell, len(row))
		for i, cell := range row {
			cells[i] = reportCell{Text: line(report.Say(r.Columns[i].Unit, cell), 120), Number: p.Columns[i].Numbers}
			if cell.IsNone() || cell.IsNumber() {
				continue
			}
			cells[i].Said = inv.said(cells[i].Text)
			switch id := cell.Text; r.Columns[i].Unit {
			case report.CI, report.Service:
				l := inv.link(id)
				cells[i].Text, cells[i].Href = l.Name, l.Href
			case report.Incident:
				cells[i].Href = "/incidents/" + url.PathEscape(id)
			case report.Problem:
				cells[i].Href = "/problems/" + url.PathEscape(id)
			case report.Change:
				cells[i].Href = "/changes/" + url.PathEscape(id)
			case report.Moment:
				if t, err := itsm.ParseTime(id); err == nil {
					cells[i].When = at(t, now)
				}
			}
		}
		p.Rows = append(p.Rows, cells)
	}
	if r.LeftOut > 0 {
		p.LeftOut = "and " + thousands(r.LeftOut) + " more"
	}
	return p
}

func (c *Console) reportRoutes() []route {
	if c.o.Reports == nil {
		return nil
	}
	return []route{{http.MethodGet, "/reports", access.Viewer, c.reports}, {http.MethodGet, "/reports/:name", access.Viewer, c.report}}
}
