package api

import (
	"bytes"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/report"
)

func (a *API) reportRoutes() []route {
	filters := []string{"from", "to", "service", "team", "format"}
	return []route{
		{http.MethodGet, Prefix + "/reports", access.Viewer, filters, a.reports},
		{http.MethodGet, Prefix + "/reports/:name", access.Viewer, filters, a.report},
	}
}

// reportSummary is a report without its table and trend.
type reportSummary struct {
	Name       string          `json:"name"`
	Title      string          `json:"title"`
	Definition string          `json:"definition"`
	Figures    []report.Figure `json:"figures"`
}

type reportsView struct {
	From     itsm.Time       `json:"from"`
	To       itsm.Time       `json:"to"`
	Services []string        `json:"services"`
	Team     *string         `json:"team"`
	Items    []reportSummary `json:"items"`
}

// reports answers the figures of every report.
func (a *API) reports(r *request) error {
	q, csv, err := a.reportQuery(r)
	if err != nil {
		return err
	}
	list, err := a.o.Reports.All(q)
	if err != nil {
		return err
	}
	if csv {
		return r.csv("signalbox-reports.csv", func(b *bytes.Buffer) error { return report.FiguresCSV(b, list) })
	}
	v := reportsView{From: q.From, To: q.To, Services: list[0].Services, Team: list[0].Team}
	for i := range list {
		v.Items = append(v.Items, reportSummary{list[i].Name, list[i].Title, list[i].Definition, list[i].Figures})
	}
	return r.json(v)
}

// report answers one report with its table and trend.
func (a *API) report(r *request) error {
	name, err := r.param("name")
	if err != nil {
		return err
	}
	q, csv, err := a.reportQuery(r)
	if err != nil {
		return err
	}
	one, err := a.o.Reports.One(name, q)
	if err != nil {
		return err
	}
	if csv {
		return r.csv("signalbox-"+one.Name+".csv", func(b *bytes.Buffer) error { return one.CSV(b) })
	}
	return r.json(&one)
}

// reportQuery reads what a report is about.
func (a *API) reportQuery(r *request) (q report.Query, csv bool, err error) {
	if a.o.Reports == nil {
		return q, false, unavailable("this process answers no reports")
	}
	switch r.q["format"] {
	case "", "json":
	case "csv":
		csv = true
	default:
		return q, false, itsm.Errorf(itsm.Invalid, "format %q: expected json or csv", r.q["format"])
	}
	if q.From, q.To, err = report.Range(r.q["from"], r.q["to"], a.o.Reports.Now()); err != nil {
		return q, false, err
	}
	if q.Services, err = r.q.list("service"); err != nil {
		return q, false, err
	}
	if q.Team = r.q["team"]; q.Team == "" {
		return q, csv, nil
	}
	teams, err := a.namedTeams(r, q.Team)
	for _, t := range teams {
		q.Groups, q.Owned = append(q.Groups, t.Name), append(q.Owned, t.Services...)
	}
	return q, csv, err
}

// csv answers a table as a file.
func (r *request) csv(name string, write func(*bytes.Buffer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	r.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	r.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	r.Response().SetBodyRaw(b.Bytes())
	return nil
}
