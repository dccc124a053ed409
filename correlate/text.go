package correlate

import (
	"encoding/binary"

	"signalbox/itsm"
)

// The words of an alert (title, severity word, link, labels, annotations) are
// packed into one string: a hundred thousand alerts are then a hundred thousand
// allocations and not two million, and a repeat is compared without unpacking.
// Form: three strings, then two lists of pairs; every string has a varint length.

func packText(buf []byte, e *itsm.Event) []byte {
	buf = packString(buf, e.Title)
	buf = packString(buf, e.SeverityWord)
	buf = packString(buf, e.GeneratorURL)
	buf = packLabels(buf, e.Labels)
	return packLabels(buf, e.Annotations)
}

func packString(buf []byte, s string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(s))), s...)
}

func packLabels(buf []byte, ls itsm.Labels) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(ls)))
	for i := range ls {
		buf = packString(packString(buf, ls[i].Name), ls[i].Value)
	}
	return buf
}

// unpacker walks a packed string. What it reads was packed by this process or
// came through a checked snapshot, so it is well formed. It moves a place and not the
// string: while the collector marks, every pointer that is written costs.
type unpacker struct {
	text string
	at   int
}

func (u *unpacker) uint() int {
	s := u.text[u.at:]
	if len(s) > 0 && s[0] < 0x80 { // nearly every length
		u.at++
		return int(s[0])
	}
	var v uint64
	for i := range len(s) {
		v |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			u.at += i + 1
			return int(v)
		}
	}
	u.at = len(u.text)
	return 0
}

// left is how many bytes are still to be read.
func (u *unpacker) left() int { return len(u.text) - u.at }

func (u *unpacker) str() string {
	n := min(u.uint(), u.left())
	u.at += n
	return u.text[u.at-n : u.at]
}

func (u *unpacker) labels() itsm.Labels { return u.labelsIn(&itsm.LabelRoom{}, 1) }

func (u *unpacker) appendLabels(ls itsm.Labels) itsm.Labels {
	for range u.uint() {
		ls = append(ls, itsm.Label{Name: u.str(), Value: u.str()})
	}
	return ls
}

// skip goes past n strings.
func (u *unpacker) skip(n int) {
	for range n {
		u.str()
	}
}

// same reports whether the labels at the cursor equal ls.
func (u *unpacker) same(ls itsm.Labels) bool {
	if u.uint() != len(ls) {
		return false
	}
	for i := range ls {
		if u.str() != ls[i].Name || u.str() != ls[i].Value {
			return false
		}
	}
	return true
}

// sameText reports whether the packed text says what e says; labels tells
// whether the labels do, which is what the binding depends on.
func sameText(text string, e *itsm.Event) (same, labels bool) {
	u := unpacker{text: text}
	same = u.str() == e.Title
	same = u.str() == e.SeverityWord && same
	same = u.str() == e.GeneratorURL && same
	if !u.same(e.Labels) {
		return false, false
	}
	return same && u.same(e.Annotations), true
}

type words struct {
	title, word, url    string
	labels, annotations itsm.Labels
}

func unpackText(text string) words { return unpackTexts(text, &itsm.LabelRoom{}, 1) }

// unpackTexts is unpackText of the first of so many alerts.
func unpackTexts(text string, room *itsm.LabelRoom, alerts int) words {
	u := unpacker{text: text}
	return words{title: u.str(), word: u.str(), url: u.str(), labels: u.labelsIn(room, alerts), annotations: u.labelsIn(room, alerts)}
}

func (u *unpacker) labelsIn(room *itsm.LabelRoom, alerts int) itsm.Labels {
	peek := *u
	n := min(peek.uint(), peek.left())
	if n == 0 {
		*u = peek
		return nil
	}
	return u.appendLabels(room.Take(n, alerts)[:0])
}

func titleOf(text string) string {
	u := unpacker{text: text}
	return u.str()
}

func labelsOf(text string) itsm.Labels {
	u := unpacker{text: text}
	u.skip(3)
	return u.labels()
}

// appendLabels is labelsOf into memory that is there.
func appendLabels(ls itsm.Labels, text string) itsm.Labels {
	u := unpacker{text: text}
	u.skip(3)
	return u.appendLabels(ls)
}

// packedLabels is the part of a packed text that holds the labels, "" for none. It
// shares the text's memory.
func packedLabels(text string) string {
	u := unpacker{text: text}
	u.skip(3)
	from := u.at
	n := u.uint()
	if n == 0 {
		return ""
	}
	u.skip(2 * n)
	return u.text[from:u.at]
}

// sharesLabels reports whether the packed text has all of the packed labels. Both
// are sorted.
func sharesLabels(text, packed string) bool {
	u, w := unpacker{text: text}, unpacker{text: packed}
	u.skip(3)
	left, wanted := u.uint(), w.uint()
	for ; wanted > 0; wanted-- {
		name, value := w.str(), w.str()
		found := false
		for ; left > 0 && !found; left-- {
			n, v := u.str(), u.str()
			if found = n == name; found && v != value {
				return false
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// firstLabel returns the value of the first of names that the packed text has,
// or "", in one pass and without unpacking.
func firstLabel(text string, names [5]string) string {
	u := unpacker{text: text}
	u.skip(3)
	best, value := len(names), ""
	for range u.uint() {
		n, v := u.str(), u.str()
		for k := range best {
			if names[k] == n {
				best, value = k, v
				break
			}
		}
	}
	return value
}
