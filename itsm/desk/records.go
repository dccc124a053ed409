package desk

import (
	"encoding/binary"
	"math"
	"strings"

	"signalbox/itsm"
)

// Versions of the stored forms. A field is added by raising the version and
// reading the older one as well; nothing is renamed or used for something else.
const (
	alertVersion      = 2 // 2 added Rules
	incidentVersion   = 6 // 2 added Runbook and Signature, 3 Changes, 4 SLA, 5 families, major incidents, watchers, links, 6 parts
	evidenceVersion   = 1
	timelineVersion   = 1
	intentVersion     = 4 // 2 added who has it, how it ended and where else it is, 3 changes and problems, 4 the assignee's e-mail
	quarantineVersion = 1
)

// flags of an alert record
const (
	alertFlapping    = 1 << iota
	alertSourceInKey // Key begins with Source and "/": only its length is stored
	alertPlainWord   // SeverityWord is the word of Severity
)

// alert writes the stored form. What nearly every alert repeats, the source in its
// key and the plain word of its severity, is a flag.
func (b *rawBuffer) alert(a *itsm.Alert) []byte {
	return b.value(alertVersion, func() {
		flags := uint64(0)
		if a.Flapping {
			flags |= alertFlapping
		}
		if len(a.Key) > len(a.Source) && a.Key[len(a.Source)] == '/' && strings.HasPrefix(string(a.Key), a.Source) {
			flags |= alertSourceInKey
		}
		if a.SeverityWord == a.Severity.String() {
			flags |= alertPlainWord
		}
		b.uint(flags)
		b.uint(uint64(a.Status))
		b.uint(uint64(a.Severity))
		b.str(string(a.Key))
		if flags&alertSourceInKey != 0 {
			b.uint(uint64(len(a.Source)))
		} else {
			b.str(a.Source)
		}
		if flags&alertPlainWord == 0 {
			b.str(a.SeverityWord)
		}
		b.str(a.Title)
		b.labels(a.Labels)
		b.labels(a.Annotations)
		b.str(a.GeneratorURL)
		b.str(a.CI)
		b.str(a.Provisional)
		b.str(a.BoundBy)
		b.strs(a.Trail)
		b.time(a.StartsAt)
		b.time(a.EndsAt)
		b.str(a.EndedBy)
		b.time(a.RaisedAt)
		b.time(a.LastSeenAt)
		b.uint(a.EventCount)
		b.uint(uint64(a.Episode))
		b.uint(uint64(a.Reopened))
		b.str(a.SuppressedBy)
		b.uint(uint64(a.Incident))
		b.uint(uint64(a.ChangedAt))
		b.strs(a.Rules)
	})
}

func decodeAlert(n itsm.AlertNumber, value []byte) (a itsm.Alert, err error) {
	r, version, err := openOlder(value, alertVersion)
	if err != nil {
		return a, err
	}
	flags := r.uint()
	a.Number, a.Flapping = n, flags&alertFlapping != 0
	a.Status = itsm.Status(r.byte())
	a.Severity = itsm.Severity(r.byte())
	key := r.str()
	a.Key = itsm.AlertKey(key)
	if flags&alertSourceInKey == 0 {
		a.Source = r.str()
	} else if n := r.uint(); n <= uint64(len(key)) {
		a.Source = key[:n]
	} else {
		r.fail()
	}
	a.SeverityWord = a.Severity.String()
	if flags&alertPlainWord == 0 {
		a.SeverityWord = r.str()
	}
	a.Title = r.str()
	a.Labels, a.Annotations = r.labels(), r.labels()
	a.GeneratorURL = r.str()
	a.CI, a.Provisional, a.BoundBy, a.Trail = r.str(), r.str(), r.str(), r.strs()
	a.StartsAt, a.EndsAt, a.EndedBy = r.time(), r.time(), r.str()
	a.RaisedAt, a.LastSeenAt = r.time(), r.time()
	a.EventCount, a.Episode, a.Reopened = r.uint(), r.uint32(), r.uint32()
	a.SuppressedBy = r.str()
	a.Incident, a.ChangedAt = itsm.IncidentNumber(r.uint()), itsm.Offset(r.uint())
	if version >= 2 {
		a.Rules = r.strs()
	}
	return a, r.end()
}

