package engine

import (
	"cmp"
	"maps"
	"slices"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// PlaybackOptions says what a playback begins with.
type PlaybackOptions struct {
	Config       correlate.Config
	CMDB         *cmdb.Changes        // nil: no CMDB
	Rules        []rules.File         // active from the first entry on; nil: no rules
	BatchRecords int                  // records a batch; 0: 64. The result does not depend on it.
	OnDecision   func(*itsm.Decision) // sees every decision after Playback took it in; may be nil
	OnEntry      func(journal.Record) // sees every entry, ticks included, before it is folded; may be nil
}

// Playback folds entries in their own time, as fast as it can, with the Folder of
// serve: an entry's At is given with it, and ticks run in between. It keeps the
// newest record of every incident and where each episode is. It is for one goroutine.
type Playback struct {
	o         PlaybackOptions
	f         *Folder
	queue     []journal.Record
	at        itsm.Time
	offset    itsm.Offset
	members   map[Episode]itsm.IncidentNumber
	incidents map[itsm.IncidentNumber]*itsm.Incident
}

// Episode is one episode of one alert.
type Episode struct {
	Alert  itsm.AlertNumber
	Number uint32
}

// NewPlayback starts a playback; its first entry brings what the options say.
func NewPlayback(o PlaybackOptions) *Playback {
	if o.BatchRecords <= 0 {
		o.BatchRecords = 64
	}
	return &Playback{o: o, f: NewFolder(), members: map[Episode]itsm.IncidentNumber{}, incidents: map[itsm.IncidentNumber]*itsm.Incident{}}
}

// Deliver folds a delivery at its time, which is never before what was folded
// last, after the ticks due until then. The offset is that of its entry.
func (p *Playback) Deliver(at itsm.Time, d *entry.Delivery) (itsm.Offset, error) {
	if err := p.Until(at); err != nil {
		return 0, err
	}
	return p.offset + 1, p.put(max(at, p.at), entry.EncodeDelivery(nil, d))
}

// Act folds what a person or partner did.
func (p *Playback) Act(at itsm.Time, a *itsm.Act) error {
	if err := p.Until(at); err != nil {
		return err
	}
	return p.put(max(at, p.at), entry.EncodeAct(a))
}

// Until lets time pass: everything due before at happens. What is queued for the
// same moment stays queued.
func (p *Playback) Until(at itsm.Time) error {
	at = max(at, p.at)
	if p.offset == 0 {
		if err := p.begin(at); err != nil {
			return err
		}
	}
	for {
		// The queue is folded before the state is asked, for it may want waking sooner.
		if err := p.flushIfWaking(at); err != nil {
			return err
		}
		wake := p.f.State.NextWake()
		if wake == 0 || wake >= at || len(p.queue) > 0 {
			return nil
		}
		if err := p.tick(wake); err != nil {
			return err
		}
	}
}

// At folds everything up to and including a moment, so that what is read is as of then.
func (p *Playback) At(at itsm.Time) error {
	if err := p.Until(at); err != nil {
		return err
	}
	return p.tick(max(at, p.at))
}

func (p *Playback) tick(at itsm.Time) error {
	if err := p.put(max(at, p.at), entry.EncodeTick()); err != nil {
		return err
	}
	return p.flush()
}

// Drain lets time pass until nothing waits.
func (p *Playback) Drain() error {
	for {
		if err := p.flush(); err != nil {
			return err
		}
		wake := p.f.State.NextWake()
		if wake == 0 {
			return nil
		}
		if err := p.put(max(wake, p.at), entry.EncodeTick()); err != nil {
			return err
		}
	}
}

// begin journals what a server would journal at its start.
func (p *Playback) begin(at itsm.Time) error {
	body, err := p.o.Config.Canonical()
	if err != nil {
		return err
	}
	if err := p.put(at, entry.EncodeConfig(&entry.Config{Body: body})); err != nil {
		return err
	}
	if err := p.beginCMDB(at); err != nil {
		return err
	}
	return p.beginRules(at)
}

func (p *Playback) beginCMDB(at itsm.Time) error {
	if p.o.CMDB == nil {
		return nil
	}
	chunks := p.o.CMDB.Chunks(cmdbChunkBytes)
	for i, c := range chunks {
		if err := p.put(at, entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: "replay", Seq: i, Body: c})); err != nil {
			return err
		}
	}
	return p.put(at, entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: "replay", Source: "replay", Chunks: len(chunks), Actor: "replay"}))
}

