package source

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"signalbox/itsm"
)

// Kind is what the next value of a document is, by its first character.
type Kind byte

// Kinds of value. None is the end of the document or a fault.
const (
	None   Kind = 0
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	Number Kind = '0'
	Bool   Kind = 't'
	Null   Kind = 'n'
)

var kindNames = map[Kind]string{None: "nothing", Object: "an object", Array: "a list", String: "a string",
	Number: "a number", Bool: "true or false", Null: "null"}

// String names the kind for people.
func (k Kind) String() string { return kindNames[k] }

// Reader reads one JSON document (RFC 8259) from front to back. The first fault
// sticks: from then on Peek returns None, Key and Next return false, so a caller
// checks once, with End. Strings handed out share one copy of the document and
// never refer to the caller's bytes.
type Reader struct {
	b     []byte // the caller's bytes, for scanning eight at a time
	s     string // our copy of the same bytes, which strings are cut from
	i     int
	depth int
	more  uint64 // bit d-1: the container at depth d has had an element
	err   error

	bounds Bounds
}

// NewReader returns a reader of body, whose bytes may be reused once it is done.
func NewReader(body []byte, bounds Bounds) *Reader {
	if len(body) >= 3 && body[0] == 0xef && body[1] == 0xbb && body[2] == 0xbf {
		body = body[3:]
	}
	return &Reader{b: body, s: string(body), bounds: bounds.OrDefaults()}
}

// Peek returns the kind of the next value without reading it.
func (r *Reader) Peek() Kind {
	c := r.next()
	switch c {
	case '{', '[', '"':
		return Kind(c)
	case 'n', 't', 'f': // the whole word: "nonsense" is no null
		return r.wordKind()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number
	}
	r.fail("a value")
	return None
}

// aWord is what is expected where a word without quotes stands.
const aWord = "true, false, null or a text in double quotes"

func (r *Reader) wordKind() Kind {
	switch rest := r.s[r.i:]; {
	case strings.HasPrefix(rest, "null"):
		return Null
	case strings.HasPrefix(rest, "true"), strings.HasPrefix(rest, "false"):
		return Bool
	}
	r.fail(aWord)
	return None
}

// Enter starts reading the members of the object or list that Peek announced.
func (r *Reader) Enter() {
	if r.err != nil {
		return
	}
	if r.depth == r.bounds.Depth {
		r.err = Exceeded(BoundDepth, itsm.Invalid, "not accepted: nested deeper than %d levels", r.bounds.Depth)
		return
	}
	r.i++
	r.depth++
	r.more &^= 1 << (r.depth - 1)
}

// Key moves to the next member of the entered object and returns its key; false
// at the end of the object or after a fault.
func (r *Reader) Key() (string, bool) {
	if !r.element('}') {
		return "", false
	}
	if r.next() != '"' {
		r.fail("a key in double quotes")
		return "", false
	}
	k := r.Str()
	if r.next() != ':' {
		r.fail(`":" after a key`)
		return "", false
	}
	r.i++
	return k, r.err == nil
}

// Next moves to the next value of the entered list; false at its end or after a fault.
func (r *Reader) Next() bool { return r.element(']') }

func (r *Reader) element(end byte) bool {
	c := r.next()
	if r.err != nil {
		return false
	}
	if c == end {
		r.i++
		r.depth--
		return false
	}
	first := uint64(1) << (r.depth - 1)
	if r.more&first == 0 {
		r.more |= first
		return true
	}
	if c != ',' {
		r.fail(`"," or "` + string(end) + `"`)
		return false
	}
	r.i++
	return true
}

// Str reads the string that Peek announced.
func (r *Reader) Str() string {
	if r.err != nil {
		return ""
	}
	r.i++
	start := r.i
	r.i += plain(r.b[start:])
	if r.i < len(r.b) && r.b[r.i] == '"' {
		r.i++
		return r.s[start : r.i-1]
	}
	return r.escaped(start)
}

// plain returns how many leading bytes of b are ASCII that stands for itself in a
// JSON string: no quote, backslash, control or multi-byte character.
func plain(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for len(b)-n >= 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w | w) & high
		if hit != 0 {
			return n + bits.TrailingZeros64(hit)/8
		}
		n += 8
	}
	for n < len(b) && b[n] >= ' ' && b[n] < 0x80 && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}

// escaped finishes a string that is more than plain ASCII. What needs no change
// is still a part of the document.
func (r *Reader) escaped(start int) string {
	var out strings.Builder
	done := start // what precedes it is in out
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			if out.Len() == 0 && done == start {
				return r.s[start : r.i-1]
			}
			out.WriteString(r.s[done : r.i-1])
			return out.String()
		case c == '\\':
			out.WriteString(r.s[done:r.i])
			c, n := r.escape()
			if n == 0 {
				return ""
			}
			out.WriteRune(c)
			r.i += n
			done = r.i
		case c < ' ':
			r.fail("no control character inside a string (write it as \\u00XX)")
			return ""
		case c < utf8.RuneSelf:
			r.i += plain(r.b[r.i:])
		default:
			c, n := utf8.DecodeRuneInString(r.s[r.i:])
			if c == utf8.RuneError && n == 1 {
				out.WriteString(r.s[done:r.i])
				out.WriteRune(utf8.RuneError)
				done = r.i + 1
			}
			r.i += n
		}
	}
	r.fail("the closing quote of a string")
	return ""
}

