package correlate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
)

func (sc *scenario) want(f []string) {
	switch f[0] {
	case "no":
		sc.wantNone(f[1:])
	case "incident":
		sc.wantIncident(f[1:])
	case "problem":
		sc.wantProblem(f[1:])
	case "alert":
		a, ok := sc.alerts[itsm.AlertNumber(sc.number(f[1]))]
		if !ok {
			sc.fatal("there is no alert %s", f[1])
		}
		sc.compare("alert "+f[1], alertWords(a), f[2:])
	case "evidence":
		sc.wantEvidence(f[1:])
	case "intents":
		sc.wantIntents(f[1], f[2:])
	case "intent":
		sc.compare("last intent", intentWords(sc.intents[len(sc.intents)-1]), f[1:])
	case "timeline":
		sc.wantTimeline(sc.number(f[1]), f[2:])
	case "outcome":
		sc.wantOutcome(f[1], strings.Join(f[2:], " "))
	case "totals":
		words := totalsWords(sc.s.Totals())
		for _, c := range sc.s.PagesHeld() {
			words["held_by"] += fmt.Sprintf("%s:%d;", c.Name, c.N)
		}
		sc.compare("totals", words, f[1:])
	case "rule":
		sc.wantRule(f[1], f[2:])
	case "object":
		o, ok := sc.objects[f[1]+" "+f[2]]
		if !ok {
			sc.fatal("there is no %s %s", f[1], f[2])
		}
		sc.compare(f[1]+" "+f[2], objectWords(o), f[3:])
	case "quarantine":
		q, ok := sc.quarantine[f[1]]
		if !ok {
			sc.fatal("nothing in quarantine as %s", f[1])
		}
		sc.compare("quarantine", map[string]string{"count": fmt.Sprint(q.Count), "retried": fmt.Sprint(q.RetriedAt != 0), "error": q.Error, "body": string(q.Body)}, f[2:])
	case "wake":
		got := "none"
		if w := sc.s.NextWake(); w != 0 {
			got = w.Std().Format("15:04:05")
		}
		if got != f[1] {
			sc.errorf("next wake: got %s, want %s", got, f[1])
		}
	case "settled":
		got := make([]string, 0)
		for _, s := range sc.settled {
			got = append(got, s.Connector+":"+cmpText(strings.ReplaceAll(s.Failure, " ", "_"), "ok"))
		}
		if !slices.Equal(got, f[1:]) {
			sc.errorf("settled: got %v, want %v", got, f[1:])
		}
	default:
		sc.fatal("want: unknown %q", f[0])
	}
}

func (sc *scenario) wantRule(id string, f []string) {
	for _, c := range sc.s.RuleCounts() {
		if c.ID == id {
			sc.compare("rule "+id, map[string]string{"hits": fmt.Sprint(c.Hits), "shadow": fmt.Sprint(c.ShadowHits), "failures": fmt.Sprint(c.Failures), "late": fmt.Sprint(c.Late), "last": clock(c.LastAt)}, f)
			return
		}
	}
	sc.fatal("there is no rule %s", id)
}

func (sc *scenario) wantNone(f []string) {
	switch {
	case f[0] == "incident" && len(f) == 1 && len(sc.incidents) > 0:
		sc.errorf("got %d incidents, want none", len(sc.incidents))
	case f[0] == "incident" && len(f) == 2:
		if i, ok := sc.incidents[sc.number(f[1])]; ok {
			sc.errorf("got incident %s %q, want none", i.Number, i.Title)
		}
	case f[0] == "problem" && len(f) == 1:
		if ps := sc.s.Problems(); len(ps) > 0 {
			sc.errorf("got problem %s %q, want none", ps[0].Number, ps[0].Title)
		}
	case f[0] == "alert" && len(f) == 2:
		if a, ok := sc.alerts[itsm.AlertNumber(sc.number(f[1]))]; ok {
			sc.errorf("got alert %s %q, want none", a.Number, a.Title)
		}
	}
}

func (sc *scenario) wantIncident(f []string) {
	i, ok := sc.incidents[sc.number(f[0])]
	if !ok {
		sc.fatal("there is no incident %s", f[0])
	}
	sc.compare("incident "+f[0], incidentWords(i), f[1:])
}

// compare checks words of the form P1, key=value and key~part.
func (sc *scenario) compare(what string, got map[string]string, want []string) {
	for _, w := range want {
		k, v, eq := strings.Cut(w, "=")
		k2, part, has := strings.Cut(w, "~")
		switch {
		case has && (!eq || len(k2) < len(k)):
			part = strings.ReplaceAll(part, "_", " ")
			if g, ok := got[k2]; !ok || !strings.Contains(g, part) {
				sc.errorf("%s: %s: got %q, want it to contain %q", what, k2, got[k2], part)
			}
		case eq:
			v = strings.ReplaceAll(v, "_", " ")
			if g, ok := got[k]; !ok || strings.ReplaceAll(g, "_", " ") != v {
				sc.errorf("%s: %s: got %q, want %q", what, k, got[k], v)
			}
		default:
			if got["priority"] != w {
				sc.errorf("%s: got priority %s, want %s (%s; %s)", what, got["priority"], w, got["impact_because"], got["urgency_because"])
			}
		}
	}
}

