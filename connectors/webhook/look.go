package webhook

import (
	"context"

	"signalbox/connectors"
	source "signalbox/ingest/source/webhook"
	"signalbox/itsm"
)

// looker is a Connector whose mapping says how to look a record up.
type looker struct{ *Connector }

// manyLooker is one whose partner tells of many records in one request.
type manyLooker struct{ looker }

// knownLooker is one whose partner does so for records whose ids are known.
type knownLooker struct{ looker }

// Able is the connector with what its mapping allows: a partner that can be looked up
// is a connectors.Looker, for sweeps.
func (c *Connector) Able() connectors.Connector {
	switch most := c.o.Mapping.LooksMost(); {
	case most == 0:
		return c
	case c.o.Mapping.LooksKnown() > 0:
		return knownLooker{looker{c}}
	case most == 1:
		return looker{c}
	}
	return manyLooker{looker{c}}
}

// Look implements connectors.Looker.
func (l looker) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	all, err := l.lookUp(ctx, []connectors.Ref{{Incident: n, Epoch: epoch}})
	if err != nil {
		return connectors.Record{}, err
	}
	return all[0], nil
}

// LookMany implements connectors.ManyLooker.
func (l manyLooker) LookMany(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	var out []connectors.Record
	for len(refs) > 0 {
		n := min(l.o.Mapping.LooksMost(), len(refs))
		some, err := l.lookUp(ctx, refs[:n])
		if err != nil {
			return nil, err
		}
		out, refs = append(out, some...), refs[n:]
	}
	return out, nil
}

// LookMany implements connectors.ManyLooker. An id becomes known when its record is
// made or looked at, so that after a start each is looked at once.
func (l knownLooker) LookMany(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	var known []int
	var ids []string
	l.mu.Lock()
	for n, r := range refs {
		if id := l.records[ref{r.Incident, r.Epoch}]; id != "" {
			known, ids = append(known, n), append(ids, id)
		}
	}
	l.mu.Unlock()
	out := make([]connectors.Record, len(refs))
	if len(refs)-len(known) > connectors.LookAloneMax {
		known = nil // it would be asked in vain
	}
	for len(known) > 0 {
		most := min(l.o.Mapping.LooksKnown(), len(known))
		some := make([]connectors.Ref, most)
		for i, n := range known[:most] {
			some[i] = refs[n]
		}
		r, err := l.o.Mapping.LookKnown(ids[:most], l.o.Vars)
		if err != nil {
			return nil, &connectors.TerminalError{Detail: itsm.MessageOf(err)}
		}
		got, err := l.ask(ctx, r, some)
		if err != nil {
			return nil, err
		}
		for i, n := range known[:most] {
			out[n] = got[i]
		}
		known, ids = known[most:], ids[most:]
	}
	var lacks []int
	for n := range out {
		if out[n].Status == connectors.RecordNone {
			lacks = append(lacks, n)
		}
	}
	return out, connectors.LookAlone(ctx, l, refs, out, lacks)
}

// lookUp makes one request about records.
func (c *Connector) lookUp(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	r, err := c.o.Mapping.Look(keysOf(refs), c.o.Vars)
	if err != nil {
		return nil, &connectors.TerminalError{Detail: itsm.MessageOf(err)}
	}
	return c.ask(ctx, r, refs)
}

func keysOf(refs []connectors.Ref) []string {
	keys := make([]string, len(refs))
	for n, r := range refs {
		keys[n] = source.Key(r.Incident, r.Epoch)
	}
	return keys
}

// ask makes a request and takes the records that are asked about out of its answer.
func (c *Connector) ask(ctx context.Context, r source.Request, refs []connectors.Ref) ([]connectors.Record, error) {
	keys := keysOf(refs)
	answer, err := c.send(ctx, r, "")
	if err != nil {
		return nil, err
	}
	seen, err := c.o.Mapping.Seen(keys, c.o.Vars, answer)
	if err != nil {
		return nil, passingOf(err)
	}
	out := make([]connectors.Record, len(refs))
	for n, k := range keys {
		rec, ok := seen[k]
		if !ok {
			continue
		}
		rec.Link.Connector = c.o.Name
		c.know(ref{refs[n].Incident, refs[n].Epoch}, rec.Link.ID)
		out[n] = rec
	}
	return out, nil
}
