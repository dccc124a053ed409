package console

import (
	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// countedMax bounds the alerts and the evidence records read for what an incident
// page counts: four pages of the desk.
const countedMax = 4 * desk.PageMax

// incidentFacts is everything an incident page is made of.
type incidentFacts struct {
	Incident  itsm.Incident
	Alerts    []itsm.Alert // members, the newest first; at most countedMax
	MoreAl    bool
	Evidence  []itsm.Evidence // the newest alert's first; at most countedMax
	MoreEv    bool
	Timeline  []itsm.TimelineEntry
	Undoable  map[itsm.Offset]itsm.IncidentNumber // by the entry of the timeline that says so: the incident whose merge or split can be taken back
	Before    string                              // cursor the timeline was read from, "" for the newest
	OlderTime string                              // cursor of what is older, "" when nothing is
	Known     *itsm.Problem                       // the known problem it belongs to
	Past      []pastIncident                      // resolved ones of the same cause, the newest first
	Kin       []itsm.Incident                     // records of its parents and children, where they still exist
	Related   []itsm.Incident                     // records of the maybe-related ones, where they still exist
}

// firing lists the alerts that fire in this incident now: an alert that went on to
// a later incident is counted there.
func (f *incidentFacts) firing() []*itsm.Alert {
	out := make([]*itsm.Alert, 0, len(f.Alerts))
	for k := range f.Alerts {
		if a := &f.Alerts[k]; a.Status == itsm.Firing && a.Incident == f.Incident.Number {
			out = append(out, a)
		}
	}
	return out
}

// here lists up to limit alerts that are in this incident and not in a later one.
func (f *incidentFacts) here(limit int) (out []*itsm.Alert) {
	for k := range f.Alerts {
		if a := &f.Alerts[k]; a.Incident == f.Incident.Number && len(out) < limit {
			out = append(out, a)
		}
	}
	return out
}

func (c *Console) incidentFacts(n itsm.IncidentNumber, before string) (incidentFacts, error) {
	f := incidentFacts{Before: before}
	var err error
	if f.Incident, err = c.o.Records.Incident(n); err != nil {
		return f, err
	}
	if f.Alerts, f.MoreAl, err = upTo(countedMax, n, c.o.Records.IncidentAlerts); err != nil {
		return f, err
	}
	if f.Evidence, f.MoreEv, err = upTo(countedMax, n, c.o.Records.Evidence); err != nil {
		return f, err
	}
	timeline, err := c.o.Records.Timeline(n, before, timelineMax)
	if err != nil {
		return f, err
	}
	f.Timeline, f.OlderTime = timeline.Items, timeline.Next
	for _, r := range f.Incident.MaybeRelated[:min(len(f.Incident.MaybeRelated), itsm.MaybeRelatedMax)] {
		if i, err := c.o.Records.Incident(r.Incident); err == nil { // one that is gone is simply not offered
			f.Related = append(f.Related, i)
		}
	}
	f.Kin, f.Undoable = c.kin(&f.Incident), c.undoable(&f.Incident, timeline.Items)
	if f.Incident.Problem != "" {
		if p, err := nounOf[itsm.Problem](c, problemKind, f.Incident.Problem); err == nil { // one that is gone is simply not shown
			f.Known = &p
		}
	}
	f.Past, err = c.similar(&f.Incident)
	return f, err
}

// upTo reads pages of a list of an incident until limit items or its end.
func upTo[T any](limit int, n itsm.IncidentNumber, read func(itsm.IncidentNumber, string, int) (desk.Page[T], error)) (items []T, more bool, err error) {
	for cursor := ""; len(items) < limit; {
		page, err := read(n, cursor, desk.PageMax)
		if err != nil {
			return nil, false, err
		}
		items, cursor = append(items, page.Items...), page.Next
		if cursor == "" {
			return items, false, nil
		}
	}
	return items, true, nil
}

// undoable finds the merges and splits of a timeline that can be taken back now. An
// incident that was merged or split off says which one it was, and when.
func (c *Console) undoable(i *itsm.Incident, entries []itsm.TimelineEntry) map[itsm.Offset]itsm.IncidentNumber {
	out := map[itsm.Offset]itsm.IncidentNumber{}
	for _, e := range entries {
		if e.Kind != "merged" && e.Kind != "split" && (e.Kind != "opened" || e.At != i.Undo.At) {
			continue
		}
		names := 0
		for begin, end := nextName(e.Text, 0); end > 0 && names < saidLinksMax; begin, end = nextName(e.Text, end) {
			names++
			n, err := itsm.ParseIncidentNumber(e.Text[begin:end])
			if err != nil {
				continue
			}
			other, err := c.o.Records.Incident(n)
			if err != nil {
				continue
			}
			switch {
			case i.State.IsOpen() && other.Undo.With == i.Number && other.Undo.At == e.At:
				out[e.Offset] = n
			case other.State.IsOpen() && i.Undo.With == n && i.Undo.At == e.At:
				out[e.Offset] = i.Number
			}
		}
	}
	return out
}
