package source

import (
	"encoding/json"
	"strings"

	"signalbox/itsm"
)

// ChangeAct makes the act that tells of a change: who says it, at what time of the
// sender's clock, and what. Texts are cut to what a change holds.
func ChangeAct(actor string, at itsm.Time, u itsm.ChangeUpdate) (itsm.Act, error) {
	for _, p := range []*string{u.ExternalID, u.Title, u.Who, u.URL, u.Environment} {
		if p != nil {
			*p = CutText(*p, itsm.ChangeTextMax)
		}
	}
	if u.Description != nil {
		*u.Description = CutText(*u.Description, itsm.ChangeDescribeMax)
	}
	body, err := json.Marshal(&u)
	if err != nil {
		return itsm.Act{}, itsm.Wrap(itsm.Internal, err, "write the change")
	}
	return itsm.Act{Kind: itsm.ActChangePut, Actor: CutText(actor, NameBytesMax), PartnerVersion: int64(at), Body: body}, nil
}

// CutText shortens s to n bytes at a rune border and drops what is no UTF-8.
func CutText(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// Said returns a pointer to s, or nil when there is nothing: a change keeps what is
// not said.
func Said(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// SaidAt is Said of a time.
func SaidAt(t itsm.Time) *itsm.Time {
	if t <= 0 {
		return nil
	}
	return &t
}

// SaidCI is a list of the first name that is given, or nil.
func SaidCI(names ...string) *[]string {
	for _, n := range names {
		if n != "" && len(n) <= NameBytesMax {
			return &[]string{n}
		}
	}
	return nil
}

// MaybeTime reads an RFC 3339 time; what is none is unknown.
func MaybeTime(s string) itsm.Time {
	t, err := itsm.ParseTime(s)
	if err != nil || t < 0 {
		return 0
	}
	return t
}
