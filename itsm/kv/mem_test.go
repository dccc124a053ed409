package kv_test

import (
	"testing"

	"signalbox/itsm/kv"
	"signalbox/itsm/kv/kvtest"
)

func TestMem(t *testing.T) {
	kvtest.Run(t, func(testing.TB) kv.DB { return kv.Mem() })
}

// TestMemScanWhileWriting: an Update changes the nodes it made itself in place, but
// a scan visits the moment at which it began, whatever its fn writes.
func TestMemScanWhileWriting(t *testing.T) {
	err := kv.Mem().Update(func(tx kv.Tx) error {
		want := 0
		for n := uint64(0); n < 64; n += 2 {
			want++
			if err := tx.Set(kv.Key(1, n), []byte{1}); err != nil {
				return err
			}
		}
		got := 0
		err := tx.Scan(kv.Range{}, func(key, value []byte) error {
			got++
			if value[0] != 1 {
				t.Errorf("the scan shows what was written to key %x after it began", key)
			}
			for n := uint64(0); n < 64; n++ {
				if err := tx.Set(kv.Key(1, n), []byte{2}); err != nil {
					return err
				}
			}
			return nil
		})
		if got != want {
			t.Errorf("the scan visited %d keys, want the %d that were there when it began", got, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
