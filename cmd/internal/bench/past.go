package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// The past of the year scenario: what an organisation of some size has after a year.
const (
	day           = 24 * time.Hour
	yearSpan      = 365 * day
	yearIncidents = 20_000
	yearEach      = 5 // alerts of an incident
	yearProblems  = 1000
	yearChanges   = 10_000
	yearHot       = 150  // hosts that have a fifth of all incidents
	yearCrowd     = 2000 // alerts of the one incident that is much larger
	yearPeople    = 20
	yearWindows   = 40
)

// past makes a journal of things long ago: a playback that lets time pass, each of
// whose entries is stored as if it had come then.
type past struct {
	p       *engine.Playback
	j       *journal.Log
	hosts   int
	at      itsm.Time // of what waits to be stored
	waiting [][]byte
	err     error
	last    itsm.IncidentNumber // that an alert joined
	agenda  []deed
	numbers []itsm.IncidentNumber
	crowd   itsm.IncidentNumber // the large one
	problem string              // id of the one that was stored last

	problems string // id of the newest one
}

// deed is something that happens at a time.
type deed struct {
	at itsm.Time
	do func(itsm.Time) error
}

// makePast writes the year before now into the data directory of a server that
// does not run yet.
func (s *server) makePast(cis int, now time.Time) (p *past, err error) {
	lines, hosts := estate(cis)
	doc, problems := cmdb.Parse(cmdb.NDJSON, bytes.NewReader(lines))
	changes, _, more := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(doc, "bench", false)
	if len(problems)+len(more) > 0 {
		return nil, fmt.Errorf("CMDB: %v %v", problems, more)
	}
	p = &past{hosts: hosts, numbers: make([]itsm.IncidentNumber, yearIncidents)}
	// Nobody has been told that any of it is stored, so nothing has to be synced.
	p.j, err = journal.Open(journal.Options{Dir: filepath.Join(s.dir, "data", "journal"), Clock: func() time.Time { return p.at.Std() }, NoSync: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.j.Close()) }()
	p.p = engine.NewPlayback(engine.PlaybackOptions{Config: correlate.DefaultConfig(), CMDB: &changes, BatchRecords: 1, OnEntry: p.store, OnDecision: p.decided})
	p.plan(itsm.TimeOf(now.Add(-yearSpan)))
	slices.SortStableFunc(p.agenda, func(a, b deed) int { return cmp.Compare(a.at, b.at) })
	for _, d := range p.agenda {
		if err := errors.Join(d.do(d.at), p.err); err != nil {
			return nil, err
		}
	}
	p.flush()
	return p, p.err
}

func (p *past) store(r journal.Record) {
	if r.At != p.at {
		p.flush()
		p.at = r.At
	}
	p.waiting = append(p.waiting, r.Body)
}

func (p *past) flush() {
	if len(p.waiting) > 0 {
		_, _, err := p.j.Append(context.Background(), p.waiting...)
		p.err, p.waiting = errors.Join(p.err, err), p.waiting[:0]
	}
}

func (p *past) decided(d *itsm.Decision) {
	switch d.Kind {
	case itsm.PutEvidence:
		p.last = d.Evidence.Incident
	case itsm.PutObject:
		if d.Object.Kind == "problem" {
			p.problem, p.problems = d.Object.ID, max(p.problems, d.Object.ID)
		}
	}
}

func (p *past) in(at itsm.Time, do func(itsm.Time) error) {
	p.agenda = append(p.agenda, deed{at, do})
}

func (p *past) plan(start itsm.Time) {
	for k := range yearIncidents {
		p.incident(k, start.Add(yearSpan/yearIncidents*time.Duration(k)))
	}
	for k := range yearProblems {
		p.trouble(k, start.Add(yearSpan/yearProblems*time.Duration(k)+time.Hour))
	}
	for k := range yearChanges {
		p.change(k, start.Add(yearSpan/yearChanges*time.Duration(k)))
	}
	for k := range yearWindows {
		at := start.Add(yearSpan / yearWindows * time.Duration(k))
		u := itsm.MaintenanceUpdate{Reason: ptr("patching"), StartsAt: ptr(at.Add(time.Hour)), EndsAt: ptr(at.Add(2 * time.Hour)), Scope: &itsm.Scope{CIs: []string{fmt.Sprintf("sw-%04d", k)}}}
		p.in(at, func(at itsm.Time) error { return p.body(at, itsm.Act{Kind: itsm.ActMaintenancePut}, u) })
	}
	const crowdAgo = 3 * time.Hour
	for k := range yearCrowd / yearEach {
		p.in(start.Add(yearSpan-crowdAgo+time.Duration(k)*200*time.Millisecond), func(at itsm.Time) error {
			var es []itsm.Event
			for n := range yearEach {
				es = append(es, p.event(at, "crowd", k*yearEach+n, (k*yearEach+n)%plantedHosts, n))
			}
			err := p.deliver(at, es)
			p.crowd = p.last
			return err
		})
	}
}

func ptr[T any](v T) *T { return &v }

