package jira

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"signalbox/connectors"
	"signalbox/ingest/source"
	sj "signalbox/ingest/source/jira"
	"signalbox/itsm"
)

const (
	summaryMax   = 255   // characters
	textMax      = 30000 // characters of a description or comment; Jira takes 32,767
	noteKeyBytes = 12    // of an intent's key end a comment, so that it is not written twice
	hopsMax      = 4     // transitions to reach a status
	commentsRead = 100
)

type object = map[string]any

// create makes the issue or the request of an epoch.
func (c *Connector) create(ctx context.Context, in *itsm.Intent, key string) (*issue, error) {
	who, err := c.users.ID(ctx, in.Snapshot.Assignee, in.Snapshot.AssigneeEmail)
	if err != nil {
		return nil, err
	}
	c.made.Trying(key)
	got, err := c.post(ctx, in, key, who)
	c.made.Settled(key, err)
	if err != nil {
		return nil, err
	}
	c.made.Made(key, got)
	i := &issue{Key: got}
	if c.o.ServiceDesk == "" {
		i.Fields.Labels = []string{key}
	}
	i.Fields.Summary = summary(&in.Snapshot)
	i.Fields.Assignee = c.account(who)
	i.Fields.Priority = &struct{ Name string }{c.priority(in.Snapshot.Priority)}
	return i, nil
}

func (c *Connector) post(ctx context.Context, in *itsm.Intent, key, who string) (string, error) {
	var got struct{ Key, IssueKey string }
	if c.o.ServiceDesk != "" {
		values := object{"summary": summary(&in.Snapshot), "description": wiki(c.description(in, key))}
		for k, v := range c.o.Fields {
			values[k] = v
		}
		body := object{"serviceDeskId": c.o.ServiceDesk, "requestTypeId": c.o.RequestType, "requestFieldValues": values}
		err := c.rest.Do(ctx, http.MethodPost, c.o.URL+"/rest/servicedeskapi/request", body, &got)
		return named(got.IssueKey, err)
	}
	fields := object{}
	for k, v := range c.o.Fields {
		fields[k] = v
	}
	maps.Copy(fields, object{
		"project": object{"key": c.o.Project}, "issuetype": object{"name": c.o.IssueType}, "summary": summary(&in.Snapshot),
		"description": c.text(c.description(in, key)), "labels": append([]string{key}, c.o.Labels...), "priority": object{"name": c.priority(in.Snapshot.Priority)},
	})
	if who != "" {
		fields["assignee"] = c.account(who)
	}
	err := c.rest.Do(ctx, http.MethodPost, c.api("issue", nil), object{"fields": fields}, &got)
	if refused := refusedFields(err); len(refused) > 0 { // its screen has none, or not of that name
		for _, f := range refused {
			delete(fields, f)
		}
		err = c.rest.Do(ctx, http.MethodPost, c.api("issue", nil), object{"fields": fields}, &got)
	}
	return named(got.Key, err)
}

// named takes an answer without a name for what it is: something was made, perhaps.
func named(key string, err error) (string, error) {
	if err == nil && key == "" {
		err = connectors.Retry(0, "Jira did not say which issue it made")
	}
	return key, err
}

// refusedFields are those of our optional fields that an issue may not have.
func refusedFields(err error) (out []string) {
	for _, f := range []string{"priority", "assignee"} {
		if connectors.StatusOf(err) == http.StatusBadRequest && strings.Contains(err.Error(), `"`+f+`"`) {
			out = append(out, f)
		}
	}
	return out
}

func (c *Connector) priority(p itsm.Priority) string {
	names := c.o.Site.Priorities
	if names == nil {
		names = sj.DefaultPriorities
	}
	return names[p.String()]
}

// label marks a request as the record of a key.
func (c *Connector) label(ctx context.Context, issueKey, key string) error {
	add := []object{{"add": key}}
	for _, l := range c.o.Labels {
		add = append(add, object{"add": l})
	}
	return c.rest.Do(ctx, http.MethodPut, c.api("issue/"+url.PathEscape(issueKey), nil), object{"update": object{"labels": add}}, nil)
}

