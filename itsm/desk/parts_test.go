package desk

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/kvtest"
)

// written notes the kinds of the keys that updates set.
type written struct {
	kv.DB
	kinds []byte
}

func (w *written) UpdateLarge(fn func(kv.Tx) error) error {
	w.kinds = nil
	return w.DB.UpdateLarge(func(tx kv.Tx) error { return fn(noting{tx, w}) })
}

type noting struct {
	kv.Tx
	w *written
}

func (n noting) Set(key, value []byte) error {
	n.w.kinds = append(n.w.kinds, key[0])
	return n.Tx.Set(key, value)
}

// parts is how many parts the last batch wrote.
func (w *written) parts() (n int) {
	for _, k := range w.kinds {
		n += oneIf(k == kindPart)
	}
	return n
}

func partKeys(t *testing.T, db kv.DB) int {
	t.Helper()
	return len(kvtest.All(t, db, kv.Range{Prefix: prefix(kindPart)}))
}

func TestPartsAreWrittenWhenTheyChange(t *testing.T) {
	db := &written{DB: kv.Mem()}
	d := openMem(t, db)
	at := itsm.Offset(0)
	put := func(in itsm.Incident) {
		t.Helper()
		at++
		apply(t, d, Batch{Cursor: at, Decisions: []itsm.Decision{{Kind: itsm.PutIncident, Incident: &in}}})
		got, err := d.Incident(in.Number)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "what was put", in, got)
	}
	in := *sampleIncident(1, 20)
	for _, step := range []struct {
		what   string
		change func()
		parts  int // written
		stored int
	}{
		{"new", func() {}, 2, 2},
		{"more alerts", func() { in.AlertCount++ }, 0, 2},
		{"another CI", func() { in.CIs = append(slices.Clip(in.CIs), "zz") }, 1, 2},
		{"another cause", func() { in.Causes = append(slices.Clip(in.Causes), itsm.Cause{CI: "zz"}) }, 1, 2},
		{"a neighbour", func() { in.MaybeRelated = []itsm.Candidate{{Incident: 2, ScoreMilli: 500, Because: "near"}} }, 1, 2},
		{"no causes", func() { in.Causes = nil }, 1, 2},
		{"opened anew by the program", func() { d = openMem(t, db) }, 2, 2},
		{"as it was", func() {}, 0, 2},
		{"smaller", func() { in.AlertCount = 1 }, 0, 0},
		{"as large again", func() { in.AlertCount = 30 }, 2, 2},
		{"over", func() { in.State = itsm.IncidentResolved }, 0, 0},
		{"open again", func() { in.State = itsm.InProgress }, 2, 2},
		{"over after the program opened anew", func() { d = openMem(t, db); in.State = itsm.Closed }, 0, 0},
	} {
		step.change()
		put(in)
		if got := db.parts(); got != step.parts {
			t.Errorf("%s: %d parts written; want %d", step.what, got, step.parts)
		}
		if got := partKeys(t, db.DB); got != step.stored {
			t.Errorf("%s: %d parts stored; want %d", step.what, got, step.stored)
		}
	}
}