func incidentWords(i itsm.Incident) map[string]string {
	m := map[string]string{
		"title": i.Title, "state": i.State.String(), "priority": i.Priority.String(), "computed": i.Computed.String(), "by": i.PriorityBy,
		"impact": i.Impact.String(), "urgency": i.Urgency.String(), "impact_because": i.ImpactBecause, "urgency_because": i.UrgencyBecause,
		"opened": clock(i.OpenedAt), "acked": clock(i.AcknowledgedAt), "acked_by": i.AcknowledgedBy, "resolved": clock(i.ResolvedAt), "resolved_by": i.ResolvedBy,
		"closed": clock(i.ClosedAt), "code": i.CloseCode, "hold": i.HoldReason, "epoch": fmt.Sprint(i.Epoch), "alerts": fmt.Sprint(i.AlertCount),
		"firing": fmt.Sprint(i.FiringCount), "events": fmt.Sprint(i.EventCount), "cis": strings.Join(i.CIs, ","), "services": strings.Join(i.Services, ","),
		"unbound": strings.Join(i.Unbound, ","), "assignee": i.Assignee, "group": i.Group, "links": fmt.Sprint(len(i.Links)),
		"follows": i.Follows.String(), "merged": i.MergedInto.String(), "parent": i.Parent.String(), "with": i.ResolvedWith.String(), "children": numbersOf(i.Children),
		"major": string(i.Major.State), "major_by": i.Major.By, "major_because": i.Major.Because, "watchers": strings.Join(i.Watchers, ","), "attached": fmt.Sprint(len(i.Attachments)), "still": fmt.Sprint(i.StillFiring), "storm": fmt.Sprint(i.Storm),
		"severity": i.Severity.String(), "version": fmt.Sprint(i.Version), "labels": labelWords(i.Labels), "maybe": fmt.Sprint(len(i.MaybeRelated)), "cause": "",
		"runbook": i.Runbook, "problem": i.Problem, "signature": i.Signature,
		"response": i.SLA.Response.State(), "response_due": clock(i.SLA.Response.DueAt), "resolution": i.SLA.Resolution.State(), "resolution_due": clock(i.SLA.Resolution.DueAt), "calendar": i.SLA.Calendar,
		"held": fmt.Sprint(i.SLA.Held),
	}
	if len(i.Causes) > 0 {
		m["cause"], m["why"] = i.Causes[0].CI, i.Causes[0].Because
	}
	for _, c := range i.Changes {
		m["changes"] += fmt.Sprintf("%s@%s+%d;", c.Change, c.CI, c.Hops)
		m["because"] += c.Because + ";"
	}
	return m
}

// objectWords are the fields of an object's body: texts as they are, times as in
// the scenario, the rest as JSON.
func objectWords(o itsm.Object) map[string]string {
	var body map[string]json.RawMessage
	m := map[string]string{"version": fmt.Sprint(o.Version), "refs": strings.Join(o.Refs, ",")}
	if json.Unmarshal(o.Body, &body) != nil {
		return m
	}
	for k, v := range body {
		var s string
		if json.Unmarshal(v, &s) != nil {
			m[k] = string(v)
			continue
		}
		if t, err := itsm.ParseTime(s); err == nil {
			s = clock(t)
		}
		m[k] = s
	}
	return m
}

func labelWords(ls itsm.Labels) string {
	out := make([]string, 0, len(ls))
	for _, l := range ls {
		out = append(out, l.Name+":"+l.Value)
	}
	return strings.Join(out, ",")
}

func alertWords(a itsm.Alert) map[string]string {
	return map[string]string{
		"status": a.Status.String(), "severity": a.Severity.String(), "title": a.Title, "ci": a.CI, "provisional": a.Provisional, "bound_by": a.BoundBy,
		"starts": clock(a.StartsAt), "ends": clock(a.EndsAt), "ended_by": a.EndedBy, "seen": clock(a.LastSeenAt), "events": fmt.Sprint(a.EventCount),
		"episode": fmt.Sprint(a.Episode), "reopened": fmt.Sprint(a.Reopened), "suppressed": a.SuppressedBy, "flapping": fmt.Sprint(a.Flapping),
		"incident": strings.TrimLeft(strings.TrimPrefix(a.Incident.String(), "INC"), "0"), "trail": strings.Join(a.Trail, "; "), "source": a.Source, "rules": strings.Join(a.Rules, ","), "key": string(a.Key),
	}
}

func intentWords(n itsm.Intent) map[string]string {
	return map[string]string{"connector": n.Connector, "transition": string(n.Transition), "epoch": fmt.Sprint(n.Epoch), "serial": fmt.Sprint(n.Serial),
		"actor": n.Actor, "text": n.Text, "title": n.Snapshot.Title, "priority": n.Snapshot.Priority.String(), "cause": n.Snapshot.Cause,
		"state": n.Snapshot.State.String(), "alerts": fmt.Sprint(n.Snapshot.Alerts), "at": clock(n.At)}
}

