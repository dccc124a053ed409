package correlate

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// FuzzDecodeState: whatever is in the body of an encoded state, under a checksum that
// fits, the result is an error or a state that encodes to what decodes again.
func FuzzDecodeState(f *testing.F) {
	w := newWorld(f, DefaultConfig())
	f.Add(w.encode()[stateHeader:len(w.encode())-stateTrailer], uint8(stateVersion))
	events := []itsm.Event{
		{Source: "am", Identity: "a", Status: itsm.Firing, Severity: itsm.Critical, Title: "a", Labels: itsm.LabelsOf(map[string]string{"service": "shop", "host": "web1"})},
		{Source: "am", Identity: "b", Status: itsm.Firing, Severity: itsm.Major, Title: "b", Labels: itsm.LabelsOf(map[string]string{"service": "cart"})},
		{Source: "generic", Identity: "c", Status: itsm.Resolved, Title: "c"},
	}
	w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: events[:2]}})
	w.do(Input{Delivery: &entry.Delivery{Source: "generic", Events: events[2:]}})
	b := w.encode()
	f.Add(b[stateHeader:len(b)-stateTrailer], uint8(stateVersion))
	f.Add(b[stateHeader:len(b)-stateTrailer], uint8(stateOldest))
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	f.Fuzz(func(t *testing.T, body []byte, version uint8) {
		raw := append([]byte(stateMagic), version)
		raw = binary.BigEndian.AppendUint64(raw, g.Revision())
		raw = append(raw, body...)
		raw = binary.BigEndian.AppendUint64(raw, xxhash.Sum64(raw))
		s, err := Decode(bytes.NewReader(raw), g)
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := s.Encode(&once); err != nil {
			t.Fatalf("a decoded state does not encode: %v", err)
		}
		s, err = Decode(bytes.NewReader(once.Bytes()), g)
		if err != nil {
			t.Fatalf("what a decoded state encodes to does not decode: %v", err)
		}
		if err := s.Encode(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("a state decoded twice is another one: %v", err)
		}
	})
}
