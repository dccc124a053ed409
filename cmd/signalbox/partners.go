package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"signalbox/connectors"
	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/partners"
)

// board is what the API and the console show of connectors and do with them.
type board struct {
	set     partnerSet
	senders []*connectors.Sender
	desk    *desk.Desk
	eng     *engine.Engine
	log     *slog.Logger
}

// Connectors implements partners.Board.
func (b board) Connectors() []partners.Connector {
	var out []partners.Connector
	held, drifts, paused := heldOf(b.eng), b.eng.Drifts(), b.eng.PausedConnectors()
	for _, s := range b.senders {
		st := s.Status()
		c := partners.Connector{Name: st.Connector, Kind: b.set[st.Connector].kind, State: partners.Ok, SentAt: itsm.TimeOf(st.SentAt), FailedAt: itsm.TimeOf(st.FailedAt),
			LastError: st.LastError, Held: held[st.Connector], Failures: st.Failures, PerMinute: st.PerMinute, Checks: st.Tester,
			OpenUntil: openUntil(st), Limit: partners.Limit{Limit: st.Limit.Limit, Remaining: st.Limit.Remaining, ResetAt: itsm.TimeOf(st.Limit.ResetAt), At: itsm.TimeOf(st.Limit.At)},
			Sweep: partners.Sweep{Possible: st.Sweep.Possible, Every: st.Sweep.Every, BeganAt: itsm.TimeOf(st.Sweep.BeganAt), EndedAt: itsm.TimeOf(st.Sweep.EndedAt),
				Compared: st.Sweep.Compared, Differed: st.Sweep.Differed, Differs: st.Sweep.Differs, Failed: st.Sweep.Failed, Error: st.Sweep.Error}}
		if n := slices.IndexFunc(drifts, func(d correlate.Drift) bool { return d.Connector == c.Name }); n >= 0 {
			c.Drift = partners.Drift{Found: drifts[n].Found, Adopted: drifts[n].Adopted, Repaired: drifts[n].Repaired}
		}
		if n := slices.IndexFunc(paused, func(p itsm.ConnectorState) bool { return p.Name == c.Name }); n >= 0 {
			c.Pause = paused[n]
		}
		switch {
		case st.Paused:
			c.State = partners.Paused
		case st.Failures > 0:
			c.State = partners.Retrying
		}
		out = append(out, c)
	}
	return out
}

// openUntil is until when the circuit is open; 0 when it is not.
func openUntil(st connectors.Status) itsm.Time {
	if st.Failures == 0 {
		return 0
	}
	return itsm.TimeOf(st.OpenUntil)
}

// Sync implements partners.Board.
func (b board) Sync(n itsm.IncidentNumber) ([]partners.Row, bool) {
	list, ok := b.eng.SyncOf(n)
	if !ok {
		return nil, false
	}
	in, err := b.desk.Incident(n)
	if err != nil {
		return nil, false
	}
	var out []partners.Row
	for _, v := range list {
		r := b.row(v.Connector, in.Links)
		r.Told, r.Why, r.Want, r.At, r.ToldAt, r.Waiting, r.Failed, r.Repairs = v.Told, v.Why, v.Want, v.At, v.ToldAt, v.Waiting, v.Failed, v.Repairs
		if a, ok := b.set[v.Connector].Connector.(connectors.Acquaintance); ok && a.IsUnknown(v.Want.Assignee) {
			r.Stranger = v.Want.Assignee
		}
		if s := b.sender(v.Connector); s != nil && v.Told {
			if l, ok := s.Looked(n); ok {
				seen(&r, l.Record, l.At, itsm.Differences(&r.Want, &l.Record, v.Kept), v.RepairAt)
			}
		}
		out = append(out, r)
	}
	return out, true
}

