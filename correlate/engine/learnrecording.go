package engine

import (
	"signalbox/correlate/learn"
	"signalbox/itsm"
)

// recording learns from a stream while it is folded.
type recording struct {
	p      *Playback
	m      *learn.Miner
	lines  map[itsm.Offset][]itsm.Event
	cis    map[itsm.AlertNumber]boundTo
	fates  []*itsm.Fates // folded, and not yet shown to the miner
	events int
}

// LearnRecording folds a recorded stream and answers what it speaks for between two
// moments; zero is no bound. It takes LearnEventsMax events and refuses more.
func LearnRecording(o ReplayOptions, from, to itsm.Time) (learn.Report, error) {
	r := &recording{lines: map[itsm.Offset][]itsm.Event{}, cis: map[itsm.AlertNumber]boundTo{}}
	r.p = NewPlayback(PlaybackOptions{Config: o.Config, CMDB: o.CMDB, Rules: o.Rules, BatchRecords: o.BatchRecords, OnDecision: r.decided})
	_, err := o.each(func(l *Line) error {
		if r.events += len(l.Delivery.Events); r.events > LearnEventsMax {
			return itsm.Errorf(itsm.TooLarge, "more than %d events: expected a shorter recording", LearnEventsMax)
		}
		at := l.Time()
		if err := r.p.Until(at); err != nil {
			return err
		}
		r.lines[r.p.offset+1] = l.Delivery.Events
		if _, err := r.p.Deliver(at, &l.Delivery); err != nil {
			return err
		}
		r.show(from, to)
		return nil
	})
	if err != nil {
		return learn.Report{}, err
	}
	if err := r.p.Drain(); err != nil {
		return learn.Report{}, err
	}
	r.show(from, to)
	if r.m == nil {
		r.m = learn.New(nil)
	}
	return r.m.Report(r.incident), nil
}

func (r *recording) decided(d *itsm.Decision) {
	switch d.Kind {
	case itsm.PutAlert:
		r.cis[d.Alert.Number] = placeOf(d.Alert)
	case itsm.PutFates:
		r.fates = append(r.fates, d.Fates)
	}
}

// show gives the miner what was folded since it was called last; by then the
// records of all alerts are known.
func (r *recording) show(from, to itsm.Time) {
	if len(r.fates) == 0 {
		return
	}
	if r.m == nil { // the CMDB is folded first
		r.m = learn.New(r.p.State().Graph())
	}
	for _, f := range r.fates {
		events := r.lines[f.Offset]
		delete(r.lines, f.Offset)
		if f.At < from || to != 0 && f.At > to {
			continue
		}
		for i := range min(len(events), len(f.Events)) {
			x := &f.Events[i]
			on := r.cis[x.Alert]
			r.m.Observe(&learn.Observation{At: f.At, Event: &events[i], Alert: x.Alert, Episode: x.Episode, Incident: x.Incident, CI: on.ci, Bound: on.bound})
		}
	}
	r.fates = r.fates[:0]
}

func (r *recording) incident(n itsm.IncidentNumber) (itsm.IncidentNumber, bool) {
	n = r.p.merged(n)
	in := r.p.Record(n)
	return n, in != nil && actedOn(in)
}
