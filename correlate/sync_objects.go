package correlate

import (
	"encoding/json"
	"slices"
	"strings"

	"signalbox/itsm"
)

// ObjectSync is how a change or a problem stands between us and one partner that has
// a record of it.
type ObjectSync struct {
	Connector string
	Want      itsm.Intent // what the partner would be told of it now
	Theirs    bool        // it was made there
	Kept      bool        // what people here decide of it is told there
	Version   uint64      // of the change or the problem
	Known     int64       // newest version of the partner's record that we know of
	Waiting   int         // intents that are neither confirmed nor given up
	Failed    bool        // the last intent was given up: see the dead letters
	At        itsm.Time   // of the last receipt or report
	ToldAt    itsm.Time
	Repairs   int
	RepairAt  itsm.Time // not before is it told again; 0: at once
}

// ObjectSyncWith says how a change or a problem stands with a connector; false when
// that has no record of it, or its state is not kept any more.
func (s *State) ObjectSyncWith(object, connector string) (ObjectSync, bool) {
	k := s.connector(connector)
	if k == nil {
		return ObjectSync{}, false
	}
	v := ObjectSync{Connector: connector}
	n, err := itsm.ParseChangeNumber(object)
	p, errP := itsm.ParseProblemNumber(object)
	c, t, ok := s.changes.all[n], s.problems.list[p], false
	switch {
	case err == nil && c != nil:
		v.Want, _, ok = s.changeFor(k, c)
		v.Theirs, v.Version, v.Known = c.Source == connector, c.Version, c.seen
		v.Kept = !v.Theirs || s.keepsChange(c)
	case errP == nil && t != nil:
		v.Want, _, ok = s.problemFor(k, t)
		v.Theirs, v.Version, v.Kept = t.Source == connector, t.Version, true
	}
	told := s.tellingOf(object, connector)
	if told != nil {
		x := &told.exchange
		v.Known, v.Waiting, v.Failed, v.At, v.ToldAt = max(v.Known, x.version), int(x.waiting), x.failed, x.at, told.at
		if v.Repairs = int(told.repairs.n); v.Repairs > 0 {
			v.RepairAt = told.repairs.next
		}
	}
	return v, ok && (told != nil || v.Theirs)
}

// ObjectSyncOf says how a change or a problem stands with every connector that has a
// record of it, in the order of the configuration.
func (s *State) ObjectSyncOf(object string) (out []ObjectSync) {
	for k := range s.cfg.Connectors {
		if v, ok := s.ObjectSyncWith(object, s.cfg.Connectors[k].Name); ok {
			out = append(out, v)
		}
	}
	return out
}

func (s *State) connector(name string) *Connector {
	if n := slices.IndexFunc(s.cfg.Connectors, func(k Connector) bool { return k.Name == name }); n >= 0 {
		return &s.cfg.Connectors[n]
	}
	return nil
}

// ObjectsOf lists the changes and problems of which a connector's partner has a record,
// newest first, but those that are over and were not touched since a time.
func (s *State) ObjectsOf(connector string, since itsm.Time) (out []string) {
	for _, n := range slices.Backward(sortedKeys(s.changes.all)) {
		c := s.changes.all[n]
		if (!c.State.IsOver() || c.UpdatedAt >= since) && (c.Source == connector || s.tellingOf(c.ID, connector) != nil) {
			out = append(out, c.ID)
		}
	}
	for _, n := range slices.Backward(sortedKeys(s.problems.list)) {
		t := s.problems.list[n]
		if id := n.String(); (t.State.Open() || t.ChangedAt >= since) && (t.Source == connector || s.tellingOf(id, connector) != nil) {
			out = append(out, id)
		}
	}
	return out
}

// syncObject decides about a partner's record of a change or a problem that a sweep
// saw. What people did there since and we did not hear of is taken over; where nobody
// did, it is told again.
func (s *State) syncObject(a *itsm.Act) itsm.Outcome {
	var rec itsm.ObjectRecord
	if a.Seen == nil || a.Origin == "" || json.Unmarshal(a.Body, &rec) != nil {
		return refuse(a, itsm.Invalid, "sync: expected what was seen, and the connector as origin")
	}
	v, ok := s.ObjectSyncWith(a.Object, a.Origin)
	switch {
	case !ok:
		return s.ignore(a, itsm.ReasonOldRecord)
	case v.Waiting > 0, a.IfVersion != 0 && a.IfVersion != v.Version:
		return itsm.Outcome{NoOp: true} // it is about to be told, or was compared with what is no more
	}
	d := s.driftOf(a.Origin)
	if a.Seen.Version > v.Known {
		if o := s.takeOverObject(a, rec.Said); o != nil {
			d.found++
			d.adopted++
			return *o
		}
	}
	if len(rec.Differs) == 0 {
		return itsm.Outcome{NoOp: true}
	}
	d.found++
	return s.tellObjectAgain(a, &v, rec.Differs, d)
}

// takeOverObject does what the partner's record says, as if it had been reported; nil
// when nothing came of it. The version that it has now is known.
func (s *State) takeOverObject(a *itsm.Act, said []itsm.Act) (first *itsm.Outcome) {
	for n := range said {
		report := said[n]
		do := objectActors[report.Kind]
		if do == nil || len(report.Body) == 0 {
			continue
		}
		report.Object, report.Origin, report.PartnerVersion, report.IfVersion = a.Object, a.Origin, 0, 0
		if o := s.objectAct(&report, do); first == nil && o.Code == "" && !o.NoOp {
			first = &o
		}
	}
	if t := s.tellingOf(a.Object, a.Origin); t != nil {
		t.exchange.hear(s.now, a.Seen.Version)
	}
	if n, err := itsm.ParseChangeNumber(a.Object); err == nil && s.changes.all[n] != nil && s.changes.all[n].Source == a.Origin {
		s.changes.all[n].seen = max(s.changes.all[n].seen, a.Seen.Version)
	}
	return first
}

// tellObjectAgain tells a partner what its record has wrong, unless it may not be told
// now: a dead letter is a person's to send again, and a record of its own that is gone
// is not ours to make.
func (s *State) tellObjectAgain(a *itsm.Act, v *ObjectSync, differs []itsm.Difference, d *drift) itsm.Outcome {
	text := a.Origin + " has " + differences(differs)
	t := s.tellingOf(a.Object, a.Origin)
	if t == nil || !v.Kept || v.Failed || a.ReadOnly || v.Theirs && a.Seen.Status == itsm.RecordNone || !s.mayRepair(&t.repairs) {
		return itsm.Outcome{NoOp: true, Detail: clip(text, itsm.AuditTextMax)}
	}
	d.repaired++
	v.Want.Text = clip("told again: "+text, itsm.AuditTextMax)
	s.intendObject(t, v.Want, actSystem)
	return itsm.Outcome{}
}

// differences says what a record has wrong.
func differences(list []itsm.Difference) string {
	var words []string
	for _, d := range list {
		words = append(words, clip(d.Has, titleShown)+", wanted "+clip(d.Want, titleShown))
	}
	return strings.Join(words, "; ")
}
