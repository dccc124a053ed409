// Package entry is the wire form of what the journal holds: every kind of input
// that can change the state of the world, encoded for one ordered log. It is
// pure. The journal itself knows nothing of it: to the journal an entry is bytes.
//
// An encoded entry is one kind byte, one version byte, one codec byte, then the
// body (plain or s2-compressed). Fields are added at the end of a body and never
// renamed or reused; a decoder ignores what follows the fields it knows.
package entry

import (
	"encoding/json"
	"fmt"
	"slices"
	"unsafe"

	"github.com/klauspost/compress/s2"

	"signalbox/itsm"
)

// Kind says what an entry holds. Numbers are on disk: add, never reuse.
type Kind uint8

// Kinds of entry.
const (
	KindDelivery   Kind = 1
	KindAct        Kind = 2
	KindTick       Kind = 3
	KindCMDBChunk  Kind = 4
	KindCMDBCommit Kind = 5
	KindConfig     Kind = 6

	KindRulesChunk    Kind = 7
	KindRulesSave     Kind = 8
	KindRulesActivate Kind = 9
)

var kindNames = map[Kind]string{KindDelivery: "delivery", KindAct: "act", KindTick: "tick",
	KindCMDBChunk: "cmdb-chunk", KindCMDBCommit: "cmdb-commit", KindConfig: "config",
	KindRulesChunk: "rules-chunk", KindRulesSave: "rules-save", KindRulesActivate: "rules-activate"}

