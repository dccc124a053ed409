package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// quarantinePage lists deliveries that could not be decoded.
type quarantinePage struct {
	Waiting bool // only those that still wait
	Rows    []quarantineRow
	Next    string
}

type quarantineRow struct {
	ID, Href string
	Source   string
	Error    string
	Count    string
	First    when
	Last     when
	Retried  when
}

func (quarantinePage) about() (string, string, string) {
	return "quarantine", "Quarantine", "quarantine"
}

func viewQuarantine(page desk.Page[itsm.Quarantined], waiting bool, now time.Time) quarantinePage {
	p := quarantinePage{Waiting: waiting}
	for _, q := range page.Items {
		p.Rows = append(p.Rows, viewQuarantineRow(q, now))
	}
	if page.Next != "" {
		v := url.Values{"cursor": {page.Next}}
		if !waiting {
			v.Set("show", "all")
		}
		p.Next = "/quarantine?" + v.Encode()
	}
	return p
}

func viewQuarantineRow(q itsm.Quarantined, now time.Time) quarantineRow {
	return quarantineRow{ID: line(q.ID, 40), Href: "/quarantine/" + url.PathEscape(q.ID), Source: line(q.Source, 60), Error: line(q.Error, lineRunesMax),
		Count: plural(int(q.Count), "time", "times"), First: at(q.FirstAt, now), Last: at(q.LastAt, now), Retried: at(q.RetriedAt, now)}
}

func (c *Console) quarantine(ctx *fiber.Ctx) error {
	v := query(ctx)
	waiting := v.Get("show") != "all"
	page, err := c.o.Records.Quarantine(v.Get("cursor"), listPageSize, waiting)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewQuarantine(page, waiting, c.o.Clock()))
}
