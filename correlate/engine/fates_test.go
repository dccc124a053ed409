package engine_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// The ledger in the desk sums up to the totals of the fold, source by source, and
// the export that every law compares holds it.
func TestLedgerAddsUp(t *testing.T) {
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	f := engine.NewFolder()
	b, err := f.Fold(history(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(*b); err != nil {
		t.Fatal(err)
	}
	tot := f.State.Totals()
	deliveries := 0
	for _, src := range tot.Sources {
		got := map[string]uint64{}
		for q := (desk.DeliveryQuery{Source: src.Source, Limit: 100}); ; {
			p, err := d.Deliveries(q)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range p.Items {
				deliveries++
				got["folded"] += uint64(x.Folded)
				got["deduplicated"] += uint64(x.Deduplicated)
				got["suppressed"] += uint64(x.Suppressed)
				got["quarantined"] += uint64(x.Quarantined)
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
		}
		want := map[string]uint64{"folded": src.Folded, "deduplicated": src.Deduplicated, "suppressed": src.Suppressed, "quarantined": src.Quarantined}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-totals +ledger):\n%s", src.Source, diff)
		}
	}
	var export bytes.Buffer
	if err := d.Export(&export); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(export.String(), "\nfates {"); n != deliveries || n == 0 {
		t.Errorf("the export has the fates of %d deliveries, the ledger of %d", n, deliveries)
	}
}

// removed is a journal of which retention has removed what is before oldest.
type removed struct {
	oldest itsm.Offset
	asked  chan journal.RetainPolicy
}

func (r removed) Oldest() itsm.Offset { return r.oldest }

func (r removed) Due(journal.RetainPolicy) (int, error) { return 1, nil }

func (r removed) Retain(p journal.RetainPolicy) (int, error) {
	r.asked <- p
	return 0, nil
}

// Retention takes the ledger of entries that are gone from the journal, before
// the view is dumped, and nothing else.
func TestRetentionDropsFates(t *testing.T) {
	r := newRig(t)
	r.run()
	at := itsm.TimeOf(time.Now())
	var last itsm.Offset
	for n := range 6 {
		last = r.append(delivery(fire("shop", n, at)))
		r.wait(last) // a batch each, so a chunk each
	}
	ctx, cancel := context.WithCancel(t.Context())
	j := removed{last - 1, make(chan journal.RetainPolicy)}
	done := make(chan error, 1)
	go func() { done <- r.e.Retain(ctx, j, journal.RetainPolicy{MaxAge: time.Hour}) }()
	<-j.asked
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	list, err := r.d.Deliveries(desk.DeliveryQuery{})
	if err != nil || len(list.Items) != 2 || list.Items[0].Offset != last {
		t.Errorf("after retention the ledger holds %+v, %v; want entries %d and %d", list.Items, err, last, last-1)
	}
	if _, err := r.d.Fates(last - 2); itsm.CodeOf(err) != itsm.NotFound || !strings.Contains(err.Error(), "retention") {
		t.Errorf("an entry that is gone: %v; want NotFound that names retention", err)
	}
	db := kv.Mem()
	if _, err := r.snaps.LoadView(db); err != nil {
		t.Fatal(err)
	}
	dumped, err := desk.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := dumped.Deliveries(desk.DeliveryQuery{}); err != nil || len(again.Items) != 2 {
		t.Errorf("the dumped ledger holds %d deliveries, %v; want 2", len(again.Items), err)
	}
}
