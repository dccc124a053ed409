// Package servicenow decodes what ServiceNow tells of its records into acts: the
// body that our business rule posts, and rows that the connector polled, brought
// into the same shape. It is pure.
//
// Changes are taken over whoever made them. A record that the connector made of a change
// of ours is no other change: of it the state and the times are taken over.
//
// A record of ours carries the incident and its epoch in correlation_id
// (RecordKey), that of a change or a problem its number (ObjectKey). Incidents of
// others are left out, and so are problems that no poll asked for.
//
// Nothing that Signalbox wrote comes back as news. Two tests are made here, each
// enough alone: the record was last updated by our account, and the update changed
// correlation_display, where the connector leaves the key of the intent it carries
// out. The third is the fold's: a state that is so already changes nothing.
//
// # Decisions
//
// 2026-11 A version is the time of the update in ms, in whose last three digits are
// the record's sys_mod_count and the act's place among those of one update:
// sys_updated_on has whole seconds, two updates in one second are common in a
// workflow, and one update may move a record and assign it, too.
package servicenow

import (
	_ "embed" // for Script
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Script is the business rule whose bodies Decode reads. SIGNALBOX_WEBHOOK in it
// stands for the address of the webhook.
//
//go:embed rule.js
var Script string

// RecordKey is the correlation_id of the record of an epoch.
func RecordKey(n itsm.IncidentNumber, epoch uint32) string { return source.RecordKey('/', n, epoch) }

// ParseRecordKey reads a correlation_id made by RecordKey; false for any other.
func ParseRecordKey(key string) (itsm.IncidentNumber, uint32, bool) {
	return source.ParseRecordKey('/', key)
}

// Config is what the instance's administrators may have changed.
type Config struct {
	Own        []string                // user names that Signalbox writes with
	States     map[itsm.State][]string // choices of incident.state; the first of each is written. nil: DefaultStates
	CloseCodes map[string]string       // our close codes and theirs. nil: DefaultCloseCodes

	ChangeStates  map[itsm.ChangeState][]string  // choices of change_request.state. nil: DefaultChangeStates
	ProblemStates map[itsm.ProblemState][]string // choices of problem.state. nil: DefaultProblemStates

	Users map[string]string // user names there, by assignee here

	TheirProblems bool // problems that were made there are taken in, too, as they are polled

	Bounds source.Bounds
}

// DefaultStates are the choices of a new instance.
var DefaultStates = map[itsm.State][]string{
	itsm.New: {"1"}, itsm.InProgress: {"2"}, itsm.OnHold: {"3"}, itsm.IncidentResolved: {"6"}, itsm.Closed: {"7"}, itsm.Cancelled: {"8"},
}

// DefaultCloseCodes are the resolution codes of a new instance.
var DefaultCloseCodes = map[string]string{
	"fixed": "Solution provided", "workaround": "Workaround provided", "known_error": "Known error", "duplicate": "Duplicate",
	"not_reproducible": "No resolution provided", "no_action": "Resolved by caller",
}

// StateOf reads a choice of incident.state; 0 when it is not configured.
func (c *Config) StateOf(choice string) itsm.State {
	states := c.States
	if states == nil {
		states = DefaultStates
	}
	for st := itsm.New; st <= itsm.Cancelled; st++ {
		if slices.Contains(states[st], choice) {
			return st
		}
	}
	return 0
}

// closeCodeOf reads a resolution code; one that is not configured says only that
// it was resolved, which is the default.
func (c *Config) closeCodeOf(theirs string) string {
	codes := c.CloseCodes
	if codes == nil {
		codes = DefaultCloseCodes
	}
	for _, ours := range itsm.CloseCodes {
		if theirs != "" && codes[ours] == theirs {
			return ours
		}
	}
	return ""
}

// timeLayout is how ServiceNow writes times: UTC without saying so.
const timeLayout = "2006-01-02 15:04:05"

// ParseTime reads a ServiceNow time.
func ParseTime(s string) (itsm.Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "%s is not a time such as \"2026-01-31 09:00:00\" (UTC)", source.Quote(s))
	}
	return itsm.TimeOf(t), nil
}

// FormatTime writes a ServiceNow time.
func FormatTime(t itsm.Time) string { return t.Std().UTC().Format(timeLayout) }

// actsMax is how many acts one update can be; each has a version of its own.
const actsMax = 10

// Version is the version of a record, from its sys_updated_on and sys_mod_count.
func Version(updated itsm.Time, modCount string) int64 {
	n, err := strconv.Atoi(modCount)
	if err != nil || n < 0 {
		n = 0
	}
	return int64(updated) + int64(actsMax*min(n, 99))
}

