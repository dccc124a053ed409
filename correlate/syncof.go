package correlate

import (
	"slices"

	"signalbox/itsm"
)

// PartnerSync is how an incident stands between us and one partner.
type PartnerSync struct {
	Connector string
	Told      bool     // it has, or should have, a record of the present epoch
	Why       string   // why it was not told, "" when it was
	Epoch     uint32   // that its record was made for
	Before    []uint32 // of its earlier records, oldest first
	Want      itsm.PartnerRecord
	Kept      bool      // an acknowledgement that was taken back elsewhere may still stand there
	Waiting   int       // intents that are neither confirmed nor given up
	Failed    bool      // the last intent was given up: see the dead letters
	At        itsm.Time // of the last receipt or report
	Version   int64     // newest of its record that we know of
	ToldAt    itsm.Time // last trigger or update
	Repairs   int       // times it was told again in this epoch
	RepairAt  itsm.Time // not before is it told again; 0: at once
}

// SyncOf says how an incident stands with every configured partner, in the order
// of the configuration; false when its state is not kept any more.
func (s *State) SyncOf(n itsm.IncidentNumber) ([]PartnerSync, bool) {
	i := s.incidents[n]
	if i == nil {
		return nil, false
	}
	out := make([]PartnerSync, len(s.cfg.Connectors))
	for k := range s.cfg.Connectors {
		out[k] = s.syncWith(i, &s.cfg.Connectors[k])
	}
	return out, true
}

// SyncWith is SyncOf for one connector.
func (s *State) SyncWith(n itsm.IncidentNumber, connector string) (PartnerSync, bool) {
	i, c := s.incidents[n], s.connector(connector)
	if i == nil || c == nil {
		return PartnerSync{}, false
	}
	return s.syncWith(i, c), true
}

func (s *State) syncWith(i *incident, c *Connector) PartnerSync {
	v := PartnerSync{Connector: c.Name, Want: i.wantedRecord()}
	t := i.toldOf(c.Name)
	if t == nil || t.epoch != i.epoch {
		v.Why = s.whyNotTold(i, c)
	}
	if t == nil {
		return v
	}
	v.Told, v.Epoch, v.Before, v.Kept = t.epoch == i.epoch, t.record, slices.Clone(t.before), t.ackKept
	v.Waiting, v.Failed, v.At, v.Version, v.ToldAt = int(t.exchange.waiting), t.exchange.failed, t.exchange.at, t.exchange.version, t.at
	if v.Repairs = int(t.repairs.n); v.Repairs > 0 {
		v.RepairAt = t.repairs.next
	}
	return v
}

// wantedRecord is what every partner that is told of i should have.
func (i *incident) wantedRecord() itsm.PartnerRecord {
	return itsm.PartnerRecord{Status: i.wantedStatus(), Assignee: i.handled().assignee, Group: i.team, Priority: i.priority(), Title: i.title()}
}

// whyNotTold says why a partner was not told of the present epoch.
func (s *State) whyNotTold(i *incident, c *Connector) string {
	switch {
	case !i.state.IsOpen():
		return "it ended before this partner was told of it"
	case !s.wanted(i, c):
		return "this partner is told from " + c.MinPriority.String() + " on"
	case !s.mayHear(i, c):
		return "a rule sends it elsewhere, or later"
	case i.pageHeld:
		return "it waits for the end of a storm or for room in the budget of pages"
	case i.flapping > 0:
		return "it flaps: partners are told at most every " + short(s.cfg.FlapNotifyEvery)
	}
	return "it is about to be told"
}

// Drift is what sweeps found of one partner since the journal began.
type Drift struct {
	Connector                string
	Found, Adopted, Repaired uint64
}

// Drifts lists what sweeps found, by connector.
func (s *State) Drifts() []Drift {
	out := make([]Drift, len(s.drifts))
	for n, d := range s.drifts {
		out[n] = Drift{d.connector, d.found, d.adopted, d.repaired}
	}
	return out
}
