package itsm

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func FuzzMembers(f *testing.F) {
	full, err := json.Marshal(Problem{Number: 7, Title: `a "title" \ {`, Tests: []ProblemTest{{Text: "]}"}}, Incidents: []ProblemIncident{{Number: 1}}, LastAt: 1e12})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(full), `{}`, ` { "title" : "x" , "tests":[ {"a":[1,2]} ] ,"count": 3 } `, `{"title":"a\\"}`, `{"title":"a\\\"b"}`, `[]`, `7`, ``, `{"title"`, `{"title":`, `{"title":1`, `{"a":1,}`, `{"tests":[[[`, `{"title":"x"}}`} {
		f.Add([]byte(s))
	}
	names := []string{"title", "tests", "count", "last_at"}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Members([]byte("before"), b, names...)
		if !bytes.HasPrefix(got, []byte("before")) {
			t.Fatalf("%q overwrote what was there: %q", b, got)
		}
		got = got[len("before"):]
		var all map[string]json.RawMessage
		if json.Unmarshal(b, &all) != nil || all == nil {
			return
		}
		var picked map[string]json.RawMessage
		if err := json.Unmarshal(got, &picked); err != nil {
			t.Fatalf("%q gives %q: %v", b, got, err)
		}
		for _, n := range names {
			if strings.Contains(string(b), `\u`) { // a name may be written with escapes; ours never are
				continue
			}
			if string(all[n]) != string(picked[n]) {
				t.Errorf("%q: %s is %s, want %s", b, n, picked[n], all[n])
			}
		}
		for n := range picked {
			if _, ok := all[n]; !ok {
				t.Errorf("%q: %s is not in it", b, n)
			}
		}
	})
}

// TestMembersDecode: what is picked decodes to the same as all of it.
func TestMembersDecode(t *testing.T) {
	t.Parallel()
	p := Problem{Number: 7, Title: "x, \"y\" {z}", State: ProblemNew, Tests: []ProblemTest{{Test: "excess", Text: "12 [of] 13", Incidents: 3}}, Count: 12,
		Incidents: []ProblemIncident{{Number: 3, OpenedAt: 1000}, {Number: 4, Change: "CHG}"}}, LastAt: 1_790_000_000_000, KnownError: true, Services: []string{"a", "b\\"}}
	b, err := json.Marshal(&p)
	if err != nil {
		t.Fatal(err)
	}
	var got Problem
	if err := json.Unmarshal(Members(nil, b, "number", "title", "state", "tests", "count", "last_at", "known_error", "services"), &got); err != nil {
		t.Fatal(err)
	}
	p.Incidents = nil
	if !reflect.DeepEqual(got, p) {
		t.Errorf("got  %+v\nwant %+v", got, p)
	}
}

func BenchmarkMembers(b *testing.B) {
	p := Problem{Number: 7, Title: "sw-0001: Rule3", State: ProblemNew, Tests: []ProblemTest{{Test: "excess", Text: "12 in 30 days where 2 were to be expected", Incidents: 12}}}
	for n := range 20 {
		p.Incidents = append(p.Incidents, ProblemIncident{Number: IncidentNumber(n + 1), OpenedAt: 1_790_000_000_000, ResolvedAt: 1_790_000_900_000})
	}
	body, err := json.Marshal(&p)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	var dst []byte
	for b.Loop() {
		dst = Members(dst[:0], body, "number", "title", "state", "tests", "count")
	}
}