// flags of an incident record
const (
	incidentStillFiring = 1 << iota
	incidentStorm
	incidentParted // its lists are in parts
)

// isParted reports whether a stored record says that its lists are in parts.
func isParted(value []byte) bool {
	return len(value) > 1 && value[0] >= 6 && value[1]&incidentParted != 0
}

// incident writes the stored form, without its lists when they are in parts; the
// short strings that mostly are empty share a list.
func (b *rawBuffer) incident(in *itsm.Incident, parted bool) []byte {
	return b.value(incidentVersion, func() {
		flags := uint64(0)
		if in.StillFiring {
			flags |= incidentStillFiring
		}
		if in.Storm {
			flags |= incidentStorm
		}
		if parted {
			flags |= incidentParted
		}
		b.uint(flags)
		for _, v := range []uint8{uint8(in.State), uint8(in.Priority), uint8(in.Computed), uint8(in.Impact), uint8(in.Urgency), uint8(in.Severity)} {
			b.uint(uint64(v))
		}
		b.str(in.Title)
		b.strs([]string{in.PriorityBy, in.ImpactBecause, in.UrgencyBecause, in.AcknowledgedBy, in.ResolvedBy,
			in.CloseCode, in.HoldReason, in.Assignee, in.Group, in.Problem, in.Runbook, in.Signature})
		for _, t := range []itsm.Time{in.OpenedAt, in.AcknowledgedAt, in.ResolvedAt, in.ClosedAt, in.LastActivityAt} {
			b.time(t)
		}
		b.uint(uint64(in.Epoch))
		b.int(int64(in.AlertCount))
		b.int(int64(in.FiringCount))
		b.uint(in.EventCount)
		if !parted {
			b.strs(in.CIs)
			b.strs(in.Services)
			b.strs(in.Unbound)
			b.causes(in.Causes)
			b.related(in.MaybeRelated)
		}
		b.links(in.Links)
		b.uint(uint64(in.Follows))
		b.uint(uint64(in.MergedInto))
		b.uint(in.Version)
		b.labels(in.Labels)
		b.uint(uint64(in.ChangedAt))
		if !parted {
			b.changes(in.Changes)
		}
		b.level(&in.SLA)
		b.process(in)
	})
}

// incidentWords is how many short strings of an incident are stored in one list,
// and incidentWords1 how many there were in version 1.
const (
	incidentWords  = 12
	incidentWords1 = 10
)

// standing reads the state and the priority at the front of a stored incident, where
// every version has them.
func standing(value []byte) (state itsm.State, priority itsm.Priority, ok bool) {
	if len(value) == 0 {
		return 0, 0, false
	}
	rest := value[1:]
	var v [3]uint64 // flags, state, priority
	for i := range v {
		n := 0
		if v[i], n = binary.Uvarint(rest); n <= 0 {
			return 0, 0, false
		}
		rest = rest[n:]
	}
	return itsm.State(v[1]), itsm.Priority(v[2]), v[1] <= math.MaxUint8 && v[2] <= math.MaxUint8
}

