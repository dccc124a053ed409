package opsgenie

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors"
	so "signalbox/ingest/source/opsgenie"
)

// Bounds of looking at many.
const (
	listedPerPage = 100  // the most that is given at once
	listedPages   = 5    // of one query: an alias may be there again and again
	queryBytesMax = 1000 // of one query
)

// listlessFor is how long a refusal to list is believed: whoever mends the key need not
// restart us, and one look more an hour costs nothing.
const listlessFor = time.Hour

// LookMany implements connectors.ManyLooker: the alerts with any of some aliases are
// listed. The list is a search, which may lag; what it lacks is asked for alone, and
// when it lacks many it is not believed. An integration may do without the list, as
// its key may not read or its API has none; then each alert is looked at.
func (c *Connector) LookMany(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	if c.o.Clock().UnixMilli() < c.listless.Load() {
		return nil, &connectors.TerminalError{Detail: "this integration does not list alerts"}
	}
	at := make(map[string]*alert, len(refs))
	for _, r := range refs {
		at[so.RecordKey(r.Incident, r.Epoch)] = nil
	}
	for rest := refs; len(rest) > 0; {
		query, n := anyOf(rest)
		if err := c.list(ctx, query, at); err != nil {
			switch connectors.StatusOf(err) {
			case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
				c.listless.Store(c.o.Clock().Add(listlessFor).UnixMilli())
			}
			return nil, err
		}
		rest = rest[n:]
	}
	out, lacks := make([]connectors.Record, len(refs)), []int{}
	for n, r := range refs {
		if a := at[so.RecordKey(r.Incident, r.Epoch)]; a != nil {
			out[n] = c.record(a)
		} else {
			lacks = append(lacks, n)
		}
	}
	return out, connectors.LookAlone(ctx, c, refs, out, lacks)
}

// anyOf is a query for the alerts of as many records as fit into one, and how many.
func anyOf(refs []connectors.Ref) (query string, n int) {
	for n < len(refs) {
		next := `alias: "` + so.RecordKey(refs[n].Incident, refs[n].Epoch) + `"`
		if n > 0 {
			next = " OR " + next
		}
		if len(query)+len(next) > queryBytesMax {
			break
		}
		query += next
		n++
	}
	return query, n
}

// list puts what a query finds into at, of several with one alias the newest.
func (c *Connector) list(ctx context.Context, query string, at map[string]*alert) error {
	q := url.Values{"query": {query}, "sort": {"createdAt"}, "order": {"desc"}, "limit": {strconv.Itoa(listedPerPage)}}
	for page := range listedPages {
		q.Set("offset", strconv.Itoa(page*listedPerPage))
		var got struct{ Data []alert }
		if err := c.rest.Do(ctx, http.MethodGet, c.o.URL+"/alerts?"+q.Encode(), nil, &got); err != nil {
			return err
		}
		for i := range got.Data {
			a := &got.Data[i]
			had, asked := at[a.Alias]
			if !asked || !strings.Contains(query, `"`+a.Alias+`"`) {
				return &connectors.TerminalError{Status: http.StatusOK, Detail: "it ignored a query for aliases and listed an alert with " + strconv.Quote(connectors.CutRunes(a.Alias, 80))}
			}
			if had == nil {
				at[a.Alias] = a
			}
		}
		if len(got.Data) < listedPerPage {
			return nil
		}
	}
	return &connectors.TerminalError{Status: http.StatusOK, Detail: "it listed more than " + strconv.Itoa(listedPages*listedPerPage) + " alerts of a few aliases"}
}
