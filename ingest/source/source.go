package source

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// Bounds of what a decoder accepts; those of Bounds can be lowered for a source.
// Sizes are bytes of the decoded UTF-8. The captured payloads in testdata stay far
// below all of them; above them is a mistake or an attack.
const (
	DepthMax             = 64       // levels: the reader has a bit for each in one word, so that nesting costs no memory
	AlertsMax            = 10_000   // alerts a request, which is one journal entry and one step of the fold
	LabelsMax            = 64       // labels an alert: they are kept with it while it is open, and compared
	AnnotationsMax       = 64       // annotations an alert, which are kept with it, too
	NameBytesMax         = 255      // names and identities are parts of keys in the records, which must be short
	LabelBytesMax        = 1 << 10  // a label value, which is compared; what is longer is text and belongs into an annotation
	AnnotationBytesMax   = 64 << 10 // an annotation value: pages of text; an alert stays below about 4 MiB
	TitleBytesMax        = 512      // a title; a longer one is cut
	GroupBytesMax        = 512      // a sender's group key; a longer one is replaced by its hash
	GeneratorURLBytesMax = 8 << 10  // a link back to the sender; a longer one is left out, a part of it leads nowhere
	BadMax               = 100      // bad alerts of one delivery listed one by one; the rest share one entry
)

// Result is what a delivery held. Events of one delivery keep the sender's order.
type Result struct {
	Events []itsm.Event
	Bad    []entry.Bad // without ID: the door, which knows the source, sets it
	Acts   []itsm.Act
	Over   Excesses // bounds that single alerts exceeded
	Reply  string   // what the sender wants to be answered, such as the challenge of a new address
}

// Decoder turns the body of one delivery into its result. An error means that
// nothing was decodable: itsm.TooLarge when a bound of the whole request was
// exceeded, itsm.Invalid otherwise. The zero Bounds are the default.
type Decoder func(body []byte, b Bounds) (Result, error)

// TimedDecoder is a Decoder for senders whose meaning depends on the time of
// arrival, such as Prometheus: an endsAt is a lease before it and a resolve after.
type TimedDecoder func(body []byte, now itsm.Time) (Result, error)

// Within makes a TimedDecoder of a decoder that needs no time.
func (d Decoder) Within(b Bounds) TimedDecoder {
	return func(body []byte, _ itsm.Time) (Result, error) { return d(body, b) }
}

// Batch gathers the alerts of one delivery: what decoded and what did not.
type Batch struct {
	Events []itsm.Event
	bad    []badElement
	over   Excesses
}

type badElement struct{ err, raw string }

// Expect makes room for the alerts that a body of so many bytes may hold.
func (b *Batch) Expect(bodyBytes int) {
	const alertBytes = 500 // a small alert as Alertmanager writes it
	b.Events = make([]itsm.Event, 0, min(bodyBytes/alertBytes+1, AlertsMax))
}

// Reserve checks the number of alerts a delivery may hold.
func (b *Batch) Reserve(i int) error {
	if i >= AlertsMax {
		return Exceeded(BoundAlerts, itsm.TooLarge, "more than %d alerts in one request: send them in several", AlertsMax)
	}
	return nil
}

// Add takes one alert: the event, or when f holds faults the raw bytes it came
// from. Name says where it was, such as alerts[3].
func (b *Batch) Add(e itsm.Event, f *Faults, raw string) {
	for _, bound := range f.over {
		b.over.Add(bound, 1)
	}
	if err := f.String(); err != "" {
		b.bad = append(b.bad, badElement{err, raw})
		return
	}
	b.Events = append(b.Events, e)
}

// Result closes the batch. Open and end wrap the raw bytes of a bad alert into a
// delivery of its own.
func (b *Batch) Result(open, end string) Result {
	out := Result{Events: b.Events, Over: b.over}
	if len(out.Events) == 0 {
		out.Events = nil
	}
	if len(b.bad) == 0 {
		return out
	}
	single := b.bad
	if len(single) > BadMax {
		single = single[:BadMax]
	}
	for _, x := range single {
		out.Bad = append(out.Bad, entry.Bad{Error: x.err, Body: []byte(open + x.raw + end)})
	}
	if rest := b.bad[len(single):]; len(rest) > 0 {
		raws := make([]string, len(rest))
		for i, x := range rest {
			raws[i] = x.raw
		}
		out.Bad = append(out.Bad, entry.Bad{
			Error: fmt.Sprintf("%s (and %d more bad alerts of this request)", rest[0].err, len(rest)-1),
			Body:  []byte(open + strings.Join(raws, ",") + end),
		})
	}
	return out
}

// Title cuts s to TitleBytesMax at a rune border and to its first line.
func Title(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	if len(s) <= TitleBytesMax {
		return s
	}
	const ellipsis = "…"
	n := TitleBytesMax - len(ellipsis)
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ellipsis
}

// Link returns a generator URL that fits, or "".
func Link(s string) string {
	if len(s) > GeneratorURLBytesMax {
		return ""
	}
	return s
}

// Fingerprint is the identity that Alertmanager and Prometheus compute from the
// labels of an alert (FNV-1a, 64 bits, 16 hex digits), so that one alert has one
// identity whichever of the two brought it.
func Fingerprint(ls itsm.Labels) string {
	h := newFNV()
	for i := range ls {
		h.add(ls[i].Name)
		h.add(ls[i].Value)
	}
	return h.hex()
}

// Digest is the identity for senders whose labels are not enough: the same hash
// over any parts, in the given order.
func Digest(parts ...string) string {
	h := newFNV()
	for _, p := range parts {
		h.add(p)
	}
	return h.hex()
}

// fnv is FNV-1a with the 0xff separator after each part that Prometheus uses;
// written out because hash/fnv allocates and takes byte slices.
type fnv uint64

func newFNV() fnv { return 14695981039346656037 }

func (h *fnv) add(s string) {
	const prime, separator = 1099511628211, 0xff
	v := uint64(*h)
	for i := range len(s) {
		v = (v ^ uint64(s[i])) * prime
	}
	*h = fnv((v ^ separator) * prime)
}

func (h fnv) hex() string {
	const digits = "0123456789abcdef"
	var out [16]byte
	for i := range out {
		out[i] = digits[h>>(60-4*i)&15]
	}
	return string(out[:])
}