// Polled is the operation of a row that was read and not sent: what of it changed
// is not known.
const Polled = "poll"

// Decode turns one body into acts. Its shape is our own, written by the script in
// rule.js: {table, operation, changed[], previous{}, note{id, text}, url, user,
// record{}}, where record holds fields of
// https://docs.servicenow.com (Incident Management, table incident) as text.
func (c Config) Decode(body []byte, _ itsm.Time) (source.Result, error) {
	f, err := source.Flatten(body, c.Bounds)
	if err != nil {
		return source.Result{}, err
	}
	w := wire{Flat: f, c: &c}
	switch f["table"] {
	case "incident":
		return w.incident()
	case "change_request":
		return w.change()
	case "problem":
		return w.problem()
	case "":
		return source.Result{}, itsm.Errorf(itsm.Invalid, `table: missing; expected the body that the business rule of "signalbox snippets servicenow" sends`)
	}
	return source.Result{}, nil
}

type wire struct {
	source.Flat
	c       *Config
	at      itsm.Time
	version int64
}

// incident decodes a record of table incident.
func (w wire) incident() (source.Result, error) {
	n, epoch, ours := ParseRecordKey(w.Flat["record.correlation_id"])
	if !ours {
		return source.Result{}, nil
	}
	if err := w.read(); err != nil {
		return source.Result{}, err
	}
	now := w.c.StateOf(w.Flat["record.state"])
	if now == 0 {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "record.state: %s is not a state that is configured; add it to the connector's states", source.Quote(w.Flat["record.state"]))
	}
	var acts []itsm.Act
	switch {
	case w.Flat["operation"] == "insert":
		acts = []itsm.Act{{Kind: itsm.ActLink}}
	case w.isOurs():
	case w.Flat["operation"] == "delete":
		acts = []itsm.Act{{Kind: itsm.ActNote, Text: "its record " + w.name() + " was deleted in ServiceNow"}}
	case w.Flat["operation"] == Polled:
		acts = w.polled(now)
	default:
		acts = w.changes(now)
	}
	for i := range acts {
		a := &acts[i]
		a.Incident, a.Epoch, a.Actor, a.PartnerVersion = n, epoch, w.actor(), w.version+int64(i)
		a.Link = &itsm.ExternalRef{ID: w.Flat["record.sys_id"], URL: source.Link(w.Flat["url"])}
		if a.DeliveryID == "" {
			a.DeliveryID = strings.Join([]string{w.Flat["operation"], w.Flat["record.sys_id"], w.Flat["record.sys_updated_on"], w.Flat["record.sys_mod_count"]}, ":")
		}
		a.DeliveryID = source.Clip(a.DeliveryID, source.NameBytesMax)
	}
	return source.Result{Acts: acts}, nil
}

// read checks what every record has.
func (w *wire) read() (err error) {
	id := w.Flat["record.sys_id"]
	if id == "" || len(id) > source.NameBytesMax {
		return itsm.Errorf(itsm.Invalid, "record.sys_id: %d bytes, expected 1 to %d", len(id), source.NameBytesMax)
	}
	if len(w.Flat["record.sys_mod_count"]) > 20 || len(w.Flat["operation"]) > 20 {
		return itsm.Errorf(itsm.Invalid, "operation or record.sys_mod_count: longer than 20 bytes")
	}
	if w.at, err = ParseTime(w.Flat["record.sys_updated_on"]); err != nil {
		return itsm.Errorf(itsm.Invalid, "record.sys_updated_on: %s", itsm.MessageOf(err))
	}
	w.version = Version(w.at, w.Flat["record.sys_mod_count"])
	return nil
}

// isOurs reports whether Signalbox made the update.
func (w wire) isOurs() bool {
	return source.SameName(w.Flat["record.sys_updated_by"], w.c.Own) || w.changed("correlation_display")
}

func (w wire) name() string {
	return source.Clip(w.First("record.number", "record.sys_id"), source.PersonBytesMax)
}

func (w wire) actor() string {
	who := w.First("user", "record.sys_updated_by")
	if who == "" {
		who = "ServiceNow"
	}
	return "servicenow:" + source.Clip(who, source.PersonBytesMax)
}

// changed reports whether the update changed a field.
func (w wire) changed(field string) bool {
	for i := 0; ; i++ {
		f, ok := w.Flat["changed."+strconv.Itoa(i)]
		if !ok {
			return false
		}
		if f == field {
			return true
		}
	}
}

