package source

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"signalbox/itsm"
)

// NoteMark begins the notes that connectors write at a partner, so that they are
// not taken for somebody's when the partner reports them.
const NoteMark = "[Signalbox] "

// PersonBytesMax bounds the name of a person or program at a partner; a longer one
// is cut.
const PersonBytesMax = 100

// RecordKey is the key under which a partner's record of an epoch of an incident
// is known, such as signalbox/INC0000042/1 with sep '/'. A partner whose records
// are named in URLs or labels takes another separator.
func RecordKey(sep byte, n itsm.IncidentNumber, epoch uint32) string {
	return "signalbox" + string(rune(sep)) + n.String() + string(rune(sep)) + strconv.FormatUint(uint64(epoch), 10)
}

// ParseRecordKey reads a key made by RecordKey with the same separator; false for
// any other text.
func ParseRecordKey(sep byte, key string) (itsm.IncidentNumber, uint32, bool) {
	s := string(rune(sep))
	rest, ours := strings.CutPrefix(key, "signalbox"+s)
	number, epoch, ok := strings.Cut(rest, s)
	if !ours || !ok {
		return 0, 0, false
	}
	n, err := itsm.ParseIncidentNumber(number)
	if err != nil {
		return 0, 0, false
	}
	e, err := strconv.ParseUint(epoch, 10, 32)
	if err != nil || e == 0 || RecordKey(sep, n, uint32(e)) != key {
		return 0, 0, false
	}
	return n, uint32(e), true
}

// Clip shortens s to n bytes at a rune border.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// NameOf is the one of us whose account at a partner is there; "" when nobody's is.
func NameOf(users map[string]string, there string) (name string) {
	for n, account := range users { // any order: the first by name counts
		if there != "" && strings.EqualFold(account, there) && (name == "" || n < name) {
			name = n
		}
	}
	return name
}

// SameName reports whether one of ours is the name of a partner's account,
// whatever its case. No name is nobody's.
func SameName(name string, ours []string) bool {
	for _, o := range ours {
		if name != "" && strings.EqualFold(name, o) {
			return true
		}
	}
	return false
}
