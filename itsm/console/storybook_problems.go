package console

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// recurring lets the fold see the past of the story: a disk that fills up every few
// days, a certificate job that fails at the same time each night, and an export that
// fails now and then. Only what it proposes is stored: the incidents are the story's own.
func (b *book) recurring() error {
	now := itsm.TimeOf(b.clock())
	type happening struct {
		at    itsm.Time
		ci    string
		title string
		clear bool
	}
	var list []happening
	outage := func(ci, title string, ago, took time.Duration) {
		list = append(list, happening{now.Add(-ago), ci, title, false}, happening{now.Add(took - ago), ci, title, true})
	}
	const day = 24 * time.Hour
	for _, d := range []float64{130, 16.1, 12.2, 9.2, 5.3, 2.1} { // once, and after a quiet quarter again and again
		outage("orders-db-1", "DiskFull", time.Duration(d*float64(day)), 50*time.Minute)
	}
	for n := range 8 {
		outage("cert-renewer", "JobFailed", time.Duration(n+3)*day+time.Duration(n%3)*4*time.Minute, 20*time.Minute)
	}
	for _, d := range []float64{8.3, 8.1, 7.9} {
		outage("export-worker", "ExportLate", time.Duration(d*float64(day)), 15*time.Minute)
	}
	slices.SortFunc(list, func(x, y happening) int { return int(x.at - y.at) })
	for _, h := range list {
		e := itsm.Event{Source: "alertmanager", Identity: h.ci + "/" + h.title, Status: itsm.Firing, Severity: itsm.Major, Title: h.title + " on " + h.ci, CIName: h.ci, StartsAt: h.at,
			Labels: itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: h.title}, {Name: "env", Value: "prod"}})}
		if h.clear {
			e.Status, e.EndsAt = itsm.Resolved, h.at
		}
		if err := b.past(h.at, &entry.Delivery{Source: "alertmanager", Events: []itsm.Event{e}}); err != nil {
			return err
		}
	}
	return b.past(now.Add(-time.Hour), &entry.Tick{})
}

// past folds an entry of the time before the story, and stores the problems it decides.
func (b *book) past(at itsm.Time, v any) error {
	ds, err := b.folder.Take(max(b.off+1, scriptOffsets), at, v)
	if err != nil {
		return err
	}
	ds = slices.DeleteFunc(slices.Clone(ds), func(d itsm.Decision) bool {
		return d.Kind != itsm.PutObject || !strings.HasPrefix(d.Object.Kind, problemKind)
	})
	b.folder.State.Flush()
	return b.applyLocked(ds)
}

// worked is what people did about the problems of the story.
func (b *book) worked() error {
	for _, d := range []struct {
		kind itsm.ActKind
		body itsm.ProblemBody
	}{
		{itsm.ActProblemAccept, itsm.ProblemBody{Owner: "mika", Team: "DBA on call"}},
		{itsm.ActProblemWorkaround, itsm.ProblemBody{Text: "Run cleanup.sh on the host as postgres: it drops archived segments that were shipped already."}},
		{itsm.ActProblemRootCause, itsm.ProblemBody{Text: "The archive command exits 0 when the bucket is not reachable, so segments are kept for ever."}},
		{itsm.ActProblemKnownError, itsm.ProblemBody{Known: true}},
		{itsm.ActProblemState, itsm.ProblemBody{State: itsm.ProblemAnalysis}},
	} {
		body, err := json.Marshal(d.body)
		if err != nil {
			return err
		}
		if _, err := b.Do(context.Background(), itsm.Act{Kind: d.kind, Object: "PRB0000003", Body: body, Actor: "console:mika"}); err != nil {
			return err
		}
	}
	return nil
}

// knownProblem lets an incident of the story belong to a problem.
func (b *book) knownProblem(n itsm.IncidentNumber, problem string) error {
	i, err := b.Incident(n)
	if err != nil {
		return err
	}
	i.Problem = problem
	return b.apply([]itsm.Decision{{Kind: itsm.PutIncident, Incident: &i}})
}
