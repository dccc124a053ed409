package jira

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors"
)

// Categories of statuses.
const (
	indeterminate = "indeterminate"
	done          = "done"
)

// issuesLooked bounds the issues that a search reads: one is expected.
const issuesLooked = 50

// issueFields are read of an issue before it is changed.
const issueFields = "summary,description,labels,status,priority,assignee,updated"

// issue is what is read of one.
type issue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Summary     string
		Description json.RawMessage
		Labels      []string
		Updated     string
		Status      struct {
			Name           string
			StatusCategory struct{ Key string }
		}
		Priority *struct{ Name string }
		Assignee *account
	} `json:"fields"`
}

func (i *issue) category() string { return i.Fields.Status.StatusCategory.Key }

// has reports whether the issue carries a key as its label.
func (i *issue) has(key string) bool { return slices.Contains(i.Fields.Labels, key) }

// tells reports whether its description ends as that of a record with this key.
func (i *issue) tells(key string) bool {
	return strings.Contains(string(i.Fields.Description), recordLine(key))
}

// recordLine stands in a description. The full stop keeps one key from being the
// beginning of another.
func recordLine(key string) string { return "Record " + key + "." }

func (i *issue) version() int64 {
	for _, layout := range []string{"2006-01-02T15:04:05.000-0700", time.RFC3339Nano} {
		if t, err := time.Parse(layout, i.Fields.Updated); err == nil {
			return t.UnixMilli()
		}
	}
	return 0
}

// quoted makes a string of JQL.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// find returns the issue with a key, the oldest should there ever be two; nil when
// there is none to be seen.
func (c *Connector) find(ctx context.Context, key string) (*issue, error) {
	if id := c.made.ID(key); id != "" {
		i, err := c.get(ctx, id)
		if err == nil && c.isOf(i, key) {
			return i, nil
		}
		if err != nil && connectors.StatusOf(err) != http.StatusNotFound {
			return nil, err
		}
	}
	jql := "labels = " + quoted(key)
	if c.o.ServiceDesk != "" {
		jql = "(" + jql + " OR description ~ " + quoted(quoted(key)) + ")"
	}
	q := url.Values{"jql": {"project = " + quoted(c.o.Project) + " AND " + jql + " ORDER BY created ASC"}, "fields": {issueFields}, "maxResults": {strconv.Itoa(issuesLooked)}}
	var got found
	if err := c.rest.Do(ctx, http.MethodGet, c.api(c.searchPath(), q), nil, &got); err != nil {
		return nil, err
	}
	for n := range got.Issues {
		if i := &got.Issues[n]; c.isOf(i, key) {
			c.made.Found(key, i.Key)
			return i, nil
		}
	}
	if len(got.Issues) >= issuesLooked {
		return nil, &connectors.TerminalError{Status: http.StatusOK, Detail: "it returned issues of others for the label " + key + ", so nothing was changed"}
	}
	return nil, nil
}

// found is a page of what a search found: with a token for the next, or with the place
// it is from and how many there are.
type found struct {
	Issues         []issue
	NextPageToken  string
	StartAt, Total int
}

func (c *Connector) searchPath() string {
	if c.o.Version == 3 {
		return "search/jql"
	}
	return "search"
}

// isOf reports whether an issue is the record with a key.
func (c *Connector) isOf(i *issue, key string) bool {
	return i.Key != "" && (i.has(key) || c.o.ServiceDesk != "" && i.tells(key))
}

func (c *Connector) get(ctx context.Context, key string) (*issue, error) {
	var i issue
	err := c.rest.Do(ctx, http.MethodGet, c.api("issue/"+url.PathEscape(key), url.Values{"fields": {issueFields}}), nil, &i)
	return &i, err
}
