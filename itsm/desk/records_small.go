package desk

import (
	"time"

	"signalbox/itsm"
)

// evidence writes what the key of an evidence record does not say.
func (b *rawBuffer) evidence(e *itsm.Evidence) []byte {
	return b.value(evidenceVersion, func() {
		b.time(e.At)
		b.uint(uint64(e.Offset))
		b.str(string(e.Decision))
		b.str(e.By)
		b.int(int64(e.ScoreMilli))
		b.int(int64(e.ThresholdMilli))
		b.str(e.Rule)
		b.uint(e.Revision)
		b.uint(e.CMDBRevision)
		b.str(e.CI)
		b.str(e.Shared)
		b.strs(e.Path)
		b.str(e.Coverage)
		b.str(e.RunnerUp)
		b.str(e.WouldSplit)
		b.str(e.Because)
	})
}

func decodeEvidence(m memberRef, value []byte) (e itsm.Evidence, err error) {
	r, err := open(value, evidenceVersion)
	if err != nil {
		return e, err
	}
	e.Incident, e.Alert, e.Episode = m.incident, m.alert, m.episode
	e.At, e.Offset = r.time(), itsm.Offset(r.uint())
	e.Decision, e.By = itsm.EvidenceDecision(r.str()), r.str()
	e.ScoreMilli, e.ThresholdMilli = int(r.int()), int(r.int())
	e.Rule, e.Revision, e.CMDBRevision = r.str(), r.uint(), r.uint()
	e.CI, e.Shared, e.Path = r.str(), r.str(), r.strs()
	e.Coverage, e.RunnerUp, e.WouldSplit, e.Because = r.str(), r.str(), r.str(), r.str()
	return e, r.end()
}

func (b *rawBuffer) timelineEntry(t *itsm.TimelineEntry) []byte {
	return b.value(timelineVersion, func() {
		b.time(t.At)
		b.str(t.Kind)
		b.str(t.Actor)
		b.str(t.Text)
	})
}

func decodeTimeline(key, value []byte) (t itsm.TimelineEntry, err error) {
	incident, offset, _, err := timelineParts(key)
	if err != nil {
		return t, err
	}
	r, err := open(value, timelineVersion)
	if err != nil {
		return t, err
	}
	t.Incident, t.Offset = incident, offset
	t.At, t.Kind, t.Actor, t.Text = r.time(), r.str(), r.str(), r.str()
	return t, r.end()
}

// intent writes an intent together with what became of it, so that settling one
// needs no other record.
func (b *rawBuffer) intent(s *StoredIntent) []byte {
	return b.value(intentVersion, func() {
		in, snap := &s.Intent, &s.Intent.Snapshot
		b.uint(uint64(s.Status))
		b.time(in.At)
		b.time(s.SettledAt)
		b.time(snap.OpenedAt)
		b.str(s.Failure)
		b.uint(uint64(in.Incident))
		b.uint(uint64(in.Epoch))
		b.str(string(in.Transition))
		b.uint(uint64(in.Offset))
		b.uint(uint64(in.Serial))
		b.str(in.Actor)
		b.str(in.Text)
		b.str(snap.Title)
		b.uint(uint64(snap.Priority))
		b.uint(uint64(snap.Severity))
		b.uint(uint64(snap.State))
		b.strs(snap.CIs)
		b.strs(snap.Services)
		b.str(snap.Cause)
		b.str(snap.Because)
		b.int(int64(snap.Alerts))
		b.int(int64(snap.Firing))
		b.str(snap.Group)
		b.intentMore(snap)
		b.str(in.Route)
		b.str(in.Object)
		b.str(string(in.Body))
		b.str(snap.AssigneeEmail)
	})
}

// intentMore writes what version 2 added.
func (b *rawBuffer) intentMore(snap *itsm.IncidentSnapshot) {
	b.uint(uint64(snap.Impact))
	b.uint(uint64(snap.Urgency))
	b.time(snap.AcknowledgedAt)
	b.time(snap.ResolvedAt)
	for _, s := range []string{snap.Assignee, snap.Runbook, snap.AcknowledgedBy, snap.HoldReason, snap.ResolvedBy, snap.CloseCode, snap.CloseNote} {
		b.str(s)
	}
	b.links(snap.Links)
	b.uint(uint64(oneIf(snap.StillFiring)))
}

