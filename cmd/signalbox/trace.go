package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"signalbox/itsm"
)

// Bounds of what one trace asks the server for.
const (
	traceListsMax  = 50 // pages of the list of deliveries
	traceEventsMax = 50 // pages of one delivery
	traceAlertsMax = 20 // alerts of an incident
)

func traceCommand() *cobra.Command {
	t := storyteller{}
	cmd := &cobra.Command{
		Use:   "trace OFFSET|ALR…|INC…",
		Short: "Tell where an alert went",
		Long: `Asks a running server what became of what it accepted.

  OFFSET  an entry of the journal, the "offset" that answered a webhook: when and
          from whom it was received, and for each of its events whether it was folded
          into an alert, repeated one, was suppressed or quarantined, and why; for
          a partner's webhook what its people did, and whether that was applied
  ALR…    an alert: its first and last delivery, its incident, and its latest deliveries
  INC…    an incident: what opened it, its alerts and why they belong to it

Which rules were tried, and why an alert is not in the incident beside its own, is told
by 'signalbox explain'.`,
		Example: "  signalbox trace 17\n  signalbox trace ALR0000042 --limit 50\n  signalbox trace INC0000007 --server https://signalbox.example.com",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.ctx, t.w = cmd.Context(), cmd.OutOrStdout()
			return t.trace(args[0])
		},
	}
	t.flags(cmd)
	cmd.Flags().IntVar(&t.limit, "limit", 10, "deliveries of an alert or an incident to tell of")
	return cmd
}

// storyteller asks a server and tells what it answers.
type storyteller struct {
	client
	ctx   context.Context
	w     io.Writer
	limit int
}

func (t *storyteller) trace(what string) error {
	word := strings.ToUpper(strings.TrimSpace(what))
	if n, err := strconv.ParseUint(word, 10, 64); err == nil && n > 0 {
		return t.delivery(itsm.Offset(n))
	}
	if n, err := itsm.ParseAlertNumber(word); err == nil {
		return t.alert(n)
	}
	if n, err := itsm.ParseIncidentNumber(word); err == nil {
		return t.incident(n)
	}
	return fmt.Errorf("%q is neither the offset of an entry such as 17, nor an alert such as ALR0000042, nor an incident such as INC0000007", what)
}

// The parts of the API's answers that a trace tells.
type (
	tracedDelivery struct {
		Offset       itsm.Offset   `json:"offset"`
		At           itsm.Time     `json:"at"`
		Source       string        `json:"source"`
		EventCount   int           `json:"event_count"`
		Folded       int           `json:"folded"`
		Deduplicated int           `json:"deduplicated"`
		Suppressed   int           `json:"suppressed"`
		Quarantined  int           `json:"quarantined"`
		Kept         bool          `json:"kept"`
		Remote       string        `json:"remote"`
		RetryOf      string        `json:"retry_of"`
		RawBytes     int           `json:"raw_bytes"`
		Act          *tracedAct    `json:"act"`
		Events       []tracedEvent `json:"events"`
		NextEvent    int           `json:"next_event"`
	}
	tracedAct struct {
		Result string `json:"result"`
		Text   string `json:"text"`
		Story  string `json:"story"`
	}
	tracedEvent struct {
		Event    int    `json:"event"`
		Identity string `json:"identity"`
		Status   string `json:"status"`
		Severity string `json:"severity"`
		Title    string `json:"title"`
		Alert    string `json:"alert"`
		Incident string `json:"incident"`
		Now      string `json:"incident_now"`
		Story    string `json:"story"`
	}
	tracedAlert struct {
		ID           string    `json:"id"`
		Key          string    `json:"key"`
		Status       string    `json:"status"`
		Severity     string    `json:"severity"`
		Title        string    `json:"title"`
		Incident     string    `json:"incident"`
		SuppressedBy string    `json:"suppressed_by"`
		RaisedAt     itsm.Time `json:"raised_at"`
		LastSeenAt   itsm.Time `json:"last_seen_at"`
		EventCount   uint64    `json:"event_count"`
	}
	tracedIncident struct {
		Number     string    `json:"number"`
		Title      string    `json:"title"`
		State      string    `json:"state"`
		Priority   string    `json:"priority"`
		OpenedAt   itsm.Time `json:"opened_at"`
		AlertCount int       `json:"alert_count"`
		EventCount uint64    `json:"event_count"`
		MergedInto string    `json:"merged_into"`
	}
	tracedPage[T any] struct {
		Items []T    `json:"items"`
		Next  string `json:"next_cursor"`
	}
)

