package conf

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"signalbox/itsm/cmdb"
)

// Duration is a time.Duration written 300ms, 5m, 24h or 30d.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	v, err := ParseDuration(string(b))
	*d = Duration(v)
	return err
}

const durationForm = "a number and a unit such as 90s, 5m, 24h or 30d"

// ParseDuration is time.ParseDuration with days.
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("duration %q: expected %s", s, durationForm)
	}
	return v, nil
}

// Size is a number of bytes written 512, 64KiB, 8MiB or 2GiB.
type Size int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSize(string(b))
	return err
}

const sizeForm = "bytes or a number with KiB, MiB, GiB or TiB"

// ParseSize reads a number of bytes.
func ParseSize(s string) (Size, error) {
	num, factor := s, int64(1)
	for _, u := range []struct {
		suffix string
		factor int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}} {
		if n, ok := strings.CutSuffix(s, u.suffix); ok {
			num, factor = strings.TrimSpace(n), u.factor
			break
		}
	}
	v, err := strconv.ParseInt(num, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64/factor {
		return 0, fmt.Errorf("size %q: expected %s", s, sizeForm)
	}
	return Size(v * factor), nil
}

// Direction is which way failure travels along a relation: from_affects_to or
// to_affects_from.
type Direction cmdb.Direction

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Direction) UnmarshalText(b []byte) error { return (*cmdb.Direction)(d).UnmarshalText(b) }

// Secret refers to a secret; it is read when it is needed and never printed.
type Secret struct{ ref string }

const secretBytesMax = 64 << 10

// UnmarshalText implements encoding.TextUnmarshaler. A literal secret is refused,
// so that the file can be shown and versioned.
func (s *Secret) UnmarshalText(b []byte) error {
	ref := string(b)
	for _, scheme := range []string{"env:", "file:", storedScheme} {
		if where, ok := strings.CutPrefix(ref, scheme); ok && where != "" {
			s.ref = ref
			return nil
		}
	}
	return errors.New("a secret is written as env:NAME or file:PATH, not in the file itself")
}

// IsSet reports whether the file names the secret.
func (s Secret) IsSet() bool { return s.ref != "" }

// String shows the reference, never the secret.
func (s Secret) String() string { return s.ref }

// Read returns the secret's value. An empty one is an error: it would let anybody in.
func (s Secret) Read() (string, error) {
	var v string
	if strings.HasPrefix(s.ref, storedScheme) {
		return "", fmt.Errorf("secret %s: only connectors that are configured in the console have stored secrets; expected env:NAME or file:PATH", s.ref)
	}
	if name, ok := strings.CutPrefix(s.ref, "env:"); ok {
		v = os.Getenv(name)
	} else if path, ok := strings.CutPrefix(s.ref, "file:"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("secret %s: %w", s.ref, err)
		}
		if len(b) > secretBytesMax {
			return "", fmt.Errorf("secret %s: %d bytes; at most %d", s.ref, len(b), secretBytesMax)
		}
		v = string(b)
	}
	if v = strings.TrimSpace(v); v == "" {
		return "", fmt.Errorf("secret %s is empty", s.ref)
	}
	return v, nil
}

// ReadAll reads a list of secrets.
func ReadAll(refs []Secret) ([]string, error) {
	out := make([]string, 0, len(refs))
	for _, r := range refs {
		v, err := r.Read()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
