package conf

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm/cmdb"
)

// Duration is a time.Duration written 300ms, 5m, 24h or 30d.
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*d = Duration(v)
	return nil
}

// ParseDuration is time.ParseDuration with days.
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("duration %q: expected a number and a unit such as 90s, 5m, 24h or 30d", s)
	}
	return v, nil
}

// Size is a number of bytes written 512, 64KiB, 8MiB or 2GiB.
type Size int64

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseSize(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*s = v
	return nil
}

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
		return 0, fmt.Errorf("size %q: expected bytes or a number with KiB, MiB or GiB", s)
	}
	return Size(v * factor), nil
}

// Direction is which way failure travels along a relation: from_affects_to or
// to_affects_from.
type Direction cmdb.Direction

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Direction) UnmarshalYAML(n *yaml.Node) error {
	if err := (*cmdb.Direction)(d).UnmarshalText([]byte(n.Value)); err != nil {
		return fmt.Errorf("line %d: %q: %w", n.Line, n.Value, err)
	}
	return nil
}

// Secret refers to a secret; it is read when it is needed and never printed.
type Secret struct{ ref string }

const secretBytesMax = 64 << 10

// UnmarshalYAML implements yaml.Unmarshaler. A literal secret is refused, so that
// the file can be shown and versioned.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	if !strings.HasPrefix(n.Value, "env:") && !strings.HasPrefix(n.Value, "file:") {
		return fmt.Errorf("line %d: a secret is written as env:NAME or file:PATH, not in the file itself", n.Line)
	}
	s.ref = n.Value
	return nil
}

// IsSet reports whether the file names the secret.
func (s Secret) IsSet() bool { return s.ref != "" }

// String shows the reference, never the secret.
func (s Secret) String() string { return s.ref }

// Read returns the secret's value. An empty one is an error: it would let anybody in.
func (s Secret) Read() (string, error) {
	var v string
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