// incident is one trouble of a host, or of hosts behind one switch, and what people
// do about it. Of the last some stay open.
func (p *past) incident(k int, at itsm.Time) {
	const behind = 20 // hosts of a switch
	host := plantedHosts + int(uint64(k)*0x9E3779B97F4A7C15>>33)%(p.hosts-plantedHosts)
	if k%5 == 0 {
		host = plantedHosts + k/5*7%yearHot*behind
	}
	each := func(at itsm.Time) (es []itsm.Event) {
		for n := range yearEach {
			h := host
			if k%3 == 0 {
				h = host/behind*behind + n
			}
			es = append(es, p.event(at, "", k*yearEach+n, h, n+k%4))
		}
		return es
	}
	p.in(at, func(at itsm.Time) error {
		err := p.deliver(at, each(at))
		p.numbers[k] = p.last
		return err
	})
	who := fmt.Sprint("console:user", k%yearPeople)
	say := func(after time.Duration, a itsm.Act) {
		a.Actor = who
		p.in(at.Add(after), func(at itsm.Time) error {
			a.Incident = p.numbers[k]
			return p.p.Act(at, &a)
		})
	}
	if k%5 != 4 {
		say(4*time.Minute, itsm.Act{Kind: itsm.ActAcknowledge})
	}
	if k%3 == 0 {
		say(8*time.Minute, itsm.Act{Kind: itsm.ActNote, Text: "Looked at the device, it fills up again."})
	}
	if k > yearIncidents*98/100 && k%2 == 0 {
		return // still open
	}
	lasts := time.Duration(15+k%7*12) * time.Minute
	p.in(at.Add(lasts), func(now itsm.Time) error {
		es := each(at)
		for i := range es {
			es[i].Status, es[i].EndsAt = itsm.Resolved, now
		}
		return p.deliver(now, es)
	})
	if k%5 < 2 {
		say(lasts+time.Minute, itsm.Act{Kind: itsm.ActResolve, CloseCode: "fixed", Text: "Cleaned the device up and made it larger."})
	}
}

func (p *past) event(at itsm.Time, kind string, n, host, rule int) itsm.Event {
	name, alert := hostName(fmt.Sprintf("%0*d", hostDigits, host)), fmt.Sprint("Rule", rule)
	sev := []string{"critical", "major", "major", "minor", "warning"}[rule%5]
	device := fmt.Sprintf("%s%0*d", kind, deviceDigits, n)
	return itsm.Event{Source: "main", Identity: device, Title: alert + " of device " + device, CIName: name, Status: itsm.Firing, Severity: itsm.SeverityOf(sev), SeverityWord: sev, StartsAt: at,
		GeneratorURL: "http://prometheus:9090/graph?g0.expr=disk_used+%3E+0.9",
		Labels: itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: alert}, {Name: "instance", Value: name + ":9100"}, {Name: "job", Value: "node"}, {Name: "device", Value: device},
			{Name: "namespace", Value: fmt.Sprint("ns", host/40)}, {Name: "cluster", Value: "prod-eu-1"}, {Name: "severity", Value: sev}}),
		Annotations: itsm.NewLabels([]itsm.Label{{Name: "summary", Value: "Device " + device + " of " + name + " is full"}})}
}

func (p *past) deliver(at itsm.Time, es []itsm.Event) error {
	_, err := p.p.Deliver(at, &entry.Delivery{Source: "main", Remote: "127.0.0.1", Events: es})
	return err
}

// body does an act that carries something.
func (p *past) body(at itsm.Time, a itsm.Act, body any) (err error) {
	if a.Body, err = json.Marshal(body); err != nil {
		return err
	}
	a.Actor = "console:ada"
	return p.p.Act(at, &a)
}

// trouble is a problem that a person makes of an incident and works on.
func (p *past) trouble(k int, at itsm.Time) {
	var id string
	p.in(at, func(at itsm.Time) error {
		n := p.numbers[k*(yearIncidents/yearProblems)+1] // of a host that rarely has one
		err := p.body(at, itsm.Act{Kind: itsm.ActProblemCreate, Incident: n}, itsm.ProblemBody{Title: fmt.Sprint("Trouble ", k), Incidents: []string{n.String()}})
		id = p.problem
		return err
	})
	for i, d := range []struct {
		kind itsm.ActKind
		body itsm.ProblemBody
	}{{itsm.ActProblemAssign, itsm.ProblemBody{Owner: fmt.Sprint("user", k%yearPeople), Team: fmt.Sprint("team", k%7)}},
		{itsm.ActProblemState, itsm.ProblemBody{State: itsm.ProblemAnalysis}},
		{itsm.ActProblemRootCause, itsm.ProblemBody{Text: "The retention of its logs is for ever."}},
		{itsm.ActProblemWorkaround, itsm.ProblemBody{Text: "Empty the logs of the device and start it again."}},
		{itsm.ActProblemKnownError, itsm.ProblemBody{Known: true}},
		{itsm.ActProblemState, itsm.ProblemBody{State: itsm.ProblemFix}},
		{itsm.ActProblemState, itsm.ProblemBody{State: itsm.ProblemResolved}}}[:1+k%7] {
		p.in(at.Add(time.Duration(i+1)*day), func(at itsm.Time) error { return p.body(at, itsm.Act{Kind: d.kind, Object: id}, d.body) })
	}
}

// change is a release of one service or work on a switch.
func (p *past) change(k int, at itsm.Time) {
	id := fmt.Sprint("acme/shop#", k)
	ci := fmt.Sprintf("svc-%05d", k%1000)
	if k%4 == 0 {
		ci = fmt.Sprintf("sw-%04d", k/4%400)
	}
	done := itsm.ChangeSuccessful
	if k%20 == 0 {
		done = itsm.ChangeFailed
	}
	put := func(after time.Duration, u itsm.ChangeUpdate) {
		u.ExternalID, u.Source = &id, ptr("ci")
		p.in(at.Add(after), func(at itsm.Time) error { return p.body(at, itsm.Act{Kind: itsm.ActChangePut}, u) })
	}
	put(0, itsm.ChangeUpdate{Title: ptr(fmt.Sprint("release ", k, " of ", ci)), State: ptr(itsm.ChangeInProgress), CIs: &[]string{ci}, Who: ptr("deploy-bot")})
	put(12*time.Minute, itsm.ChangeUpdate{State: &done})
}