// get reads an answer of the API.
func (t *storyteller) get(path string, q url.Values, into any) error {
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	_, b, err := t.call(t.ctx, http.MethodGet, "/api/v1"+path, "", nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("GET %s: unexpected answer: %w", path, err)
	}
	return nil
}

func (t *storyteller) printf(format string, args ...any) { fmt.Fprintf(t.w, format, args...) }

// delivery tells of one entry and all its events.
func (t *storyteller) delivery(off itsm.Offset) error {
	return t.events(off, func(d *tracedDelivery) {
		t.printf("Entry %d, from %s\n", d.Offset, plain(d.Source))
		t.printf("  received  %s%s\n", d.At, from(d))
		if d.RetryOf != "" {
			t.printf("  retries   the quarantined delivery %s\n", plain(d.RetryOf))
		}
		if d.Act != nil {
			t.act(d.Act)
			return
		}
		t.printf("  accepted  %d = %d folded + %d deduplicated + %d suppressed + %d quarantined\n", d.EventCount, d.Folded, d.Deduplicated, d.Suppressed, d.Quarantined)
		if !d.Kept {
			t.printf("  The journal no longer holds it: what was received is not known any more.\n")
		}
	}, func(_ *tracedDelivery, e *tracedEvent) bool {
		t.printf("\n%d. %s\n   %s\n", e.Event+1, words(e), plain(e.Story))
		return true
	})
}

// act tells what a partner's people did.
func (t *storyteller) act(a *tracedAct) {
	t.printf("  act       %s\n\n   %s\n", plain(a.Result), plain(a.Story))
	if a.Text != "" {
		t.printf("   %s\n", strings.Join(strings.Fields(plain(a.Text)), " "))
	}
}

// events reads a delivery page by page: head once, then each until it says no.
func (t *storyteller) events(off itsm.Offset, head func(*tracedDelivery), each func(*tracedDelivery, *tracedEvent) bool) error {
	for first, page := 0, 0; page < traceEventsMax; page++ {
		var d tracedDelivery
		if err := t.get(fmt.Sprint("/deliveries/", off), url.Values{"event": {strconv.Itoa(first)}}, &d); err != nil {
			return err
		}
		if page == 0 && head != nil {
			head(&d)
		}
		for i := range d.Events {
			if !each(&d, &d.Events[i]) {
				return nil
			}
		}
		if first = d.NextEvent; first == 0 {
			return nil
		}
	}
	return nil
}

func from(d *tracedDelivery) string {
	var s string
	if d.Remote != "" {
		s += " from " + plain(d.Remote)
	}
	if d.RawBytes > 0 {
		s += fmt.Sprintf(", %d bytes", d.RawBytes)
	}
	return s
}

// words is what the sender said of an event, in a line.
func words(e *tracedEvent) string {
	if e.Identity == "" && e.Title == "" && e.Status == "" {
		return "(a part without readable words)"
	}
	return strings.Join(strings.Fields(plain(fmt.Sprintf("%s %s %s (%s)", e.Status, e.Severity, e.Title, e.Identity))), " ")
}

// alert tells where an alert came from and where it is.
func (t *storyteller) alert(n itsm.AlertNumber) error {
	var a tracedAlert
	if err := t.get("/alerts/"+n.String(), nil, &a); err != nil {
		return err
	}
	t.printf("%s %s %s: %s\n  key         %s\n", a.ID, a.Status, a.Severity, plain(a.Title), plain(a.Key))
	id := a.ID
	for _, end := range []struct {
		name  string
		at    itsm.Time
		first bool
	}{{"first seen", a.RaisedAt, true}, {"last seen", a.LastSeenAt, false}} {
		off, err := t.entryAt(url.Values{"alert": {id}}, end.at, end.first)
		if err != nil {
			return err
		}
		t.printf("  %-11s %s%s\n", end.name, end.at, off)
	}
	t.printf("  events      %d\n", a.EventCount)
	if err := t.home(&a); err != nil {
		return err
	}
	t.printf("  why there   signalbox explain %s\n", id)
	return t.latest(url.Values{"alert": {id}, "from": {a.LastSeenAt.String()}, "to": {a.RaisedAt.String()}}, func(e *tracedEvent) bool { return e.Alert == id })
}

