package itsm

import (
	"strconv"
	"time"
)

// Time is a moment in milliseconds since the Unix epoch, UTC. Zero means unknown
// and is null in JSON.
type Time int64

// timeLayout is RFC 3339 in UTC with milliseconds, the form of every time in the API.
const timeLayout = "2006-01-02T15:04:05.000Z"

// TimeOf converts a time.Time; the zero time.Time becomes the unknown Time.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Std converts to time.Time in UTC; the unknown Time becomes the zero time.Time.
func (t Time) Std() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// Add returns t moved by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Sub returns the span from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Millisecond }

// String formats t as in the API, or "-" when unknown.
func (t Time) String() string {
	if t == 0 {
		return "-"
	}
	return t.Std().Format(timeLayout)
}

// AppendJSON appends t as a JSON string, or null when unknown.
func (t Time) AppendJSON(b []byte) []byte {
	if t == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.Std().AppendFormat(b, timeLayout)
	return append(b, '"')
}

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// UnmarshalJSON implements json.Unmarshaler. It takes null, an RFC 3339 string or
// a number of milliseconds.
func (t *Time) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" || s == `""` {
		*t = 0
		return nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		*t = Time(ms)
		return nil
	}
	if len(s) < 2 || s[0] != '"' {
		return Errorf(Invalid, "time %s: expected an RFC 3339 string such as \"2026-01-31T09:00:00Z\"", s)
	}
	p, err := ParseTime(s[1 : len(s)-1])
	if err != nil {
		return err
	}
	*t = p
	return nil
}

// ParseTime reads an RFC 3339 time. The Go zero time, which Alertmanager sends
// for "no end yet", is the unknown Time.
func ParseTime(s string) (Time, error) {
	p, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, Errorf(Invalid, "time %q: expected RFC 3339 such as 2026-01-31T09:00:00Z", s)
	}
	return TimeOf(p), nil
}