// escape decodes the escape at i and returns the rune and its length in the
// document; 0 after a fault.
func (r *Reader) escape() (rune, int) {
	if r.i+1 < len(r.b) {
		switch c := r.b[r.i+1]; c {
		case '"', '\\', '/':
			return rune(c), 2
		case 'b':
			return '\b', 2
		case 'f':
			return '\f', 2
		case 'n':
			return '\n', 2
		case 'r':
			return '\r', 2
		case 't':
			return '\t', 2
		case 'u':
			if u, ok := hex4(r.b[r.i:]); ok {
				if !utf16.IsSurrogate(u) {
					return u, 6
				}
				if low, ok := hex4(r.b[r.i+6:]); ok {
					if pair := utf16.DecodeRune(u, low); pair != utf8.RuneError {
						return pair, 12
					}
				}
				return utf8.RuneError, 6
			}
		}
	}
	r.fail(`an escape such as \n or \u00e9`)
	return 0, 0
}

// hex4 reads \uXXXX at the start of b.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | rune(c)
	}
	return v, true
}

// Literal reads the number, true, false or null that Peek announced, as written.
func (r *Reader) Literal() string {
	if r.err != nil {
		return ""
	}
	start := r.i
	switch r.b[start] {
	case 't':
		r.word("true")
	case 'f':
		r.word("false")
	case 'n':
		r.word("null")
	default:
		r.number()
	}
	if r.err != nil {
		return ""
	}
	return r.s[start:r.i]
}

func (r *Reader) word(w string) {
	if !strings.HasPrefix(r.s[r.i:], w) {
		r.fail(aWord)
		return
	}
	r.i += len(w)
}

func (r *Reader) number() {
	if r.b[r.i] == '-' {
		r.i++
	}
	if r.i < len(r.b) && r.b[r.i] == '0' {
		r.i++
	} else {
		r.digits()
	}
	if r.err == nil && r.i < len(r.b) && r.b[r.i] == '.' {
		r.i++
		r.digits()
	}
	if r.err == nil && r.i < len(r.b) && r.b[r.i]|0x20 == 'e' {
		r.i++
		if r.i < len(r.b) && (r.b[r.i] == '+' || r.b[r.i] == '-') {
			r.i++
		}
		r.digits()
	}
}

func (r *Reader) digits() {
	start := r.i
	for r.i < len(r.b) && r.b[r.i] >= '0' && r.b[r.i] <= '9' {
		r.i++
	}
	if r.i == start {
		r.fail("a digit")
	}
}

// Skip reads the next value, whatever it is, and checks that it is JSON.
func (r *Reader) Skip() {
	switch r.Peek() {
	case Object:
		for r.Enter(); ; r.Skip() {
			if _, ok := r.Key(); !ok {
				return
			}
		}
	case Array:
		for r.Enter(); r.Next(); {
			r.Skip()
		}
	case String:
		r.Str()
	case Number, Bool, Null:
		r.Literal()
	}
}

// Raw reads the next value and returns it as written.
func (r *Reader) Raw() string {
	r.next()
	start := r.i
	r.Skip()
	return r.Since(start)
}

// Mark returns where the next value begins, for Since.
func (r *Reader) Mark() int {
	r.next()
	return r.i
}

// Since returns the document from a mark to here; "" after a fault.
func (r *Reader) Since(mark int) string {
	if r.err != nil {
		return ""
	}
	return r.s[mark:r.i]
}

// End checks that the document ends here and returns the first fault.
func (r *Reader) End() error {
	if r.err == nil {
		r.space()
		if r.i < len(r.b) {
			r.fail("the end of the document")
		}
	}
	return r.err
}

// Err returns the first fault so far.
func (r *Reader) Err() error { return r.err }

// Refuse records a fault of the document that is not one of its syntax.
func (r *Reader) Refuse(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *Reader) space() {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ' ', '\n', '\t', '\r':
			r.i++
		default:
			return
		}
	}
}

// next returns the first character after white space; 0 at the end or after a fault.
func (r *Reader) next() byte {
	if r.err != nil {
		return 0
	}
	r.space()
	if r.i >= len(r.b) {
		return 0
	}
	return r.b[r.i]
}

func (r *Reader) fail(want string) {
	if r.err != nil {
		return
	}
	if strings.TrimSpace(r.s) == "" {
		r.err = itsm.Errorf(itsm.Invalid, "the body is empty; expected JSON")
		return
	}
	at := min(r.i, len(r.s))
	line := 1 + strings.Count(r.s[:at], "\n")
	column := at - strings.LastIndexByte(r.s[:at], '\n')
	found := "the end of the document"
	if at < len(r.s) {
		c, _ := utf8.DecodeRuneInString(r.s[at:])
		found = strconv.QuoteRune(c)
	}
	r.err = itsm.Errorf(itsm.Invalid, "not JSON: line %d, column %d: expected %s, found %s", line, column, want, found)
}