// String names the kind for people.
func (k Kind) String() string {
	if n, ok := kindNames[k]; ok {
		return n
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Bounds of encoded entries.
const (
	version     = 1
	codecPlain  = 0
	codecS2     = 1
	compressMin = 256      // bytes; below it s2 gains nothing
	decodedMax  = 64 << 20 // bytes a compressed body may grow to
)

// Delivery is one raw request body as received, with the events decoded from it
// and the parts that could not be decoded.
type Delivery struct {
	Source  string
	Remote  string // address of the sender, for people
	Events  []itsm.Event
	Bad     []Bad
	RetryOf string // id of the quarantined delivery that this one retries
	Raw     []byte // the body as received; empty when journal.keep_raw is off
}

// Bad is a delivery or a part of one that could not be decoded.
type Bad struct {
	ID    string // see itsm.Quarantined.ID
	Error string
	Body  []byte // nil when the same body is already in quarantine: then it is counted only
}

// Tick is time passing, as a journaled input; its time is the entry's own At.
type Tick struct{}

// CMDBChunk carries a part of an import; the commit that names ImportID activates all its chunks.
type CMDBChunk struct {
	ImportID string `json:"import_id"`
	Seq      int    `json:"seq"`
	Body     []byte `json:"body"` // cmdb change records, in cmdb's own form
}

// CMDBCommit activates the chunks of an import as the next CMDB revision.
type CMDBCommit struct {
	ImportID string `json:"import_id"`
	Source   string `json:"source"` // named import source
	Prune    bool   `json:"prune"`
	Chunks   int    `json:"chunks"`
	Actor    string `json:"actor"`
	Note     string `json:"note"`
}

// Config is the part of the configuration that alters decisions, as canonical JSON.
type Config struct {
	Body json.RawMessage
}

// RulesChunk carries a part of a rule set, as JSON; the entry that names SetID uses
// all its chunks.
type RulesChunk struct {
	SetID string `json:"set_id"`
	Seq   int    `json:"seq"`
	Body  []byte `json:"body"`
}

// RulesCommit saves the chunks of a rule set as a revision, or activates it: the
// content is journaled both times, so that a replay needs nothing else.
type RulesCommit struct {
	SetID    string `json:"set_id"`
	Chunks   int    `json:"chunks"`
	Revision uint64 `json:"revision"`
	Hash     string `json:"hash"` // of the content
	Actor    string `json:"actor"`
	Note     string `json:"note"`
}

// RulesSave makes a revision of a rule set.
type RulesSave RulesCommit

// RulesActivate makes a revision the active one.
type RulesActivate RulesCommit

// EncodeDelivery appends the encoded delivery to dst.
func EncodeDelivery(dst []byte, d *Delivery) []byte {
	return pack(dst, KindDelivery, appendDelivery(nil, d))
}

// Encoder encodes one delivery after the other in the same memory.
type Encoder struct{ body, out []byte }

// Delivery returns the encoded delivery, which is valid until the next call.
func (e *Encoder) Delivery(d *Delivery) []byte {
	e.body = appendDelivery(e.body[:0], d)
	e.out = pack(e.out[:0], KindDelivery, e.body)
	return e.out
}

// Size is how much memory the encoder holds.
func (e *Encoder) Size() int { return cap(e.body) + cap(e.out) }

func appendDelivery(dst []byte, d *Delivery) []byte {
	w := writer{b: slices.Grow(dst, sizeOf(d))}
	w.str(d.Source)
	w.str(d.Remote)
	w.str(d.RetryOf)
	w.uint(uint64(len(d.Events)))
	for i := range d.Events {
		w.event(&d.Events[i])
	}
	w.uint(uint64(len(d.Bad)))
	for i := range d.Bad {
		w.str(d.Bad[i].ID)
		w.str(d.Bad[i].Error)
		w.bytes(d.Bad[i].Body)
	}
	w.bytes(d.Raw)
	return w.b
}

// sizeOf is how long the body of d becomes, or a little more: growing on the way
// would copy it several times.
func sizeOf(d *Delivery) int {
	const fixed, length = 64, 3 // the numbers of an event; a length before a text
	n := fixed + len(d.Source) + len(d.Remote) + len(d.RetryOf) + len(d.Raw)
	for i := range d.Events {
		e := &d.Events[i]
		n += fixed + len(e.Identity) + len(e.ID) + len(e.Group) + len(e.SeverityWord) + len(e.Title) + len(e.CIName) + len(e.GeneratorURL)
		for _, ls := range [...]itsm.Labels{e.Labels, e.Annotations} {
			for k := range ls {
				n += 2*length + len(ls[k].Name) + len(ls[k].Value)
			}
		}
	}
	for i := range d.Bad {
		n += fixed + len(d.Bad[i].ID) + len(d.Bad[i].Error) + len(d.Bad[i].Body)
	}
	return n
}

// EncodeAct encodes an act.
func EncodeAct(a *itsm.Act) []byte { return packJSON(KindAct, a) }

// EncodeTick encodes a tick.
func EncodeTick() []byte { return pack(nil, KindTick, nil) }

// EncodeCMDBChunk encodes a chunk.
func EncodeCMDBChunk(c *CMDBChunk) []byte { return packJSON(KindCMDBChunk, c) }

// EncodeCMDBCommit encodes a commit.
func EncodeCMDBCommit(c *CMDBCommit) []byte { return packJSON(KindCMDBCommit, c) }

// EncodeRulesChunk encodes a chunk of a rule set.
func EncodeRulesChunk(c *RulesChunk) []byte { return packJSON(KindRulesChunk, c) }

// EncodeRulesSave encodes a saved revision.
func EncodeRulesSave(c *RulesSave) []byte { return packJSON(KindRulesSave, c) }

// EncodeRulesActivate encodes an activation.
func EncodeRulesActivate(c *RulesActivate) []byte { return packJSON(KindRulesActivate, c) }

// EncodeConfig encodes a configuration.
func EncodeConfig(c *Config) []byte { return pack(nil, KindConfig, c.Body) }

// KindOf returns the kind of an encoded entry without decoding it.
func KindOf(b []byte) Kind {
	if len(b) == 0 {
		return 0
	}
	return Kind(b[0])
}

// Decode returns *Delivery, *itsm.Act, *Tick, *CMDBChunk, *CMDBCommit, *Config,
// *RulesChunk, *RulesSave or *RulesActivate.
// The result owns its memory; b may be reused.
func Decode(b []byte) (any, error) {
	body, kind, err := unpack(b)
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindDelivery:
		return decodeDelivery(owned(b, body), true)
	case KindAct:
		return fromJSON[itsm.Act](kind, body)
	case KindTick:
		return &Tick{}, nil
	case KindCMDBChunk:
		return fromJSON[CMDBChunk](kind, body)
	case KindCMDBCommit:
		return fromJSON[CMDBCommit](kind, body)
	case KindConfig:
		return &Config{Body: append(json.RawMessage(nil), body...)}, nil
	case KindRulesChunk:
		return fromJSON[RulesChunk](kind, body)
	case KindRulesSave:
		return fromJSON[RulesSave](kind, body)
	case KindRulesActivate:
		return fromJSON[RulesActivate](kind, body)
	}
	return nil, itsm.Errorf(itsm.Invalid, "entry %s: this version of Signalbox does not know it; use the version that wrote it or a newer one", kind)
}

// DecodeForFold is Decode without the raw body of a delivery, which the fold never needs.
func DecodeForFold(b []byte) (any, error) {
	if KindOf(b) != KindDelivery {
		return Decode(b)
	}
	body, _, err := unpack(b)
	if err != nil {
		return nil, err
	}
	return decodeDelivery(owned(b, body), false)
}

// owned is a body that unpack made of b as a string. What was decompressed is ours
// alone and nobody writes to it again, so it is not copied a second time.
func owned(b, body []byte) string {
	if b[2] == codecPlain || len(body) == 0 {
		return string(body)
	}
	return unsafe.String(&body[0], len(body))
}

func pack(dst []byte, k Kind, body []byte) []byte {
	if len(body) < compressMin {
		return append(append(dst, byte(k), version, codecPlain), body...)
	}
	dst = append(dst, byte(k), version, codecS2)
	n := len(dst)
	need := s2.MaxEncodedLen(len(body))
	if cap(dst)-n < need {
		grown := make([]byte, n, n+need)
		copy(grown, dst)
		dst = grown
	}
	out := s2.Encode(dst[n:n+need], body)
	return dst[:n+len(out)]
}

func packJSON(k Kind, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Only our own structs of strings and numbers come here.
		panic(fmt.Sprintf("entry: encode %s: %v", k, err))
	}
	return pack(nil, k, b)
}

func unpack(b []byte) (body []byte, k Kind, err error) {
	if len(b) < 3 {
		return nil, 0, itsm.Errorf(itsm.Invalid, "entry of %d bytes: expected at least 3", len(b))
	}
	k = Kind(b[0])
	if b[1] > version {
		return nil, k, itsm.Errorf(itsm.Invalid, "entry %s has version %d, this Signalbox reads up to %d: use a newer one", k, b[1], version)
	}
	switch b[2] {
	case codecPlain:
		return b[3:], k, nil
	case codecS2:
		n, err := s2.DecodedLen(b[3:])
		if err != nil || n > decodedMax {
			return nil, k, itsm.Errorf(itsm.Invalid, "entry %s: compressed body is damaged or over %d bytes", k, decodedMax)
		}
		body, err := s2.Decode(make([]byte, 0, n), b[3:])
		if err != nil {
			return nil, k, itsm.Wrap(itsm.Invalid, err, "entry %s: decompress", k)
		}
		return body, k, nil
	}
	return nil, k, itsm.Errorf(itsm.Invalid, "entry %s: unknown codec %d", k, b[2])
}

func fromJSON[T any](k Kind, body []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(body, v); err != nil {
		return nil, itsm.Wrap(itsm.Invalid, err, "entry %s: damaged body", k)
	}
	return v, nil
}
