package rules

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// meaning is what a set says, without where it says it.
func meaning(s *Set) string {
	var b strings.Builder
	for _, r := range s.Rules() {
		c := *r
		c.File, c.Line = "", 0
		text, err := json.Marshal(c)
		if err != nil {
			return err.Error()
		}
		b.Write(append(text, '\n'))
	}
	return b.String()
}

func TestFormat(t *testing.T) {
	in := `# The file.

when: |
    labels.namespace == "shop" &&
    status == "firing"
correlate:
      group_by:   [labels.namespace]   # one each
      # how many
      count: 3
      window: "10m"
about:   groups
# why b
id: b
--- # the next
# only a comment
---
{"id": "a", "about": "x", "enabled": false, "route": {"to": ["pd"]}}
---


about: 'it''s "quoted": yes'
id: c
incident: {title: "${labels.x}: é 世界 😀", labels: {team: shop}}
`
	want := `# The file.

# why b
id: b
about: groups
when: |
  labels.namespace == "shop" &&
  status == "firing"
correlate:
  group_by: [labels.namespace] # one each
  # how many
  count: 3
  window: "10m"
---
# the next
# only a comment
---
"id": "a"
"about": "x"
"enabled": false
"route": {"to": ["pd"]}
---
id: c
about: 'it''s "quoted": yes'
incident: {title: "${labels.x}: é 世界 😀", labels: {team: shop}}
`
	got, err := Format(in)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	from, to := []File{{"x.yaml", in}}, []File{{"x.yaml", got}}
	checkFormat(t, in, compileText(t, from...))
	if d := Diff(from, to); len(d) > 0 {
		t.Errorf("formatting is a difference: %v", d)
	}
	for _, bad := range []string{"id: [", "- id: a", "id: &a x", "\xff"} {
		if out, err := Format(bad); err == nil || !strings.Contains(err.Error(), "line 1: ") {
			t.Errorf("%q: %v\n%s", bad, err, out)
		}
	}
}