// SyncObject implements partners.Board.
func (b board) SyncObject(id string) (out []partners.Row) {
	links := b.linksOf(id)
	for _, v := range b.eng.ObjectSyncOf(id) {
		r := b.row(v.Connector, links)
		r.Told, r.Theirs, r.At, r.ToldAt, r.Waiting, r.Failed, r.Repairs = true, v.Theirs, v.At, v.ToldAt, v.Waiting, v.Failed, v.Repairs
		if s := b.sender(v.Connector); s != nil {
			if l, ok := s.LookedObject(id); ok {
				seen(&r, l.Record, l.At, l.Differs, v.RepairAt)
			}
		}
		out = append(out, r)
	}
	return out
}

// row begins the row of a connector with its record, the last of its links: that of the
// present epoch.
func (b board) row(connector string, links []itsm.ExternalRef) partners.Row {
	r := partners.Row{Connector: connector, Kind: b.set[connector].kind}
	for _, l := range links {
		if l.Connector == connector {
			r.Link = l
		}
	}
	return r
}

// seen adds what a sweep saw. What it saw before the partner was told something else
// says nothing any more.
func seen(r *partners.Row, has itsm.PartnerRecord, at time.Time, differs []itsm.Difference, repairAt itsm.Time) {
	r.Has, r.SeenAt = &has, itsm.TimeOf(at)
	if r.Link.ID == "" {
		r.Link = has.Link
	}
	if r.SeenAt < max(r.At, r.ToldAt) || r.Waiting > 0 {
		return
	}
	if r.Differs = differs; len(r.Differs) > 0 {
		r.RepairAt = repairAt
	}
}

// linksOf are the records of a change or a problem at partners that were told of it.
func (b board) linksOf(id string) []itsm.ExternalRef {
	kind := "problem"
	if _, err := itsm.ParseChangeNumber(id); err == nil {
		kind = "change"
	}
	var has struct {
		Links []itsm.ExternalRef `json:"links"`
	}
	o, err := b.desk.Object(kind, id)
	if err == nil {
		err = json.Unmarshal(o.Body, &has)
	}
	if err != nil {
		b.log.Error("the records of a change or a problem at partners cannot be read", "id", id, "err", err)
	}
	return has.Links
}

func (b board) sender(name string) *connectors.Sender {
	for _, s := range b.senders {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// Pause implements partners.Board.
func (b board) Pause(ctx context.Context, name, reason, actor string) error {
	o, err := b.eng.Do(ctx, itsm.Act{Kind: itsm.ActConnectorPause, Object: itsm.ObjectConnector + "/" + name, Reason: reason, Actor: actor})
	if err != nil {
		return err
	}
	return o.Err()
}

// Resume implements partners.Board.
func (b board) Resume(ctx context.Context, name, actor string) error {
	o, err := b.eng.Do(ctx, itsm.Act{Kind: itsm.ActConnectorResume, Object: itsm.ObjectConnector + "/" + name, Actor: actor})
	if err != nil {
		return err
	}
	if s := b.sender(name); s != nil {
		s.Nudge()
	}
	return o.Err()
}

// Test implements partners.Board.
func (b board) Test(ctx context.Context, name string, checkOnly bool, actor string) ([]partners.Step, error) {
	s := b.sender(name)
	if s == nil {
		return nil, itsm.Errorf(itsm.NotFound, "no connector is named %q", name)
	}
	b.log.Info("a person tests a connector", "connector", name, "actor", actor, "check_only", checkOnly)
	var out []partners.Step
	for _, st := range s.Test(ctx, checkOnly) {
		out = append(out, partners.Step(st))
	}
	return out, nil
}

// RetryDeadLetter implements partners.Board.
func (b board) RetryDeadLetter(ctx context.Context, connector, key, actor string) error {
	in, err := b.desk.Intent(connector, key)
	if err != nil {
		return err
	}
	s := b.sender(connector)
	if s != nil {
		s.Approve(key)
	}
	_, err = b.eng.Do(ctx, itsm.Act{Kind: itsm.ActRetry, Incident: in.Intent.Incident, Object: in.Intent.Object, Actor: actor, Origin: connector, IntentKey: key})
	if s != nil {
		s.Nudge()
	}
	return err
}
