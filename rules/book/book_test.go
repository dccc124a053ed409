package book

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/rules"
)

// counting is a store that counts what is read of it.
type counting struct {
	blobs map[string][]byte
	reads int
}

func (c *counting) Blob(name string) ([]byte, error) {
	c.reads++
	if b, ok := c.blobs[name]; ok {
		return b, nil
	}
	return nil, itsm.Errorf(itsm.NotFound, "no blob %s", name)
}

func (c *counting) put(h Head, blobs []desk.Blob) Head {
	for _, b := range blobs {
		c.blobs[b.Name] = b.Value
	}
	return h
}

func TestStatesFollowFromActivations(t *testing.T) {
	c := &counting{blobs: map[string][]byte{}}
	var h Head
	for n, body := range []string{"id: a\nabout: x\nroute: none\n", "id: b\n", "id: c\nabout: x\nroute: none\n", "id: d\nabout: x\nroute: none\n"} {
		r, _ := Describe(Revision{Number: uint64(n + 1), Files: []rules.File{{Name: "a.yaml", Body: body}}})
		h = c.put(Save(h, r))
	}
	for _, n := range []uint64{1, 3, 1, 3} {
		h = c.put(Activate(h, Activation{Revision: n}))
	}
	b := Open(c)
	c.reads = 0
	list, err := b.Revisions(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, fmt.Sprintf("%d %s", r.Number, r.State))
	}
	if d := cmp.Diff([]string{"4 checked", "3 active", "2 draft", "1 retired"}, got); d != "" {
		t.Error(d)
	}
	if most := 2 + len(list) + int(h.Activations); c.reads > most { // each head, revision and activation once
		t.Errorf("a list of %d read %d values, want at most %d", len(list), c.reads, most)
	}
	if r, err := b.Revision(1); err != nil || r.State != Retired || len(r.Files) != 1 {
		t.Errorf("revision 1: %+v, %v", r, err)
	}
	if _, err := b.Revision(9); itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("revision 9: %v", err)
	}
	if h.Activations != 4 || list[3].Files != nil {
		t.Errorf("head %+v, the list holds files", h)
	}
}
