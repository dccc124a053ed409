package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

// ledger is which alerts a source has sent, by the number that is their identity.
type ledger map[uint64]bool

// difference compares what a source was acknowledged with what can be read.
// Counts alone would not do: a loss and a duplicate cancel out.
type difference struct {
	missing, twice, invented int
	example                  string
}

func (d *difference) add(count *int, format string, args ...any) {
	if *count++; d.example == "" {
		d.example = fmt.Sprintf(format, args...)
	}
}

func (d *difference) merge(o difference) {
	d.missing, d.twice, d.invented = d.missing+o.missing, d.twice+o.twice, d.invented+o.invented
	if d.example == "" {
		d.example = o.example
	}
}

// readAlert is what the audit wants to know of an alert.
type readAlert struct {
	ID, Source string
	Labels     map[string]string
	EventCount uint64 `json:"event_count"`
	Flapping   bool
}

// compare is pure: sent against what was read of one source.
func (l ledger) compare(read []readAlert) (d difference) {
	seen := map[uint64]string{}
	for _, a := range read {
		n, err := strconv.ParseUint(a.Labels["device"], 10, 64)
		switch other := seen[n]; {
		case err != nil || !l[n]:
			d.add(&d.invented, "%s %s has device %q, which was never sent", a.Source, a.ID, a.Labels["device"])
		case other != "":
			d.add(&d.twice, "%s: device %d is both %s and %s", a.Source, n, other, a.ID)
		}
		seen[n] = a.ID
	}
	for n := range l {
		if seen[n] == "" {
			d.add(&d.missing, "device %d was acknowledged and is no alert", n)
		}
	}
	return d
}

// all reads every page of a list.
func all[T any](ctx context.Context, s *server, path string, q url.Values) (out []T, err error) {
	q.Set("limit", "500")
	for {
		status, b, err := s.get(ctx, path+"?"+q.Encode())
		if err != nil || status != 200 {
			return nil, errors.Join(err, fmt.Errorf("GET %s: %d", path, status))
		}
		var page struct {
			Items []T
			Next  string `json:"next_cursor"`
		}
		if err := json.Unmarshal(b, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Next == "" {
			return out, nil
		}
		q.Set("cursor", page.Next)
	}
}

// openIncident is what the audit wants to know of an incident.
type openIncident struct {
	Number, Priority string
	Epoch            uint32
	Storm            bool
	Causes           []struct{ CI string } `json:"probable_causes"`
}

func (i openIncident) cause() string {
	if len(i.Causes) == 0 {
		return ""
	}
	return i.Causes[0].CI
}

type deadLetter struct {
	Incident string
	Epoch    uint32
}

// representation is how the open incidents stand at the partner.
type representation struct {
	open, there, held, dead int
	nowhere                 []string
}

// stormPagesFrom is the default of correlation.storm_pages_from: what is less
// important is not paged while its storm lasts, which its page says.
const stormPagesFrom = "P2"

// settleWithin is how long after the storm the partner may be behind: pages held
// back by the budget go out with the next minutes.
const settleWithin = 2 * time.Minute

// represented waits until every open incident is an object at the partner, held
// back as one of a storm, or a dead letter, or until settleWithin is over.
func (s *server) represented(ctx context.Context, p *partner) (r representation, incidents []openIncident, err error) {
	for end := time.Now().Add(settleWithin); ; time.Sleep(time.Second) {
		if incidents, err = all[openIncident](ctx, s, "/api/v1/incidents", url.Values{"state": {"new,in_progress,on_hold"}}); err != nil {
			return r, nil, err
		}
		dead, err := all[deadLetter](ctx, s, "/api/v1/connectors/"+partnerName+"/dead-letters", url.Values{})
		if err != nil {
			return r, nil, err
		}
		if r, err = represent(incidents, dead, func(key string) bool {
			in := p.Incident(key)
			return in != nil && in.Status != "resolved"
		}); err != nil || len(r.nowhere) == 0 || time.Now().After(end) {
			return r, incidents, err
		}
	}
}

// represent sorts open incidents by where a person would find them.
func represent(incidents []openIncident, dead []deadLetter, there func(key string) bool) (r representation, err error) {
	abandoned := map[deadLetter]bool{}
	for _, d := range dead {
		abandoned[d] = true
	}
	for _, in := range incidents {
		n, err := itsm.ParseIncidentNumber(in.Number)
		if err != nil {
			return r, err
		}
		r.open++
		switch {
		case there(source.DedupKey(n, in.Epoch)):
			r.there++
		case abandoned[deadLetter{in.Number, in.Epoch}]:
			r.dead++
		case in.Storm && in.Priority > stormPagesFrom:
			r.held++
		default:
			r.nowhere = append(r.nowhere, in.Number)
		}
	}
	return r, nil
}