// A view of before there were parts is read as it is, and gets them as it is written.
func TestViewOfBeforePartsGetsThem(t *testing.T) {
	db := kv.Mem()
	d := openMem(t, db)
	in := *sampleIncident(1, 20)
	apply(t, d, Batch{Cursor: 1, Decisions: []itsm.Decision{{Kind: itsm.PutIncident, Incident: &in}}})
	err := db.Update(func(tx kv.Tx) error {
		b := new(buffer)
		old := b.incident(&in, false)
		old[0] = 5
		if err := tx.Set(b.incidentKey(1), old); err != nil {
			return err
		}
		for _, part := range []uint64{partAbout, partCauses} {
			if err := tx.Delete(b.partKey(1, part)); err != nil {
				return err
			}
		}
		return tx.Set(metaKey(metaFormat), b.value(formatVersion, func() { b.uint(2) }))
	})
	if err != nil {
		t.Fatal(err)
	}
	d = openMem(t, db)
	if stored, err := readFormat(db); stored != format() || err != nil {
		t.Errorf("format %d, %v after opening; want %d: an older program would misread parts", stored, err, format())
	}
	got, err := d.Incident(1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the older record", in, got)
	in.AlertCount++
	apply(t, d, Batch{Cursor: 2, Decisions: []itsm.Decision{{Kind: itsm.PutIncident, Incident: &in}}})
	if got, err = d.Incident(1); err != nil || partKeys(t, db) != 2 {
		t.Errorf("%d parts, %v; want 2", partKeys(t, db), err)
	}
	same(t, "the record with parts", in, got)
}

func TestMissingPartIsDamage(t *testing.T) {
	for _, part := range []uint64{partAbout, partCauses} {
		db := kv.Mem()
		d := openMem(t, db)
		apply(t, d, Batch{Cursor: 1, Decisions: []itsm.Decision{{Kind: itsm.PutIncident, Incident: sampleIncident(1, 20)}}})
		if err := db.Update(func(tx kv.Tx) error { return tx.Delete(new(buffer).partKey(1, part)) }); err != nil {
			t.Fatal(err)
		}
		_, err := d.Incident(1)
		_, listErr := d.Incidents(IncidentQuery{CI: []string{"web-1.eu.example.net"}, States: []itsm.State{itsm.New}})
		for _, err := range []error{err, listErr} {
			if itsm.CodeOf(err) != itsm.Internal || err == nil {
				t.Errorf("part %d missing: %v; want internal", part, err)
			}
		}
	}
}

func TestPartKeysAreBesideOneAnother(t *testing.T) {
	var keys []string
	for _, n := range []itsm.IncidentNumber{300, 2, 1} {
		for _, part := range []uint64{partAbout, partCauses} {
			keys = append(keys, string(new(buffer).partKey(n, part)))
		}
	}
	if !slices.IsSorted(keys) {
		t.Errorf("keys are out of order: %s", fmt.Sprintf("%x", keys))
	}
}

// cut is a store whose updates stop after so many writes, as those of a program do that dies.
type cut struct {
	kv.DB
	left int // writes; below 0: as many as there are
}

var errCut = errors.New("no more writes")

func (c *cut) UpdateLarge(fn func(kv.Tx) error) (err error) {
	stored := c.DB.UpdateLarge(func(tx kv.Tx) error {
		err = fn(cutting{tx, c})
		return nil
	})
	return errors.Join(err, stored)
}

type cutting struct {
	kv.Tx
	c *cut
}

func (t cutting) spend() error {
	if t.c.left == 0 {
		return errCut
	}
	t.c.left--
	return nil
}

func (t cutting) Set(key, value []byte) error {
	if err := t.spend(); err != nil {
		return err
	}
	return t.Tx.Set(key, value)
}

func (t cutting) Delete(key []byte) error {
	if err := t.spend(); err != nil {
		return err
	}
	return t.Tx.Delete(key)
}

// Wherever a batch stops, the same entries leave no part behind that nothing leads to,
// applied in the same portions or in others.
func TestNoPartIsLeftByAStoppedBatch(t *testing.T) {
	large, over := *sampleIncident(1, 20), *sampleIncident(1, 20)
	over.State = itsm.IncidentResolved
	grown := large
	grown.CIs = append(slices.Clip(large.CIs), "zz")
	put := func(of ...itsm.Incident) (b Batch) {
		for n := range of {
			b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutIncident, Incident: &of[n]})
		}
		return b
	}
	for _, tt := range []struct {
		what                   string
		before, stopped, again Batch
		want                   int
	}{
		{"it ends", put(large), put(over), put(over), 0},
		{"it is new, and ends in the same portion the second time", put(), put(large), put(over), 0},
		{"it grows, and ends in the same portion the second time", put(large), put(grown), put(grown, over), 0},
		{"it is new", put(), put(large), put(large), 2},
		{"it ends and begins again", put(large), put(over, large), put(over, large), 2},
	} {
		for _, opened := range []bool{false, true} {
			for writes := 0; ; writes++ {
				db := &cut{DB: kv.Mem(), left: -1}
				d := openMem(t, db)
				for at, b := range []Batch{tt.before, tt.stopped, tt.again} {
					if b.Cursor = itsm.Offset(at + 1); at > 1 {
						b.Cursor = itsm.Offset(at)
					}
					if db.left = -1; at == 1 {
						db.left = writes
					}
					err := d.Apply(b)
					if at == 1 && err == nil {
						writes = -1
						break
					}
					if at != 1 && err != nil {
						t.Fatal(err)
					}
					if db.left = -1; at == 1 && opened {
						d = openMem(t, db)
					}
				}
				if writes < 0 {
					break
				}
				if got := partKeys(t, db.DB); got != tt.want {
					t.Errorf("%s: stopped after %d writes (opened anew %v): %d parts; want %d", tt.what, writes, opened, got, tt.want)
				}
			}
		}
	}
}