// decodeIncident reads a record as far as it is under its own key.
func decodeIncident(n itsm.IncidentNumber, value []byte) (in itsm.Incident, err error) {
	r, version, err := openOlder(value, incidentVersion)
	if err != nil {
		return in, err
	}
	flags := r.uint()
	parted := flags&incidentParted != 0 && version >= 6
	in.Number = n
	in.StillFiring, in.Storm = flags&incidentStillFiring != 0, flags&incidentStorm != 0
	in.State, in.Priority, in.Computed = itsm.State(r.byte()), itsm.Priority(r.byte()), itsm.Priority(r.byte())
	in.Impact, in.Urgency, in.Severity = itsm.Level(r.byte()), itsm.Level(r.byte()), itsm.Severity(r.byte())
	in.Title = r.str()
	w := r.strs()
	if version == 1 && len(w) == incidentWords1 {
		w = append(w, "", "")
	}
	if len(w) == incidentWords {
		in.PriorityBy, in.ImpactBecause, in.UrgencyBecause, in.AcknowledgedBy, in.ResolvedBy = w[0], w[1], w[2], w[3], w[4]
		in.CloseCode, in.HoldReason, in.Assignee, in.Group, in.Problem = w[5], w[6], w[7], w[8], w[9]
		in.Runbook, in.Signature = w[10], w[11]
	} else {
		r.fail()
	}
	in.OpenedAt, in.AcknowledgedAt, in.ResolvedAt, in.ClosedAt, in.LastActivityAt = r.time(), r.time(), r.time(), r.time(), r.time()
	in.Epoch = r.uint32()
	in.AlertCount, in.FiringCount, in.EventCount = int(r.int()), int(r.int()), r.uint()
	if !parted {
		in.CIs, in.Services, in.Unbound = r.strs(), r.strs(), r.strs()
		in.Causes, in.MaybeRelated = r.causes(), r.related()
	}
	in.Links = r.links()
	in.Follows, in.MergedInto = itsm.IncidentNumber(r.uint()), itsm.IncidentNumber(r.uint())
	in.Version, in.Labels, in.ChangedAt = r.uint(), r.labels(), itsm.Offset(r.uint())
	if version >= 3 && !parted {
		in.Changes = r.changes()
	}
	if version >= 4 {
		r.level(&in.SLA)
	}
	if version >= 5 {
		r.process(&in)
	}
	return in, r.end()
}

func (b *rawBuffer) causes(list []itsm.Cause) {
	b.uint(uint64(len(list)))
	for i := range list {
		c := &list[i]
		b.str(c.CI)
		b.int(int64(c.ScoreMilli))
		b.str(c.Because)
		b.uint(uint64(len(c.Paths)))
		for _, p := range c.Paths {
			b.strs(p)
		}
	}
}

func (r *reader) causes() []itsm.Cause {
	n := r.count(4)
	if n == 0 {
		return nil
	}
	list := make([]itsm.Cause, n)
	for i := range list {
		c := &list[i]
		c.CI, c.ScoreMilli, c.Because = r.str(), int(r.int()), r.str()
		if n := r.count(1); n > 0 {
			c.Paths = make([]itsm.CausePath, n)
		}
		for j := range c.Paths {
			c.Paths[j] = r.strs()
		}
	}
	return list
}

func (b *rawBuffer) related(list []itsm.Candidate) {
	b.uint(uint64(len(list)))
	for i := range list {
		b.uint(uint64(list[i].Incident))
		b.int(int64(list[i].ScoreMilli))
		b.str(list[i].Because)
	}
}

func (r *reader) related() []itsm.Candidate {
	n := r.count(3)
	if n == 0 {
		return nil
	}
	list := make([]itsm.Candidate, n)
	for i := range list {
		list[i] = itsm.Candidate{Incident: itsm.IncidentNumber(r.uint()), ScoreMilli: int(r.int()), Because: r.str()}
	}
	return list
}

func (b *rawBuffer) links(list []itsm.ExternalRef) {
	b.uint(uint64(len(list)))
	for i := range list {
		b.str(list[i].Connector)
		b.str(list[i].ID)
		b.str(list[i].URL)
	}
}

func (r *reader) links() []itsm.ExternalRef {
	n := r.count(3)
	if n == 0 {
		return nil
	}
	list := make([]itsm.ExternalRef, n)
	for i := range list {
		list[i] = itsm.ExternalRef{Connector: r.str(), ID: r.str(), URL: r.str()}
	}
	return list
}