func (r *reader) intentMore(snap *itsm.IncidentSnapshot) {
	snap.Impact, snap.Urgency = itsm.Level(r.byte()), itsm.Level(r.byte())
	snap.AcknowledgedAt, snap.ResolvedAt = r.time(), r.time()
	for _, s := range []*string{&snap.Assignee, &snap.Runbook, &snap.AcknowledgedBy, &snap.HoldReason, &snap.ResolvedBy, &snap.CloseCode, &snap.CloseNote} {
		*s = r.str()
	}
	snap.Links = r.links()
	snap.StillFiring = r.byte() == 1
}

func decodeIntent(connector, key string, value []byte) (s StoredIntent, err error) {
	r, version, err := openOlder(value, intentVersion)
	if err != nil {
		return s, err
	}
	in, snap := &s.Intent, &s.Intent.Snapshot
	in.Connector, in.Key = connector, key
	s.Status = IntentStatus(r.byte())
	in.At, s.SettledAt, snap.OpenedAt = r.time(), r.time(), r.time()
	s.Failure = r.str()
	in.Incident, in.Epoch = itsm.IncidentNumber(r.uint()), r.uint32()
	in.Transition, in.Offset, in.Serial = itsm.Transition(r.str()), itsm.Offset(r.uint()), r.uint32()
	in.Actor, in.Text = r.str(), r.str()
	snap.Title, snap.Priority = r.str(), itsm.Priority(r.byte())
	snap.Severity, snap.State = itsm.Severity(r.byte()), itsm.State(r.byte())
	snap.CIs, snap.Services = r.strs(), r.strs()
	snap.Cause, snap.Because = r.str(), r.str()
	snap.Alerts, snap.Firing, snap.Group = int(r.int()), int(r.int()), r.str()
	if version >= 2 {
		r.intentMore(snap)
		in.Route = r.str()
	}
	if version >= 3 {
		in.Object = r.str()
		if body := r.str(); body != "" {
			in.Body = []byte(body)
		}
	}
	if version >= 4 {
		snap.AssigneeEmail = r.str()
	}
	return s, r.end()
}

func (b *rawBuffer) quarantined(q *storedQuarantine) []byte {
	return b.value(quarantineVersion, func() {
		b.str(q.Source)
		b.str(q.Error)
		b.str(string(q.Body))
		b.time(q.FirstAt)
		b.time(q.LastAt)
		b.time(q.RetriedAt)
		b.uint(q.Count)
		b.uint(uint64(q.Offset))
		b.uint(uint64(q.seen))
	})
}

func decodeQuarantined(id string, value []byte) (q storedQuarantine, err error) {
	r, err := open(value, quarantineVersion)
	if err != nil {
		return q, err
	}
	q.ID, q.Source, q.Error = id, r.str(), r.str()
	if body := r.str(); body != "" {
		q.Body = []byte(body)
	}
	q.FirstAt, q.LastAt, q.RetriedAt = r.time(), r.time(), r.time()
	q.Count, q.Offset, q.seen = r.uint(), itsm.Offset(r.uint()), itsm.Offset(r.uint())
	return q, r.end()
}

// level writes how an incident stands against its targets.
func (b *rawBuffer) level(v *itsm.ServiceLevel) {
	b.str(v.Calendar)
	b.int(int64(v.Held))
	for _, c := range []*itsm.LevelClock{&v.Response, &v.Resolution} {
		b.int(int64(c.Target))
		b.time(c.DueAt)
		b.time(c.DoneAt)
		b.uint(uint64(oneIf(c.Breached)))
	}
}

func (r *reader) level(v *itsm.ServiceLevel) {
	v.Calendar, v.Held = r.str(), time.Duration(r.int())
	for _, c := range []*itsm.LevelClock{&v.Response, &v.Resolution} {
		c.Target, c.DueAt, c.DoneAt, c.Breached = time.Duration(r.int()), r.time(), r.time(), r.uint() != 0
	}
}