// changes are the acts of an update that says what it changed.
func (w wire) changes(now itsm.State) (acts []itsm.Act) {
	if w.changed("state") {
		acts = w.moved(w.c.StateOf(w.Flat["previous.state"]), now)
	}
	if w.changed("priority") {
		if p, err := itsm.ParsePriority("P" + w.Flat["record.priority"]); err == nil {
			acts = append(acts, itsm.Act{Kind: itsm.ActPriority, Priority: p})
		}
	}
	if w.changed("assigned_to") || w.changed("assignment_group") {
		acts = append(acts, w.assigned()...)
	}
	if text := w.Flat["note.text"]; strings.TrimSpace(text) != "" && !strings.HasPrefix(text, source.NoteMark) {
		a := itsm.Act{Kind: itsm.ActNote, Text: source.Clip(text, itsm.NoteBytesMax)}
		if id := w.Flat["note.id"]; id != "" { // two updates of one second both bring it
			a.DeliveryID = "note:" + id
		}
		acts = append(acts, a)
	}
	return acts
}

// moved are the acts of a move from one state to another; was is 0 when unknown.
func (w wire) moved(was, now itsm.State) (acts []itsm.Act) {
	over := was == itsm.IncidentResolved || was == itsm.Closed || was == itsm.Cancelled
	if now.IsOpen() && over {
		acts = append(acts, itsm.Act{Kind: itsm.ActReopen, Reason: "reopened in ServiceNow"})
	}
	switch now {
	case itsm.New:
		if !over && was != 0 {
			acts = append(acts, itsm.Act{Kind: itsm.ActUnacknowledge})
		}
	case itsm.InProgress:
		if was == itsm.OnHold {
			return append(acts, itsm.Act{Kind: itsm.ActResume})
		}
		acts = append(acts, itsm.Act{Kind: itsm.ActAcknowledge})
	case itsm.OnHold:
		acts = append(acts, itsm.Act{Kind: itsm.ActAcknowledge}, itsm.Act{Kind: itsm.ActHold, Reason: w.holdReason()})
	default:
		acts = append(acts, w.resolved(now))
	}
	return acts
}

// holdReasons are the choices of incident.hold_reason of a new instance.
var holdReasons = map[string]string{"1": "caller", "3": "problem", "4": "vendor", "5": "change"}

// holdReason takes a choice of the instance's own as waiting for the caller, the
// first of ServiceNow's.
func (w wire) holdReason() string {
	if r := holdReasons[w.Flat["record.hold_reason"]]; r != "" {
		return r
	}
	return "caller"
}

func (w wire) resolved(now itsm.State) itsm.Act {
	a := itsm.Act{Kind: itsm.ActResolve, CloseCode: w.c.closeCodeOf(w.Flat["record.close_code"]), Text: source.Clip(w.Flat["record.close_notes"], itsm.NoteBytesMax)}
	if now == itsm.Cancelled {
		a.CloseCode = "no_action"
		if a.Text == "" {
			a.Text = "cancelled in ServiceNow"
		}
	}
	return a
}

func (w wire) assigned() []itsm.Act {
	a := itsm.Act{Kind: itsm.ActAssign, Assignee: source.Clip(w.Flat["record.assigned_to"], source.PersonBytesMax), Email: source.Clip(w.Flat["record.assigned_to.email"], source.PersonBytesMax), Group: source.Clip(w.Flat["record.assignment_group"], source.PersonBytesMax)}
	if name := source.NameOf(w.c.Users, w.Flat["record.assigned_to.user_name"]); name != "" {
		a.Assignee, a.Email = name, ""
	}
	if a.Assignee == "" && a.Group == "" {
		return nil // there is nobody to name
	}
	return []itsm.Act{a}
}

// reopenedWithin is how old a reopening may be that a polled row tells of.
const reopenedWithin = 24 * time.Hour

// polled are the acts of a row whose changes are unknown: it says how it stands.
// What would undo something here is taken from a time of its own, once.
func (w wire) polled(now itsm.State) (acts []itsm.Act) {
	id := w.Flat["record.sys_id"]
	if reopened, err := ParseTime(w.Flat["record.reopened_time"]); err == nil && now.IsOpen() && w.at-reopened <= itsm.Time(reopenedWithin.Milliseconds()) {
		acts = append(acts, itsm.Act{Kind: itsm.ActReopen, Reason: "reopened in ServiceNow", DeliveryID: "reopened:" + id + ":" + w.Flat["record.reopened_time"]})
	}
	if now != itsm.New {
		acts = append(acts, w.moved(0, now)...)
	}
	for _, a := range w.assigned() {
		a.DeliveryID = "assigned:" + id + ":" + source.Digest(a.Assignee, a.Group)
		acts = append(acts, a)
	}
	return acts
}
