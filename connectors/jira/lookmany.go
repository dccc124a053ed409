package jira

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"signalbox/connectors"
	source "signalbox/ingest/source/jira"
)

// pagesOfMany bounds the pages of one search for many issues: some may be there
// twice, and a site may give few at once.
const pagesOfMany = 10

// LookMany implements connectors.ManyLooker: one search for any of the labels. What
// it does not show is asked for alone if there is reason to believe that it is there:
// it was made or seen before, or it is a request, which may be without its label.
func (c *Connector) LookMany(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	keys := make([]string, len(refs))
	at := make(map[string]int, len(refs))
	for n, r := range refs {
		keys[n] = source.RecordKey(r.Incident, r.Epoch)
		at[keys[n]] = n
	}
	issues, err := c.findMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make([]connectors.Record, len(refs))
	for i := range issues { // the oldest is the one that is kept up to date
		known := false
		for _, label := range issues[i].Fields.Labels {
			if n, asked := at[label]; asked {
				known = true
				if out[n].Status == connectors.RecordNone {
					out[n] = c.record(&issues[i])
				}
			}
		}
		if !known {
			return nil, &connectors.TerminalError{Status: http.StatusOK, Detail: "it ignored a search for many labels and returned " + issues[i].Key + ", which has none of them"}
		}
	}
	for n, r := range refs {
		if out[n].Status != connectors.RecordNone || c.o.ServiceDesk == "" && c.made.ID(keys[n]) == "" {
			continue
		}
		if out[n], err = c.Look(ctx, r.Incident, r.Epoch); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// findMany returns the issues with any of the labels, oldest first.
func (c *Connector) findMany(ctx context.Context, labels []string) (all []issue, err error) {
	each := make([]string, len(labels))
	for n := range labels {
		each[n] = quoted(labels[n])
	}
	q := url.Values{"jql": {"project = " + quoted(c.o.Project) + " AND labels IN (" + strings.Join(each, ", ") + ") ORDER BY created ASC"}, "fields": {"labels,status,assignee,updated"}, "maxResults": {strconv.Itoa(connectors.LookManyMax)}}
	for range pagesOfMany {
		var got found
		if err := c.rest.Do(ctx, http.MethodGet, c.api(c.searchPath(), q), nil, &got); err != nil {
			return nil, err
		}
		all = append(all, got.Issues...)
		switch {
		case got.NextPageToken != "":
			q.Set("nextPageToken", got.NextPageToken)
		case len(got.Issues) > 0 && got.StartAt+len(got.Issues) < got.Total:
			q.Set("startAt", strconv.Itoa(got.StartAt+len(got.Issues)))
		default:
			return all, nil
		}
	}
	return nil, &connectors.TerminalError{Status: http.StatusOK, Detail: "it returned more than " + strconv.Itoa(len(all)) + " issues of " + strconv.Itoa(len(labels)) + " labels"}
}
