package console

import (
	"encoding/json"
	"slices"

	"signalbox/itsm"
)

// adopt gives i a parent, or takes it back.
func (b *book) adopt(i *itsm.Incident, a itsm.Act, at itsm.Time, off itsm.Offset) ([]itsm.Decision, itsm.Outcome, error) {
	out := itsm.Outcome{Offset: off, Incident: i.Number}
	was := i.Parent
	if was == a.Into {
		out.NoOp = true
		return nil, out, nil
	}
	var ds []itsm.Decision
	if p, err := b.Incident(was); err == nil {
		p.Children = slices.DeleteFunc(slices.Clone(p.Children), func(n itsm.IncidentNumber) bool { return n == i.Number })
		ds = append(ds, b.record(&p, a, at, off, "child left", i.Number.String())...)
	}
	kind, text := "no child any more", "of "+was.String()
	if a.Into != 0 {
		p, err := b.Incident(a.Into)
		if err != nil {
			return nil, out, itsm.Errorf(itsm.Invalid, "parent: there is no incident %s", a.Into)
		}
		p.Children = append(slices.Clone(p.Children), i.Number)
		ds = append(ds, b.record(&p, a, at, off, "child added", i.Number.String())...)
		kind, text = "child", "of "+a.Into.String()
	}
	i.Parent = a.Into
	return append(ds, b.record(i, a, at, off, kind, text)...), out, nil
}

// follow changes who watches i and what is attached to it.
func (b *book) follow(i *itsm.Incident, a itsm.Act, at itsm.Time) (kind, text string) {
	var l itsm.Attachment
	json.Unmarshal(a.Body, &l) // the console made it
	switch l.By, l.At = a.Actor, at; a.Kind {
	case itsm.ActWatch:
		i.Watchers = itsm.NameList(append(slices.Clone(i.Watchers), a.Assignee))
		return "watched", "by " + a.Assignee
	case itsm.ActUnwatch:
		i.Watchers = slices.DeleteFunc(slices.Clone(i.Watchers), func(w string) bool { return w == a.Assignee })
		return "watched no more", "by " + a.Assignee
	case itsm.ActAttach:
		i.Attachments = append(slices.Clone(i.Attachments), l)
		return "attached", l.Title + " (" + l.URL + ")"
	}
	i.Attachments = slices.DeleteFunc(slices.Clone(i.Attachments), func(o itsm.Attachment) bool { return o.URL == l.URL })
	return "link taken away", l.URL
}

// majorStates are what acts make of a major incident.
var majorStates = map[itsm.ActKind]itsm.MajorState{itsm.ActMajorPropose: itsm.MajorProposed, itsm.ActMajorAccept: itsm.MajorAccepted, itsm.ActMajorReject: itsm.MajorRejected, itsm.ActMajorDemote: itsm.MajorDemoted}

// review writes the review of i, or finishes it.
func (b *book) review(i *itsm.Incident, a itsm.Act, at itsm.Time, off itsm.Offset) ([]itsm.Decision, itsm.Outcome, error) {
	out := itsm.Outcome{Offset: off, Incident: i.Number}
	r := itsm.Review{Incident: i.Number}
	if o, err := b.Object(itsm.ObjectReview, i.Number.String()); err == nil {
		if err := json.Unmarshal(o.Body, &r); err != nil {
			return nil, out, err
		}
	}
	kind := "review"
	if a.Kind == itsm.ActReviewDone {
		kind, r.DoneBy, r.DoneAt, i.Major.State = "review done", a.Actor, at, itsm.MajorReviewed
	} else {
		var c itsm.ReviewChange
		if err := json.Unmarshal(a.Body, &c); err != nil {
			return nil, out, err
		}
		if c.IsStale(&r) {
			return nil, out, itsm.Errorf(itsm.Stale, "the review of %s is at version %d, not %d", i.Number, r.Version, *c.Version)
		}
		r.Apply(&c)
		r.EditedBy, r.EditedAt = a.Actor, at
	}
	r.Version++
	body, err := json.Marshal(r)
	if err != nil {
		return nil, out, err
	}
	ds := b.record(i, a, at, off, kind, "")
	return append(ds, itsm.Decision{Kind: itsm.PutObject, Object: &itsm.Object{Kind: itsm.ObjectReview, ID: i.Number.String(), Version: r.Version, At: at, Offset: off, Body: body}}), out, nil
}