// refresh brings an issue's head up to date.
func (c *Connector) refresh(ctx context.Context, in *itsm.Intent, i *issue) error {
	fields := object{}
	if s := summary(&in.Snapshot); i.Fields.Summary != s {
		fields["summary"] = s
	}
	if p := c.priority(in.Snapshot.Priority); p != "" && i.Fields.Priority != nil && !strings.EqualFold(i.Fields.Priority.Name, p) {
		fields["priority"] = object{"name": p}
	}
	who, err := c.users.ID(ctx, in.Snapshot.Assignee, in.Snapshot.AssigneeEmail)
	if err != nil {
		return err
	}
	if who != "" && i.Fields.Assignee.id() != who {
		fields["assignee"] = c.account(who)
	}
	if len(fields) == 0 {
		return nil
	}
	body := object{"fields": fields, "historyMetadata": history(in)}
	err = c.rest.Do(ctx, http.MethodPut, c.api("issue/"+url.PathEscape(i.Key), nil), body, nil)
	if refused := refusedFields(err); len(refused) > 0 {
		for _, f := range refused {
			delete(fields, f)
		}
		if len(fields) == 0 {
			return nil
		}
		err = c.rest.Do(ctx, http.MethodPut, c.api("issue/"+url.PathEscape(i.Key), nil), body, nil)
	}
	return err
}

// history marks a change as ours in the issue's history.
func history(in *itsm.Intent) object {
	return object{"type": sj.HistoryType, "description": "Signalbox " + string(in.Transition), "extraData": object{"intent": in.Key}}
}

// transition is one that an issue can take now.
type transition struct {
	ID string
	To struct {
		Name           string
		StatusCategory struct{ Key string }
	}
	Fields map[string]struct {
		AllowedValues []struct{ Name string }
	}
}

// move takes an issue to a status of a category, by others where it has to; false
// when no way leads there.
func (c *Connector) move(ctx context.Context, in *itsm.Intent, i *issue, category string) (bool, error) {
	been := map[string]bool{}
	for at := i.Fields.Status.Name; len(been) < hopsMax; {
		been[at] = true
		all, err := c.transitions(ctx, i.Key, at)
		if err != nil {
			return false, err
		}
		t := towards(all, category, been)
		if t == nil {
			return false, nil
		}
		body := object{"transition": object{"id": t.ID}, "historyMetadata": history(in)}
		if f, ok := t.Fields["resolution"]; ok && category == done {
			name := c.o.Resolution
			if name == "" && len(f.AllowedValues) > 0 {
				name = f.AllowedValues[0].Name
			}
			body["fields"] = object{"resolution": object{"name": name}}
		}
		err = c.rest.Do(ctx, http.MethodPost, c.api("issue/"+url.PathEscape(i.Key)+"/transitions", nil), body, nil)
		if connectors.StatusOf(err) == http.StatusBadRequest && c.ways.drop(at) {
			continue // the workflow was changed since
		}
		if err != nil || t.To.StatusCategory.Key == category {
			return err == nil, err
		}
		at = t.To.Name
	}
	return false, nil
}

// transitions are those that an issue in a status can take. They are the same for
// every issue in it, and remembered for a while.
func (c *Connector) transitions(ctx context.Context, issueKey, status string) ([]transition, error) {
	if all, ok := c.ways.get(status); ok {
		return all, nil
	}
	var got struct{ Transitions []transition }
	err := c.rest.Do(ctx, http.MethodGet, c.api("issue/"+url.PathEscape(issueKey)+"/transitions", url.Values{"expand": {"transitions.fields"}}), nil, &got)
	if err == nil && len(got.Transitions) > 0 {
		c.ways.put(status, got.Transitions)
	}
	return got.Transitions, err
}

// towards picks the first transition into the category; for done, else one on the
// way there that was not taken yet.
func towards(all []transition, category string, been map[string]bool) *transition {
	for n := range all {
		if all[n].To.StatusCategory.Key == category {
			return &all[n]
		}
	}
	for n := range all {
		if category == done && all[n].To.StatusCategory.Key == indeterminate && !been[all[n].To.Name] {
			return &all[n]
		}
	}
	return nil
}