// beginRules journals the rule set as the first revision, and its activation.
func (p *Playback) beginRules(at itsm.Time) error {
	if p.o.Rules == nil {
		return nil
	}
	if _, ps := rules.Compile(p.o.Rules); rules.Blocking(ps) {
		return itsm.Errorf(itsm.Invalid, "%s", ps[0])
	}
	chunks := rulesChunks(p.o.Rules)
	c := entry.RulesCommit{SetID: "replay", Chunks: len(chunks), Revision: 1, Hash: rules.Hash(p.o.Rules), Actor: "replay"}
	for _, commit := range [][]byte{entry.EncodeRulesSave((*entry.RulesSave)(&c)), entry.EncodeRulesActivate((*entry.RulesActivate)(&c))} {
		for i, b := range chunks {
			if err := p.put(at, entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "replay", Seq: i, Body: b})); err != nil {
				return err
			}
		}
		if err := p.put(at, commit); err != nil {
			return err
		}
	}
	return nil
}

func (p *Playback) put(at itsm.Time, body []byte) error {
	p.offset++
	p.at = at
	r := journal.Record{Offset: p.offset, At: at, Body: body}
	if p.o.OnEntry != nil {
		p.o.OnEntry(r)
	}
	p.queue = append(p.queue, r)
	if len(p.queue) >= p.o.BatchRecords {
		return p.flush()
	}
	return nil
}

// flushIfWaking folds the queue when time is about to move: only then can a tick
// be due between the queued entries and the next.
func (p *Playback) flushIfWaking(at itsm.Time) error {
	if len(p.queue) == 0 || at == p.at {
		return nil
	}
	return p.flush()
}

func (p *Playback) flush() error {
	if len(p.queue) == 0 {
		return nil
	}
	b, err := p.f.Fold(p.queue)
	if err != nil {
		return err
	}
	p.queue = p.queue[:0]
	for i := range b.Decisions {
		d := &b.Decisions[i]
		switch d.Kind {
		case itsm.PutIncident:
			p.incidents[d.Incident.Number] = d.Incident
		case itsm.PutEvidence:
			p.members[Episode{d.Evidence.Alert, d.Evidence.Episode}] = d.Evidence.Incident
		}
		if p.o.OnDecision != nil {
			p.o.OnDecision(d)
		}
	}
	return nil
}

// Now is the time of the last entry.
func (p *Playback) Now() itsm.Time { return p.at }

// State is the fold's; it may be read between calls.
func (p *Playback) State() *correlate.State { return p.f.State }

// Incident is the incident that an episode belongs to after all merges; 0: none.
func (p *Playback) Incident(e Episode) itsm.IncidentNumber { return p.merged(p.members[e]) }

// Record is the newest record of an incident, nil when there is none.
func (p *Playback) Record(n itsm.IncidentNumber) *itsm.Incident { return p.incidents[n] }

// Incidents are the newest records, by number.
func (p *Playback) Incidents() []itsm.Incident {
	out := make([]itsm.Incident, 0, len(p.incidents))
	for _, in := range slices.SortedFunc(maps.Values(p.incidents), func(a, b *itsm.Incident) int { return cmp.Compare(a.Number, b.Number) }) {
		out = append(out, *in)
	}
	return out
}

// Episodes maps every episode that was ever in an incident to the one it is in
// after all merges.
func (p *Playback) Episodes() map[Episode]itsm.IncidentNumber {
	out := make(map[Episode]itsm.IncidentNumber, len(p.members))
	for e, n := range p.members {
		out[e] = p.merged(n)
	}
	return out
}

// merged follows merges to the incident that still stands.
func (p *Playback) merged(n itsm.IncidentNumber) itsm.IncidentNumber {
	for range len(p.incidents) {
		in := p.incidents[n]
		if in == nil || in.MergedInto == 0 {
			return n
		}
		n = in.MergedInto
	}
	return n
}
