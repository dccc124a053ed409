package servicenow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"signalbox/connectors"
	"signalbox/ingest/source"
	sn "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// Lengths of fields of a new instance, in characters.
const (
	shortMax       = 160
	descriptionMax = 4000
	notesMax       = 4000
)

// noteKeyBytes of an intent's key end a note, so that it is not written twice.
const noteKeyBytes = 12

// newRecord is the body that makes the record of an epoch.
func (c *Connector) newRecord(ctx context.Context, in *itsm.Intent, key string) (map[string]string, error) {
	impact, urgency := levels(&in.Snapshot)
	body := map[string]string{}
	maps.Copy(body, c.o.Extra)
	maps.Copy(body, map[string]string{
		"correlation_id": key, "correlation_display": in.Key, "short_description": short(&in.Snapshot), "description": c.description(in),
		"impact": impact, "urgency": urgency, "state": c.choice(itsm.New),
	})
	names, err := c.names(ctx, in)
	maps.Copy(body, names)
	return body, err
}

// changes is the body by which a record comes to reflect an intent; nil when it
// does already, or is over. who is the sys_id of the assignee, "" of nobody known there.
func (c *Connector) changes(in *itsm.Intent, r row, who string) map[string]string {
	now := c.o.Fields.StateOf(r.value("state"))
	if now == itsm.Closed || now == itsm.Cancelled {
		return nil // they are read-only
	}
	switch {
	case in.Transition == itsm.Note:
		mark := "(" + in.Key[:min(len(in.Key), noteKeyBytes)] + ")"
		if strings.Contains(r["work_notes"].shown, mark) {
			return nil // an earlier try wrote it
		}
		return map[string]string{"work_notes": note(in.Actor+": "+in.Text, mark)}
	case now == itsm.IncidentResolved:
		return nil
	case in.Transition == itsm.Resolve:
		return c.resolution(in)
	case in.Transition == itsm.Acknowledge:
		if now == itsm.InProgress || now == itsm.OnHold {
			return nil
		}
		return map[string]string{"state": c.choice(itsm.InProgress), "work_notes": note(in.Text, "")}
	}
	body := renewed(&in.Snapshot, r, who)
	if body != nil && in.Transition == itsm.Update {
		body["work_notes"] = note(in.Text, "")
	}
	return body
}

// renewed is what of a record's head is out of date.
func renewed(s *itsm.IncidentSnapshot, r row, who string) map[string]string {
	impact, urgency := levels(s)
	var body map[string]string
	for field, v := range map[string]string{"short_description": short(s), "impact": impact, "urgency": urgency, "assigned_to": who} {
		if r.value(field) != v && !(field == "assigned_to" && who == "") {
			if body == nil {
				body = map[string]string{}
			}
			body[field] = v
		}
	}
	return body
}

func (c *Connector) resolution(in *itsm.Intent) map[string]string {
	codes := c.o.Fields.CloseCodes
	if codes == nil {
		codes = sn.DefaultCloseCodes
	}
	code := cmp.Or(codes[in.Snapshot.CloseCode], codes[itsm.CloseCodes[0]])
	notes := note(connectors.ResolvedBy(in), "")
	return map[string]string{"state": c.choice(itsm.IncidentResolved), "close_code": code, "close_notes": notes}
}

// choice is how the instance writes a state.
func (c *Connector) choice(st itsm.State) string {
	if own := c.o.Fields.States[st]; len(own) > 0 {
		return own[0]
	}
	return sn.DefaultStates[st][0]
}

// levels are impact and urgency as ServiceNow counts them: 1 is high. Where a
// person overrode the priority they are those that come to it there.
func levels(s *itsm.IncidentSnapshot) (impact, urgency string) {
	i, u := s.Impact, s.Urgency
	if i == 0 || u == 0 || itsm.PriorityOf(i, u) != s.Priority {
		p := ofPriority[s.Priority]
		i, u = p[0], p[1]
	}
	return strconv.Itoa(int(i)), strconv.Itoa(int(u))
}

// ofPriority are an impact and an urgency that come to each priority.
var ofPriority = map[itsm.Priority][2]itsm.Level{
	0: {itsm.Medium, itsm.Low}, itsm.P1: {itsm.High, itsm.High}, itsm.P2: {itsm.High, itsm.Medium}, itsm.P3: {itsm.Medium, itsm.Medium}, itsm.P4: {itsm.Medium, itsm.Low}, itsm.P5: {itsm.Low, itsm.Low},
}

// short is the title on one line.
func short(s *itsm.IncidentSnapshot) string {
	return connectors.CutRunes(strings.Join(strings.Fields(s.Title), " "), shortMax)
}

// description tells people what they need before they open the console.
func (c *Connector) description(in *itsm.Intent) string {
	s := &in.Snapshot
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line("Incident", strings.TrimSpace(in.Incident.String()+" "+in.Incident.PageAt(c.o.ExternalURL)))
	line("Priority", s.Priority.String())
	line("Probable cause", s.Cause)
	line("Why", cmp.Or(s.Because, in.Text))
	line("CIs", strings.Join(s.CIs, ", "))
	line("Services", strings.Join(s.Services, ", "))
	line("Alerts", fmt.Sprintf("%d, %d of them firing", s.Alerts, s.Firing))
	line("Runbook", s.Runbook)
	line("Opened", s.OpenedAt.String())
	return connectors.CutRunes(neutral(b.String()), descriptionMax)
}

// note is text of ours, known as such when it comes back.
func note(text, mark string) string {
	room := notesMax - utf8.RuneCountInString(mark) - 1
	return strings.TrimSpace(connectors.CutRunes(neutral(source.NoteMark+text), room) + " " + mark)
}

// neutral takes its meaning from the one piece of markup that ServiceNow's journal
// fields have: what stands between [code] and [/code] is shown as HTML.
func neutral(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '[' && (startsFold(s[i+1:], "code]") || startsFold(s[i+1:], "/code]")) {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func startsFold(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}
