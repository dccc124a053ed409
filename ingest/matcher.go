package ingest

import (
	"regexp"
	"strconv"
	"strings"

	"signalbox/itsm"
)

// matcherBytesMax bounds one filter of a query.
const matcherBytesMax = 1 << 10

// matcher is a label matcher of Alertmanager's API, such as alertname=~"Disk.*".
// https://prometheus.io/docs/alerting/latest/configuration/#matcher
type matcher struct {
	name, value string
	re          *regexp.Regexp // nil for = and !=
	not         bool
}

// operators, the longer ones first.
var operators = []string{"=~", "!~", "!=", "="}

func parseMatcher(s string) (matcher, error) {
	bad := func(why string) (matcher, error) {
		return matcher{}, itsm.Errorf(itsm.Invalid, `bad matcher format: %.100q: %s; expected such as alertname="DiskFull"`, s, why)
	}
	if len(s) > matcherBytesMax {
		return bad("too long")
	}
	i := strings.IndexAny(s, "=!")
	if i <= 0 {
		return bad("no name or no operator")
	}
	name, rest := unquote(strings.TrimSpace(s[:i])), s[i:]
	for _, op := range operators {
		value, ok := strings.CutPrefix(rest, op)
		if !ok {
			continue
		}
		m := matcher{name: name, value: unquote(strings.TrimSpace(value)), not: op[0] == '!'}
		if op[1:] == "~" {
			re, err := regexp.Compile("^(?:" + m.value + ")$")
			if err != nil {
				return bad("not a regular expression")
			}
			m.re = re
		}
		return m, nil
	}
	return bad("no operator =, !=, =~ or !~")
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' {
		if u, err := strconv.Unquote(s); err == nil {
			return u
		}
	}
	return s
}

func (m matcher) matches(ls itsm.Labels) bool {
	v := ls.Get(m.name)
	if m.re != nil {
		return m.re.MatchString(v) != m.not
	}
	return (v == m.value) != m.not
}

// matchesReceiver reports whether the receiver filter, a regular expression,
// means ours.
func matchesReceiver(expr string) bool {
	if len(expr) > matcherBytesMax {
		return false
	}
	re, err := regexp.Compile("^(?:" + expr + ")$")
	return err == nil && re.MatchString(facadeReceiver)
}
