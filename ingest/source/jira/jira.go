// Package jira decodes Jira's webhooks into acts: what people did there to issues
// that Signalbox made. It is pure.
//
// An issue of ours carries the incident and its epoch in a label (RecordKey). Bodies
// about comments leave the labels out, and an issue with many of them shows only
// some; such an act has Incident 0 and the key in Link, for the connector to
// look up. Issues without a label of ours are left out.
//
// Nothing that Signalbox wrote comes back as news. Two tests are made here, each
// enough alone: our account did it, and it carries a mark of ours (a comment's
// beginning, a change's historyMetadata). The third is the fold's: a state that is
// so already changes nothing.
//
// # Decisions
//
// 2026-11 Of a body that may have hundreds of fields only the named ones are read.
//
// 2026-11 A change counts by the category that its status has now, since names are
// the workflow's own. That it was over before is known by a resolution that was
// taken away, or by the name of the earlier status.
package jira

import (
	"slices"
	"strconv"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// RecordKey is the label of the issue of an epoch.
func RecordKey(n itsm.IncidentNumber, epoch uint32) string { return source.RecordKey('-', n, epoch) }

// ParseRecordKey reads a label made by RecordKey; false for any other.
func ParseRecordKey(label string) (itsm.IncidentNumber, uint32, bool) {
	return source.ParseRecordKey('-', label)
}

// HistoryType is the historyMetadata.type of the changes that Signalbox makes.
const HistoryType = "signalbox"

// Config is what differs from site to site.
type Config struct {
	Own        []string          // accountId, user name or e-mail of the accounts that Signalbox writes with
	Done       []string          // names of statuses that are over, besides the usual ones
	Priorities map[string]string // names of priorities by ours, such as P1. nil: DefaultPriorities
	Users      map[string]string // accountIds or user names, by assignee here
	Bounds     source.Bounds
}

// DefaultPriorities are those of a new site.
var DefaultPriorities = map[string]string{"P1": "Highest", "P2": "High", "P3": "Medium", "P4": "Low", "P5": "Lowest"}

// PriorityOf reads a priority's name; 0 when it is none that is configured.
func (c *Config) PriorityOf(name string) itsm.Priority {
	names := c.Priorities
	if names == nil {
		names = DefaultPriorities
	}
	for p := itsm.P1; p <= itsm.P5; p++ {
		if name != "" && strings.EqualFold(names[p.String()], name) {
			return p
		}
	}
	return 0
}

// over are usual names of statuses in the category done.
var over = []string{"Done", "Closed", "Resolved", "Completed", "Canceled", "Cancelled", "Declined", "Won't Do", "Failed"}

// closeCodes by the resolutions of a new site; any other is the default.
var closeCodes = map[string]string{
	"duplicate": "duplicate", "cannot reproduce": "not_reproducible", "won't do": "no_action", "won't fix": "no_action", "declined": "no_action", "known error": "known_error", "workaround": "workaround",
}

// wanted are the fields read, those of
// https://developer.atlassian.com/server/jira/platform/webhooks/ and
// https://developer.atlassian.com/cloud/jira/platform/webhooks/ (2026-11).
var wanted = []string{
	"timestamp", "webhookEvent", "user.accountId", "user.name", "user.emailAddress", "user.displayName",
	"issue.id", "issue.key", "issue.self", "issue.fields.labels", "issue.fields.status.name", "issue.fields.status.statusCategory.key",
	"issue.fields.resolution.name", "issue.fields.assignee.accountId", "issue.fields.assignee.name", "issue.fields.assignee.emailAddress", "changelog.id", "changelog.items", "changelog.historyMetadata.type",
	"comment.id", "comment.body", "comment.author.accountId", "comment.author.name", "comment.author.emailAddress", "comment.author.displayName",
}

// actsMax is how many acts one change can be; each has a version of its own.
const actsMax = 8

// Decode turns the body of one webhook into acts. Events that change nothing of ours
// are an empty result.
func (c Config) Decode(body []byte, _ itsm.Time) (source.Result, error) {
	f, err := source.FlattenOnly(body, c.Bounds, wanted...)
	if err != nil {
		return source.Result{}, err
	}
	w := wire{Flat: f, c: &c}
	event := f["webhookEvent"]
	if event == "" {
		return source.Result{}, itsm.Errorf(itsm.Invalid, `webhookEvent: missing; expected the body of a Jira webhook`)
	}
	acts := w.acts(event)
	if len(acts) == 0 {
		return source.Result{}, nil
	}
	n, epoch, ours, known := w.whose()
	if known && !ours {
		return source.Result{}, nil
	}
	at, err := strconv.ParseInt(f["timestamp"], 10, 64)
	if err != nil || at <= 0 || at > 1<<52 {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "timestamp: %s is not a number of ms since 1970", source.Quote(f["timestamp"]))
	}
	key := f["issue.key"]
	if key == "" || len(key) > source.NameBytesMax {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "issue.key: %d bytes, expected 1 to %d", len(key), source.NameBytesMax)
	}
	acts = acts[:min(len(acts), actsMax)]
	for i := range acts {
		a := &acts[i]
		a.Incident, a.Epoch, a.Actor, a.PartnerVersion = n, epoch, w.actor(), at+int64(i)
		if a.DeliveryID == "" {
			a.DeliveryID = w.delivery(event)
		}
		a.Link = &itsm.ExternalRef{ID: key, URL: w.page()}
	}
	return source.Result{Acts: acts}, nil
}