func totalsWords(t Totals) map[string]string {
	m := map[string]string{"accepted": fmt.Sprint(t.Accepted), "folded": fmt.Sprint(t.Folded), "dedup": fmt.Sprint(t.Deduplicated),
		"suppressed": fmt.Sprint(t.Suppressed), "quarantined": fmt.Sprint(t.Quarantined), "alerts": fmt.Sprint(t.Alerts), "firing": fmt.Sprint(t.Firing),
		"open": fmt.Sprint(t.OpenIncidents), "bound": fmt.Sprint(t.Bound), "unbound": fmt.Sprint(t.Unbound), "storms": fmt.Sprint(t.Storms),
		"storming": fmt.Sprint(t.StormsOn), "held": fmt.Sprint(t.PagesHeld), "repeated": fmt.Sprint(t.ActsRepeated), "stale": fmt.Sprint(t.PartnerStale), "top_unbound": ""}
	for _, c := range t.SuppressedBy {
		m["suppressed_by"] += fmt.Sprintf("%s:%d;", c.Name, c.N)
	}
	if len(t.TopUnbound) > 0 {
		m["top_unbound"] = fmt.Sprintf("%s:%d", t.TopUnbound[0].Name, t.TopUnbound[0].N)
	}
	return m
}

// clock writes a time of the scenario, with days when there are any; "" is none.
func clock(t itsm.Time) string {
	if t == 0 {
		return ""
	}
	d := t.Sub(epoch)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	out := fmt.Sprintf("%02d:%02d", h, m)
	if s != 0 {
		out += fmt.Sprintf(":%02d", s)
	}
	return out
}

// wantEvidence compares all that a membership says for itself.
func (sc *scenario) wantEvidence(f []string) {
	i, a := sc.number(f[0]), itsm.AlertNumber(sc.number(f[1]))
	var last *itsm.Evidence
	for k, e := range sc.evidence {
		if k.i == i && k.a == a && (last == nil || e.Episode > last.Episode) {
			last = &e
		}
	}
	if last == nil {
		if len(f) > 2 && f[2] == "none" {
			return
		}
		sc.fatal("no evidence that alert %s belongs to incident %s", f[1], f[0])
	}
	if len(f) > 2 && f[2] == "none" {
		sc.errorf("got evidence that alert %s belongs to incident %s, want none", f[1], f[0])
		return
	}
	sc.compare("evidence", map[string]string{"decision": string(last.Decision), "by": last.By, "rule": last.Rule, "ci": last.CI, "shared": last.Shared,
		"path": strings.Join(last.Path, ","), "because": last.Because, "coverage": last.Coverage, "episode": fmt.Sprint(last.Episode), "revision": fmt.Sprint(last.CMDBRevision),
		"score": fmt.Sprint(last.ScoreMilli), "threshold": fmt.Sprint(last.ThresholdMilli), "runner_up": last.RunnerUp, "would_split": last.WouldSplit, "rules": fmt.Sprint(last.Revision)}, f[2:])
}

func (sc *scenario) wantIntents(connector string, want []string) {
	var got []string
	for _, n := range sc.intents[sc.seenIntent[connector]:] {
		if n.Connector == connector {
			what := string(n.Transition)
			if n.Route != "" {
				what += "@" + n.Route
			}
			got = append(got, what)
		}
	}
	sc.seenIntent[connector] = len(sc.intents)
	if len(want) == 1 && want[0] == "none" {
		want = nil
	}
	if !slices.Equal(got, want) {
		sc.errorf("intents of %s: got %v, want %v", connector, got, want)
	}
}

// wantTimeline checks that the kinds appear in this order, others between them.
func (sc *scenario) wantTimeline(n itsm.IncidentNumber, want []string) {
	var got []string
	for _, e := range sc.timeline {
		if e.Incident == n {
			got = append(got, strings.ReplaceAll(e.Kind, " ", "_"))
		}
	}
	at := 0
	for _, g := range got {
		if at < len(want) && g == want[at] {
			at++
		}
	}
	if at < len(want) {
		sc.errorf("timeline of %s: got %v, want %q in it in this order", n, got, want)
	}
}

func (sc *scenario) wantOutcome(kind, text string) {
	got := string(sc.outcome.Code)
	switch {
	case got == "" && sc.outcome.NoOp:
		got = "noop"
	case got == "":
		got = "done"
	}
	text = strings.ReplaceAll(text, "_", " ")
	if got != kind || !strings.Contains(sc.outcome.Detail, text) {
		sc.errorf("outcome: got %s %q, want %s %q", got, sc.outcome.Detail, kind, text)
	}
}

// numbersOf lists incidents as a scenario names them: 2,3.
func numbersOf(list []itsm.IncidentNumber) string {
	var out []string
	for _, n := range list {
		out = append(out, fmt.Sprint(uint64(n)))
	}
	return strings.Join(out, ",")
}
