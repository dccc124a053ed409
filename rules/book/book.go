// Package book keeps rule sets in the folded view as immutable numbered
// revisions, with who saved and activated them, when and why.
//
// A Revision is saved as a draft; it is checked when nothing is wrong with it, and
// only a checked one can be activated. One revision is active; the one before is
// retired and can be activated again, which is a rollback. Both saving and
// activating are journal entries that carry the content, so a replay uses what
// was active then and the book can be made again from the journal.
//
// The fold keeps Head and asks Save and Activate for the blobs that go into its
// batch; everybody else reads through Book. Blobs: rules/head, rules/revision/N,
// rules/activation/N.
//
// # Decisions
//
// 2026-11 A revision's state is not stored but follows from the head and the list
// of activations: what is stored never changes. Rejected: a state field, which
// every activation would have to rewrite in two places.
package book

import (
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/s2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/rules"
)

// Head is where the book stands. The zero Head is an empty book.
type Head struct {
	Last        uint64 `json:"last"`        // newest revision
	Active      uint64 `json:"active"`      // 0: no rules are active
	Activations uint64 `json:"activations"` // how many there were
}

// State is a step in the life of a revision.
type State string

// States.
const (
	Draft   State = "draft"   // something is wrong with it
	Checked State = "checked" // it can be activated
	Active  State = "active"
	Retired State = "retired" // it was active
)

// Revision is one saved rule set.
type Revision struct {
	Number   uint64          `json:"revision"`
	State    State           `json:"state"` // filled when it is read
	Hash     string          `json:"hash"`
	Author   string          `json:"author"`
	Note     string          `json:"note"`
	SavedAt  itsm.Time       `json:"saved_at"`
	Rules    int             `json:"rules"`
	Shadow   int             `json:"shadow"`
	Disabled int             `json:"disabled"`
	Problems []rules.Problem `json:"problems"`
	Files    []rules.File    `json:"files,omitempty"`
}

// Activation is one change of what is active.
type Activation struct {
	Number   uint64    `json:"number"` // 1 is the first
	Revision uint64    `json:"revision"`
	Before   uint64    `json:"before"` // what was active until then; 0: nothing
	At       itsm.Time `json:"at"`
	Actor    string    `json:"actor"`
	Note     string    `json:"note"`
}

// Blob names.
const headBlob = "rules/head"

func revisionBlob(n uint64) string   { return fmt.Sprintf("rules/revision/%010d", n) }
func activationBlob(n uint64) string { return fmt.Sprintf("rules/activation/%010d", n) }

// Save returns the blobs of a new revision and the head after it.
func Save(h Head, r Revision) (Head, []desk.Blob) {
	h.Last = r.Number
	r.State = "" // follows from the head
	return h, []desk.Blob{{Name: revisionBlob(r.Number), Value: pack(r)}, {Name: headBlob, Value: pack(h)}}
}

// Activate returns the blobs of an activation and the head after it.
func Activate(h Head, a Activation) (Head, []desk.Blob) {
	h.Activations++
	a.Number, a.Before = h.Activations, h.Active
	h.Active = a.Revision
	return h, []desk.Blob{{Name: activationBlob(a.Number), Value: pack(a)}, {Name: headBlob, Value: pack(h)}}
}

// Describe compiles files and fills what a revision says of them; names that are
// not among those known are warnings.
func Describe(r Revision, known ...rules.Known) (Revision, *rules.Set) {
	set, ps := rules.Compile(r.Files, known...)
	r.Hash, r.Problems = rules.Hash(r.Files), ps
	if ps == nil {
		r.Problems = []rules.Problem{}
	}
	if set == nil {
		return r, nil
	}
	for _, rule := range set.Rules() {
		r.Rules++
		if rule.Shadow {
			r.Shadow++
		}
		if !rule.Enabled {
			r.Disabled++
		}
	}
	return r, set
}

// pack writes a value as compressed JSON.
func pack(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("book: encode %T: %v", v, err)) // only our own structs of texts and numbers
	}
	return s2.Encode(nil, b)
}

func unpack(b []byte, v any) error {
	if n, err := s2.DecodedLen(b); err != nil || n > unpackedMax {
		return itsm.Errorf(itsm.Internal, "rule book: a stored value is damaged")
	}
	plain, err := s2.Decode(nil, b)
	if err != nil {
		return itsm.Wrap(itsm.Internal, err, "rule book: a stored value is damaged")
	}
	return json.Unmarshal(plain, v)
}

// unpackedMax bounds a stored value: a set of the largest size, escaped.
const unpackedMax = 8 * rules.SetBytesMax

// Store is where the blobs are.
type Store interface {
	Blob(name string) ([]byte, error)
}

// Book reads what is stored.
type Book struct{ store Store }

// Open returns the book over a store.
func Open(s Store) *Book { return &Book{s} }

func (b *Book) read(name string, v any) error {
	raw, err := b.store.Blob(name)
	if err != nil {
		return err
	}
	return unpack(raw, v)
}

// Head returns where the book stands.
func (b *Book) Head() (Head, error) {
	var h Head
	err := b.read(headBlob, &h)
	if err != nil && itsm.CodeOf(err) == itsm.NotFound {
		return Head{}, nil
	}
	return h, err
}

// Revision returns one revision with its files.
func (b *Book) Revision(n uint64) (Revision, error) {
	h, err := b.Head()
	if err != nil {
		return Revision{}, err
	}
	was, err := b.activated(h)
	if err != nil {
		return Revision{}, err
	}
	return b.revision(n, h, was)
}

func (b *Book) revision(n uint64, h Head, was map[uint64]bool) (Revision, error) {
	var r Revision
	if err := b.read(revisionBlob(n), &r); err != nil {
		if itsm.CodeOf(err) == itsm.NotFound {
			return r, itsm.Errorf(itsm.NotFound, "there is no rule set revision %d; 'signalbox rules history' lists them", n)
		}
		return r, err
	}
	switch {
	case n == h.Active:
		r.State = Active
	case was[n]:
		r.State = Retired
	case rules.Blocking(r.Problems):
		r.State = Draft
	default:
		r.State = Checked
	}
	return r, nil
}

// activated are the revisions that were active at any time.
func (b *Book) activated(h Head) (map[uint64]bool, error) {
	as, err := b.Activations(0, int(h.Activations))
	was := make(map[uint64]bool, len(as))
	for _, a := range as {
		was[a.Revision] = true
	}
	return was, err
}

// PageMax bounds one page of revisions or activations.
const PageMax = 500

// Revisions lists revisions newest first, without their files, from before on (0:
// from the newest).
func (b *Book) Revisions(before uint64, limit int) ([]Revision, error) {
	h, err := b.Head()
	if err != nil {
		return nil, err
	}
	was, err := b.activated(h)
	if err != nil {
		return nil, err
	}
	if before == 0 || before > h.Last+1 {
		before = h.Last + 1
	}
	out := []Revision{}
	for n := before - 1; n > 0 && len(out) < min(limit, PageMax); n-- {
		r, err := b.revision(n, h, was)
		if err != nil {
			return nil, err
		}
		r.Files = nil
		out = append(out, r)
	}
	return out, nil
}

// Activations lists activations newest first, from before on (0: from the newest).
func (b *Book) Activations(before uint64, limit int) ([]Activation, error) {
	h, err := b.Head()
	if err != nil {
		return nil, err
	}
	if before == 0 || before > h.Activations+1 {
		before = h.Activations + 1
	}
	out := []Activation{}
	for n := before - 1; n > 0 && len(out) < limit; n-- {
		var a Activation
		if err := b.read(activationBlob(n), &a); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}
