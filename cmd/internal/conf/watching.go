package conf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
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

// UnmarshalYAML implements yaml.Unmarshaler.
func (u *URL) UnmarshalYAML(n *yaml.Node) error {
	if strings.HasPrefix(n.Value, "http://") || strings.HasPrefix(n.Value, "https://") {
		u.plain = n.Value
		return nil
	}
	if u.secret.UnmarshalYAML(n) != nil {
		return fmt.Errorf("line %d: expected a URL such as https://hc-ping.com/… or env:NAME or file:PATH that holds one", n.Line)
	}
	return nil
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
	if checkURL("", "", v) != nil {
		return "", errors.New("the value is not a URL such as https://hc-ping.com/…")
	}
	return v, nil
}

// checkWatching reports what is wrong with heartbeat and watchdogs.
func (f *File) checkWatching(name string) (errs []error) {
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", name, field, fmt.Sprintf(format, args...)))
	}
	if d := time.Duration(f.Heartbeat.Every); d < heartbeatMin {
		bad("heartbeat.every", "%v: expected at least %v", d, heartbeatMin)
	}
	if len(f.Watchdogs) > watchdogsMax {
		bad("watchdogs", "%d of them, at most %d are watched", len(f.Watchdogs), watchdogsMax)
	}
	for i, w := range f.Watchdogs {
		field := fmt.Sprintf("watchdogs[%d]", i)
		if w.Source == "" {
			bad(field+".source", "missing: whose alert is it?")
		}
		if len(w.Labels) == 0 {
			bad(field+".labels", "missing: expected what tells the alert from others, such as {alertname: Watchdog}")
		}
		if d := time.Duration(w.MissingAfter); d < missingAfterMin {
			bad(field+".missing_after", "%v: expected at least %v", d, missingAfterMin)
		}
	}
	return errs
}
