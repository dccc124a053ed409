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

// Able is the connector with what its mapping allows: a partner that can be looked up
// is a connectors.Looker, for sweeps.
func (c *Connector) Able() connectors.Connector {
	switch most := c.o.Mapping.LooksMost(); {
	case most == 0:
		return c
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

// lookUp makes one request about records.
func (c *Connector) lookUp(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	keys := make([]string, len(refs))
	for n, r := range refs {
		keys[n] = source.Key(r.Incident, r.Epoch)
	}
	r, err := c.o.Mapping.Look(keys, c.o.Vars)
	if err != nil {
		return nil, &connectors.TerminalError{Detail: itsm.MessageOf(err)}
	}
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