// comment adds text of ours, once.
func (c *Connector) comment(ctx context.Context, in *itsm.Intent, issueKey, text string) error {
	known := "comment " + in.Key
	if c.made.ID(known) != "" {
		return nil
	}
	mark := "(" + in.Key[:min(len(in.Key), noteKeyBytes)] + ")"
	at := c.api("issue/"+url.PathEscape(issueKey)+"/comment", nil)
	if c.made.Doubtful(in, known) {
		if there, err := c.commented(ctx, at, mark); there || err != nil {
			return err
		}
	}
	c.made.Trying(known)
	err := c.rest.Do(ctx, http.MethodPost, at, object{"body": c.text([]string{connectors.CutRunes(source.NoteMark+text, textMax) + " " + mark})}, nil)
	c.made.Settled(known, err)
	if err == nil {
		c.made.Made(known, mark)
	}
	return err
}

// commented reports whether an earlier try wrote a comment.
func (c *Connector) commented(ctx context.Context, at, mark string) (bool, error) {
	var got struct {
		Comments []struct{ Body anything }
	}
	err := c.rest.Do(ctx, http.MethodGet, at+"?orderBy=-created&maxResults="+strconv.Itoa(commentsRead), nil, &got)
	for _, have := range got.Comments {
		if strings.Contains(string(have.Body), mark) {
			return true, err
		}
	}
	return false, err
}

// anything is JSON as it came.
type anything string

// UnmarshalJSON implements json.Unmarshaler.
func (a *anything) UnmarshalJSON(b []byte) error {
	*a = anything(b)
	return nil
}

func (c *Connector) resolution(in *itsm.Intent) string {
	text := connectors.ResolvedBy(in)
	if code := in.Snapshot.CloseCode; code != "" {
		text += " (" + strings.ReplaceAll(code, "_", " ") + ")"
	}
	return text
}

// summary is the title on one line.
func summary(s *itsm.IncidentSnapshot) string {
	return connectors.CutRunes(strings.Join(strings.Fields(s.Title), " "), summaryMax)
}

// description tells people what they need before they open the console, a line each.
func (c *Connector) description(in *itsm.Intent, key string) (lines []string) {
	s := &in.Snapshot
	line := func(name, value string) {
		if value = strings.Join(strings.Fields(value), " "); value != "" {
			lines = append(lines, connectors.CutRunes(name+": "+value, textMax/10))
		}
	}
	line("Incident", in.Incident.String()+" "+in.Incident.PageAt(c.o.ExternalURL))
	line("Priority", s.Priority.String())
	line("Probable cause", s.Cause)
	line("Why", s.Because)
	line("CIs", strings.Join(s.CIs, ", "))
	line("Services", strings.Join(s.Services, ", "))
	line("Alerts", fmt.Sprintf("%d, %d of them firing", s.Alerts, s.Firing))
	line("Runbook", s.Runbook)
	line("Opened", s.OpenedAt.String())
	return append(lines, recordLine(key))
}

// text is lines as the API takes them: a document where it is version 3.
func (c *Connector) text(lines []string) any {
	if c.o.Version == 3 {
		return document(lines)
	}
	return wiki(lines)
}

// document is lines in the Atlassian Document Format, where text has no markup.
func document(lines []string) object {
	var paragraphs []object
	for _, l := range lines {
		for part := range strings.SplitSeq(l, "\n") {
			p := object{"type": "paragraph"}
			if part != "" { // an empty text node is refused
				p["content"] = []object{{"type": "text", "text": part}}
			}
			paragraphs = append(paragraphs, p)
		}
	}
	return object{"type": "doc", "version": 1, "content": paragraphs}
}

// wikiEscapes take their meaning from what in Jira's text formatting runs macros,
// loads images, makes links and mentions people, or makes tables.
var wikiEscapes = strings.NewReplacer(`\`, `\\`, "{", `\{`, "[", `\[`, "!", `\!`, "|", `\|`)

func wiki(lines []string) string { return wikiEscapes.Replace(strings.Join(lines, "\n")) }