type wire struct {
	source.Flat
	c *Config
}

// whose reads the labels. known says whether they settle it.
func (w wire) whose() (n itsm.IncidentNumber, epoch uint32, ours, known bool) {
	count, err := strconv.Atoi(w.Flat["issue.fields.labels.#"])
	shown := 0
	for ; err == nil && shown < count; shown++ {
		label, ok := w.Flat["issue.fields.labels."+strconv.Itoa(shown)]
		if !ok {
			break
		}
		if n, epoch, ours = ParseRecordKey(label); ours {
			return n, epoch, true, true
		}
	}
	return 0, 0, false, err == nil && shown == count
}

// delivery is the same however often the same change is reported.
func (w wire) delivery(event string) string {
	return source.Clip(strings.Join([]string{event, w.First("issue.id", "issue.key"), w.First("changelog.id", "comment.id", "timestamp")}, ":"), source.NameBytesMax)
}

// page is the address for people, made from that of the API.
func (w wire) page() string {
	site, _, ok := strings.Cut(w.Flat["issue.self"], "/rest/")
	if !ok {
		return ""
	}
	return source.Link(site + "/browse/" + w.Flat["issue.key"])
}

func (w wire) actor() string {
	who := w.First("user.displayName", "user.name", "comment.author.displayName", "comment.author.name")
	if who == "" {
		who = "Jira"
	}
	return "jira:" + source.Clip(who, source.PersonBytesMax)
}

// isOurs reports whether our account did it, or the change carries our mark.
func (w wire) isOurs() bool {
	who := "user."
	if w.First("user.accountId", "user.name", "user.emailAddress") == "" {
		who = "comment.author."
	}
	for _, f := range []string{"accountId", "name", "emailAddress"} {
		if source.SameName(w.Flat[who+f], w.c.Own) {
			return true
		}
	}
	return w.Flat["changelog.historyMetadata.type"] == HistoryType
}

func (w wire) acts(event string) []itsm.Act {
	switch {
	case event == "jira:issue_created":
		return []itsm.Act{{Kind: itsm.ActLink}}
	case w.isOurs():
		return nil
	case event == "jira:issue_deleted":
		return []itsm.Act{{Kind: itsm.ActNote, Text: "its issue " + source.Clip(w.Flat["issue.key"], source.PersonBytesMax) + " was deleted in Jira"}}
	case event == "comment_created":
		return w.comment()
	case event == "jira:issue_updated":
		return append(w.changes(), w.comment()...)
	}
	return nil
}

