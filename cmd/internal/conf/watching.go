package conf

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Bounds of what is watched. Below the least times one late delivery would be an alarm.
const (
	watchdogsMax    = 100
	missingAfterMin = time.Second
	heartbeatMin    = time.Second
)

// URL is an address that may be a secret: written as it is, or as env:NAME or
// file:PATH. It is never printed.
type URL struct {
	plain  string
	secret Secret
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *URL) UnmarshalText(b []byte) error {
	if isURL(string(b)) {
		u.plain = string(b)
		return nil
	}
	return u.secret.UnmarshalText(b)
}

// IsSet reports whether the file names an address.
func (u URL) IsSet() bool { return u.plain != "" || u.secret.IsSet() }

// Read returns the address.
func (u URL) Read() (string, error) {
	v := u.plain
	if v == "" {
		var err error
		if v, err = u.secret.Read(); err != nil {
			return "", err
		}
	}
	if !isURL(v) {
		return "", errors.New("the value is not a URL such as https://hc-ping.com/…")
	}
	return v, nil
}

// watching reports what is wrong with heartbeat and watchdogs.
func (r *reader) watching(f *File) {
	if d := time.Duration(f.Heartbeat.Every); d < heartbeatMin {
		r.bad("heartbeat.every", d.String(), fmt.Sprintf("at least %v", heartbeatMin))
	}
	if n := len(f.Watchdogs); n > watchdogsMax {
		r.bad("watchdogs", strconv.Itoa(n), fmt.Sprintf("at most %d to watch", watchdogsMax))
	}
	for i, w := range f.Watchdogs {
		path := fmt.Sprintf("watchdogs[%d]", i)
		if w.Source == "" {
			r.bad(path+".source", "missing", "the name of the source whose alert it is")
		}
		if len(w.Labels) == 0 {
			r.bad(path+".labels", "missing", "what tells the alert from others, such as {alertname: Watchdog}")
		}
		if d := time.Duration(w.MissingAfter); d < missingAfterMin {
			r.bad(path+".missing_after", d.String(), fmt.Sprintf("at least %v", missingAfterMin))
		}
	}
}
