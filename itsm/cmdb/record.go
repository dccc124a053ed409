package cmdb

import (
	"encoding/binary"
	"encoding/json"
	"strings"

	"signalbox/itsm"
)

// blob is a CI's fields in one string: for each of id, name, class, env, owner,
// support group and attributes (canonical JSON, or "") a length and the bytes,
// then the aliases and the tier. One string a CI keeps a million of them cheap
// for the garbage collector, and two CIs are equal when their blobs are.
type blob string

// Fields of a blob in stored order.
const (
	fieldID = iota
	fieldName
	fieldClass
	fieldEnv
	fieldOwner
	fieldGroup
	fieldAttributes
	blobStrings // number of single strings
)

var blobFieldNames = [blobStrings]string{"id", "name", "class", "env", "owner", "support_group", "attributes"}

// cut splits one length-prefixed string off b. The prefix was written by
// appendBlob or checked by validBlob.
func cut(b string) (field, rest string) {
	n, k := 0, 0
	for shift := 0; ; shift += 7 {
		c := b[k]
		k++
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			break
		}
	}
	return b[k : k+n], b[k+n:]
}

// field returns one of the single strings, sharing the blob's memory.
func (b blob) field(i int) string {
	f, rest := cut(string(b))
	for ; i > 0; i-- {
		f, rest = cut(rest)
	}
	return f
}

// tail returns what follows the single strings: aliases and tier.
func (b blob) tail() string {
	_, rest := cut(string(b))
	for i := 1; i < blobStrings; i++ {
		_, rest = cut(rest)
	}
	return rest
}

func (b blob) aliases() []string {
	count, rest := cutInt(b.tail())
	if count == 0 {
		return nil
	}
	out := make([]string, count)
	for i := range out {
		out[i], rest = cut(rest)
	}
	return out
}

// tier is the last byte.
func (b blob) tier() int { return int(b[len(b)-1]) }

func cutInt(b string) (n int, rest string) {
	v, k := uint64(0), 0
	for shift := 0; ; shift += 7 {
		c := b[k]
		k++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return int(v), b[k:]
		}
	}
}

// fields is a CI on its way into a blob; attributes are canonical JSON or empty.
type fields struct {
	strings [blobStrings]string
	aliases []string
	tier    int
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendBlob is the only writer of the form that blob reads.
func appendBlob(dst []byte, f *fields) []byte {
	for _, s := range f.strings {
		dst = appendString(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.aliases)))
	for _, a := range f.aliases {
		dst = appendString(dst, a)
	}
	return append(dst, byte(f.tier))
}

// validBlob reports whether b, read from outside, is well formed.
func validBlob(b string) bool {
	var ok bool
	for range blobStrings {
		if _, b, ok = tryCut(b); !ok {
			return false
		}
	}
	n, k := uvarint(b)
	if k <= 0 || n > AliasesMax {
		return false
	}
	b = b[k:]
	for range n {
		if _, b, ok = tryCut(b); !ok {
			return false
		}
	}
	return len(b) == 1 && b[0] <= TierMax
}

// tryCut is cut for strings from outside.
func tryCut(b string) (field, rest string, ok bool) {
	n, k := uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return "", "", false
	}
	return b[k : k+int(n)], b[k+int(n):], true
}

// uvarint is binary.Uvarint on a string, limited to 63 bits.
func uvarint(b string) (v uint64, n int) {
	for i := 0; i < len(b) && i < 9; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// ci turns a blob into what people read.
func (b blob) ci() itsm.CI {
	c := itsm.CI{
		ID: b.field(fieldID), Name: b.field(fieldName), Class: b.field(fieldClass), Env: b.field(fieldEnv),
		Owner: b.field(fieldOwner), SupportGroup: b.field(fieldGroup), Aliases: b.aliases(), Tier: b.tier(),
	}
	if a := b.field(fieldAttributes); a != "" {
		d := json.NewDecoder(strings.NewReader(a))
		d.UseNumber() // 12345678901234567890 stays what was written
		// The canonical form was written by us from valid JSON; an error leaves
		// what was read so far, which is the most we can show.
		_ = d.Decode(&c.Attributes)
	}
	return c
}

// slabBytes is the size of one allocation. A CI that changes leaves its bytes
// behind until the rest of its slab is gone as well, so it is not larger.
const slabBytes = 64 << 10

// packBlobs copies blobs into slabs, in place.
func packBlobs(list []blob) {
	for i := 0; i < len(list); {
		n, j := 0, i
		for j < len(list) && (j == i || n+len(list[j]) <= slabBytes) {
			n += len(list[j])
			j++
		}
		var sb strings.Builder
		sb.Grow(n)
		for _, b := range list[i:j] {
			sb.WriteString(string(b))
		}
		s := sb.String()
		for ; i < j; i++ {
			k := len(list[i])
			list[i], s = blob(s[:k]), s[k:]
		}
	}
}