// comment is a note; one that we wrote is none.
func (w wire) comment() []itsm.Act {
	text := strings.TrimSpace(w.text("comment.body"))
	if text == "" || strings.HasPrefix(strings.ReplaceAll(text, `\`, ""), strings.TrimSpace(source.NoteMark)) {
		return nil // a backslash takes its meaning from what is markup
	}
	a := itsm.Act{Kind: itsm.ActNote, Text: source.Clip(text, itsm.NoteBytesMax)}
	if id := w.Flat["comment.id"]; id != "" { // two events tell of one comment
		a.DeliveryID = source.Clip("comment:"+id, source.NameBytesMax)
	}
	return []itsm.Act{a}
}

// text reads what is text, or a document of the Atlassian Document Format.
func (w wire) text(path string) string {
	if s, ok := w.Flat[path]; ok {
		return s
	}
	var b strings.Builder
	w.document(&b, path)
	return b.String()
}

func (w wire) document(b *strings.Builder, path string) {
	b.WriteString(w.Flat[path+".text"])
	n, err := strconv.Atoi(w.Flat[path+".content.#"])
	for i := 0; err == nil && i < n; i++ {
		child := path + ".content." + strconv.Itoa(i)
		if _, ok := w.Flat[child+".type"]; !ok {
			break
		}
		w.document(b, child)
		if slices.Contains([]string{"paragraph", "hardBreak", "heading", "listItem", "codeBlock"}, w.Flat[child+".type"]) {
			b.WriteByte('\n')
		}
	}
}

// changes are the acts of what the changelog lists.
// assigned is an assignment to somebody there, who is one of us where the account or
// its e-mail says so.
func (w wire) assigned(shown, id string) itsm.Act {
	if name := source.NameOf(w.c.Users, id); name != "" {
		return itsm.Act{Kind: itsm.ActAssign, Assignee: name}
	}
	a := itsm.Act{Kind: itsm.ActAssign, Assignee: source.Clip(shown, source.PersonBytesMax)}
	if now := w.First("issue.fields.assignee.accountId", "issue.fields.assignee.name"); now != "" && now == id {
		a.Email = source.Clip(w.Flat["issue.fields.assignee.emailAddress"], source.PersonBytesMax)
	}
	return a
}

func (w wire) changes() (acts []itsm.Act) {
	status, wasOver := -1, false
	for i := 0; ; i++ {
		at := "changelog.items." + strconv.Itoa(i) + "."
		field, ok := w.Flat[at+"field"]
		if !ok {
			break
		}
		to := w.Flat[at+"toString"]
		switch field {
		case "status":
			status = i
			wasOver = wasOver || w.isOver(w.Flat[at+"fromString"])
		case "resolution":
			wasOver = wasOver || (to == "" && w.Flat[at+"fromString"] != "")
		case "assignee":
			if to != "" {
				acts = append(acts, w.assigned(to, w.Flat[at+"to"]))
			}
		case "priority":
			if p := w.c.PriorityOf(to); p != 0 {
				acts = append(acts, itsm.Act{Kind: itsm.ActPriority, Priority: p})
			}
		}
	}
	if status >= 0 {
		acts = append(w.moved(wasOver), acts...)
	}
	return acts
}

func (w wire) isOver(status string) bool {
	return slices.ContainsFunc(append(slices.Clone(over), w.c.Done...), func(s string) bool { return strings.EqualFold(s, status) })
}

// moved are the acts of a status of the category that it has now.
func (w wire) moved(wasOver bool) (acts []itsm.Act) {
	category := w.Flat["issue.fields.status.statusCategory.key"]
	if category == "done" {
		return []itsm.Act{{Kind: itsm.ActResolve, CloseCode: closeCodes[strings.ToLower(w.Flat["issue.fields.resolution.name"])]}}
	}
	if wasOver {
		acts = append(acts, itsm.Act{Kind: itsm.ActReopen, Reason: "moved to " + source.Clip(w.Flat["issue.fields.status.name"], source.PersonBytesMax) + " in Jira"})
	}
	switch {
	case category == "indeterminate":
		acts = append(acts, itsm.Act{Kind: itsm.ActAcknowledge})
	case category == "new" && !wasOver:
		acts = append(acts, itsm.Act{Kind: itsm.ActUnacknowledge})
	}
	return acts
}
