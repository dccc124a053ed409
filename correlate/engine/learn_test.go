package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/correlate/engine"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

func TestLearnReadsTheJournalAndTheView(t *testing.T) {
	r := newRig(t)
	r.run()
	now := itsm.TimeOf(time.Now())
	for i := range 300 { // more than is read at once
		e := fire(fmt.Sprintf("svc%d", i%3), i%3, now)
		r.append(delivery(e))
		r.append(delivery(clearOf(e, now)))
	}
	head, _ := r.j.Head()
	r.wait(head)
	if _, err := r.e.Do(t.Context(), itsm.Act{Kind: itsm.ActAcknowledge, Incident: 1, Actor: "api:jane"}); err != nil {
		t.Fatal(err)
	}
	got, err := r.e.Learn(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Events != 600 || got.Alerts != 3 || got.Unbound != 3 || got.Kinds != 1 || got.Acted == 0 || got.Acted == got.Episodes {
		t.Errorf("learned from %+v", got)
	}
	if _, err := r.e.Learn(t.Context(), now.Add(time.Hour), now); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("from after to: %v", err)
	}
	past, err := r.e.Learn(t.Context(), now.Add(-2*time.Hour), now.Add(-time.Hour))
	if err != nil || past.Events != 0 {
		t.Errorf("an hour before all: %d events, %v", past.Events, err)
	}
}

// blips is a recording of an alert that clears within a minute, twice a day.
func blips() string {
	var b strings.Builder
	at := itsm.Time(1_700_000_000_000)
	for i := range 50 {
		for _, s := range []string{"firing", "resolved"} {
			fmt.Fprintf(&b, "%d %d %s\n", at, i%10, s)
			at = at.Add(40 * time.Second)
		}
		at = at.Add(12 * time.Hour)
	}
	return b.String()
}

func decodeBlip(_ int, line []byte) (engine.Line, error) {
	var at, n int64
	var status string
	if _, err := fmt.Sscan(string(line), &at, &n, &status); err != nil {
		return engine.Line{}, err
	}
	e := fire("shop", int(n), itsm.Time(at))
	e.Severity = itsm.Major
	if status == "resolved" {
		e = clearOf(e, itsm.Time(at))
	}
	return engine.Line{At: itsm.Time(at), Delivery: entry.Delivery{Source: "generic", Events: []itsm.Event{e}}}, nil
}

func TestLearnFromARecording(t *testing.T) {
	var reports []string
	for _, batch := range []int{1, 64, 1000} {
		o := engine.ReplayOptions{Config: config(), Events: strings.NewReader(blips()), Decode: decodeBlip, BatchRecords: batch}
		r, err := engine.LearnRecording(o, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Suggestions) != 1 || r.Suggestions[0].Kind != learn.ClearsItself || !strings.HasPrefix(r.Suggestions[0].Why, "Fails went off 50 times in 25 days, 50 of 50 cleared by themselves") {
			t.Errorf("suggested %+v", r.Suggestions)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, string(b))
	}
	if d := cmp.Diff(reports[0], reports[1]) + cmp.Diff(reports[0], reports[2]); d != "" {
		t.Error(d)
	}
	o := engine.ReplayOptions{Config: config(), Events: strings.NewReader(blips()), Decode: decodeBlip}
	if r, err := engine.LearnRecording(o, itsm.Time(1_700_000_000_000).Add(24*time.Hour), itsm.Time(1_700_000_000_000).Add(60*time.Hour)); err != nil || r.Episodes != 3 {
		t.Errorf("three of the fifty lie between: %d, %v", r.Episodes, err)
	}
}
