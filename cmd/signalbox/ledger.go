package main

import (
	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/ledger"
)

// ledgerOf joins what tells where an alert went.
func ledgerOf(d *desk.Desk, j *journal.Log, eng *engine.Engine) *ledger.Ledger {
	return ledger.New(d, journalEntries{j}, func() ledger.Totals { return ledgerTotals(eng.Totals()) })
}

// journalEntries reads single entries.
type journalEntries struct{ log *journal.Log }

// entryBytesMax is far above what the door takes in.
const entryBytesMax = 64 << 20

// Entry implements ledger.Journal.
func (j journalEntries) Entry(off itsm.Offset) ([]byte, error) {
	recs, err := j.log.Read(off, 1, entryBytesMax)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 || recs[0].Offset != off {
		return nil, itsm.Errorf(itsm.NotFound, "the journal has no entry %d", off)
	}
	return recs[0].Body, nil
}

func ledgerTotals(t correlate.Totals) ledger.Totals {
	out := ledger.Totals{Sum: ledgerSum(&t.EventTotals)}
	for i := range t.Sources {
		out.Sources = append(out.Sources, ledger.SourceSum{Source: t.Sources[i].Source, Sum: ledgerSum(&t.Sources[i].EventTotals)})
	}
	return out
}

func ledgerSum(t *correlate.EventTotals) ledger.Sum {
	s := ledger.Sum{Accepted: t.Accepted, Folded: t.Folded, Deduplicated: t.Deduplicated, Suppressed: t.Suppressed, Quarantined: t.Quarantined}
	for _, c := range t.SuppressedBy {
		s.SuppressedBy = append(s.SuppressedBy, ledger.Reason{Name: c.Name, Count: c.N})
	}
	return s
}