// home tells which incident an alert is in, or why in none.
func (t *storyteller) home(a *tracedAlert) error {
	switch {
	case a.Incident != "":
		var in tracedIncident
		if err := t.get("/incidents/"+a.Incident, nil, &in); err != nil {
			return err
		}
		t.printf("  incident    %s %s %s: %s\n", in.Number, in.Priority, in.State, plain(in.Title))
	case a.SuppressedBy != "":
		t.printf("  incident    none: %s\n", plain(a.SuppressedBy))
	default:
		t.printf("  incident    none\n")
	}
	return nil
}

// entryAt finds the delivery of a moment, worded to stand behind it: of several in
// one millisecond the first or the last.
func (t *storyteller) entryAt(q url.Values, at itsm.Time, first bool) (string, error) {
	q.Set("from", at.String())
	q.Set("to", at.String())
	q.Set("limit", "500")
	var p tracedPage[tracedDelivery]
	if err := t.get("/deliveries", q, &p); err != nil {
		return "", err
	}
	if len(p.Items) == 0 {
		return "", nil
	}
	d := p.Items[0] // the list has the newest first
	if first {
		d = p.Items[len(p.Items)-1]
	}
	return fmt.Sprintf(", entry %d from %s", d.Offset, plain(d.Source)), nil
}

// latest tells of the newest deliveries of the list that q names, and in each of
// the events that are meant.
func (t *storyteller) latest(q url.Values, meant func(*tracedEvent) bool) error {
	found, more, err := t.find(q)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		t.printf("\nNone of its deliveries is kept.\n")
		return nil
	}
	t.printf("\nIts deliveries, newest first:\n")
	for _, d := range found {
		err := t.events(d.Offset, func(d *tracedDelivery) {
			t.printf("  entry %d  %s  %s%s\n", d.Offset, d.At, plain(d.Source), from(d))
			if d.Act != nil {
				t.printf("    %s\n", plain(d.Act.Story))
			}
		}, func(d *tracedDelivery, e *tracedEvent) bool {
			if meant(e) {
				t.printf("    %d. %s\n       %s\n", e.Event+1, words(e), plain(e.Story))
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	if more {
		t.printf("  … and older ones; see more with --limit\n")
	}
	return nil
}

// find pages through the list of deliveries as far as it may.
func (t *storyteller) find(q url.Values) (found []tracedDelivery, more bool, err error) {
	if t.limit < 1 {
		return nil, false, errors.New("--limit: expected a number from 1")
	}
	for range traceListsMax {
		q.Set("limit", strconv.Itoa(min(t.limit-len(found), 500)))
		var p tracedPage[tracedDelivery]
		if err := t.get("/deliveries", q, &p); err != nil {
			return nil, false, err
		}
		found = append(found, p.Items...)
		if p.Next == "" || len(found) == t.limit {
			return found, p.Next != "", nil
		}
		q.Set("cursor", p.Next)
	}
	return found, true, nil
}

// incident tells what opened an incident and why its alerts belong to it.
func (t *storyteller) incident(n itsm.IncidentNumber) error {
	var in tracedIncident
	if err := t.get("/incidents/"+n.String(), nil, &in); err != nil {
		return err
	}
	opened, err := t.entryAt(url.Values{"incident": {in.Number}}, in.OpenedAt, true)
	if err != nil {
		return err
	}
	t.printf("%s %s %s: %s\n  opened      %s%s\n  alerts      %d, of %d events\n", in.Number, in.Priority, in.State, plain(in.Title), in.OpenedAt, opened, in.AlertCount, in.EventCount)
	t.printf("  why these   signalbox explain %s\n", in.Number)
	if in.MergedInto != "" {
		t.printf("  merged into %s\n", in.MergedInto)
	}
	if err := t.members(in.Number); err != nil {
		return err
	}
	return t.latest(url.Values{"incident": {in.Number}}, func(e *tracedEvent) bool { return e.Incident == in.Number || e.Now == in.Number })
}

// members lists the newest alerts of an incident, each with its evidence.
func (t *storyteller) members(number string) error {
	var p tracedPage[struct {
		Alert   string `json:"alert"`
		Episode int    `json:"episode"`
		Because string `json:"because"`
	}]
	if err := t.get("/incidents/"+number+"/evidence", url.Values{"limit": {strconv.Itoa(traceAlertsMax)}}, &p); err != nil {
		return err
	}
	for _, e := range p.Items {
		t.printf("  %s  %s\n", e.Alert, plain(e.Because))
	}
	if p.Next != "" {
		t.printf("  … and more\n")
	}
	return nil
}

// plain keeps what senders wrote from steering the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}
