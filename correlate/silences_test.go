package correlate

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"signalbox/itsm"
)

// silencesOf reads a statement of a scenario:
//
//	at 00:07 silences am S1,from=00:00,until=01:00,alertname=Down,ci~db.*,env!=dev
//
// It lists every silence that the connector am has from then on; none is none.
func (sc *scenario) silencesOf(f []string) *itsm.Act {
	b := itsm.Silences{Sources: []string{"am"}, Silences: []itsm.Silence{}}
	for _, w := range f[1:] {
		parts := strings.Split(w, ",")
		v := itsm.Silence{ID: parts[0], By: "ada", Comment: "disk is being replaced"}
		for _, p := range parts[1:] {
			at := strings.IndexAny(p, "=~!")
			name, op, value := p[:at], p[at:at+1], strings.ReplaceAll(p[at+1:], "_", " ")
			switch {
			case name == "from":
				v.StartsAt = sc.time(value)
			case name == "until":
				v.EndsAt = sc.time(value)
			default:
				m := itsm.SilenceMatcher{Name: name, Value: value, Regex: op == "~", Negated: op == "!"}
				if m.Negated {
					m.Regex, m.Value = value[0] == '~', value[1:]
				}
				v.Matchers = append(v.Matchers, m)
			}
		}
		b.Silences = append(b.Silences, v)
	}
	body, err := json.Marshal(b)
	if err != nil {
		sc.fatal("%v", err)
	}
	return &itsm.Act{Kind: itsm.ActSilences, Actor: f[0], Origin: f[0], Object: "silences/" + f[0], Body: body}
}

// TestSilencesSurviveEncoding: what a decoded state does at the end of a silence is
// what this one would have done.
func TestSilencesSurviveEncoding(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/silences.txt", "testdata/silences_pending.txt"} {
		sc := runScenario(t, file)
		sc.s.Flush()
		var one, two strings.Builder
		if err := sc.s.Encode(&one); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(strings.NewReader(one.String()), sc.s.Graph())
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Encode(&two); err != nil || one.String() != two.String() {
			t.Errorf("%s: the encoding of the decoded state differs (%v)", file, err)
		}
		if len(again.silences.alerts) != len(sc.s.silences.alerts) || len(again.silences.hushed) != len(sc.s.silences.hushed) {
			t.Errorf("%s: %d alerts and %d incidents are silenced, want %d and %d", file, len(again.silences.alerts), len(again.silences.hushed), len(sc.s.silences.alerts), len(sc.s.silences.hushed))
		}
	}
}

// TestSilencesAreBounded: what cannot be kept or read is refused, and changes nothing.
func TestSilencesAreBounded(t *testing.T) {
	t.Parallel()
	good := itsm.Silence{ID: "S", EndsAt: 1, Matchers: []itsm.SilenceMatcher{{Name: "a", Value: "b"}}}
	with := func(change func(*itsm.Silences)) itsm.Silences {
		b := itsm.Silences{Sources: []string{"am"}, Silences: []itsm.Silence{good}}
		change(&b)
		return b
	}
	for name, c := range map[string]struct {
		body itsm.Silences
		want itsm.Code
	}{
		"too many": {with(func(b *itsm.Silences) { b.Silences = slices.Repeat(b.Silences, itsm.SilencesMax+1) }), itsm.TooLarge},
		"sources":  {with(func(b *itsm.Silences) { b.Sources = make([]string, itsm.SilenceSourcesMax+1) }), itsm.TooLarge},
		"expression": {with(func(b *itsm.Silences) {
			b.Silences[0].Matchers = []itsm.SilenceMatcher{{Name: "a", Value: "(", Regex: true}}
		}), itsm.Invalid},
		"no id":       {with(func(b *itsm.Silences) { b.Silences[0].ID = "" }), itsm.Invalid},
		"one matcher": {with(func(*itsm.Silences) {}), ""},
	} {
		body, err := json.Marshal(c.body)
		if err != nil {
			t.Fatal(err)
		}
		s := New(DefaultConfig(), newWorld(t, DefaultConfig()).s.Graph())
		if o := s.actSilences(&itsm.Act{Origin: "am", Body: body}); o.Code != c.want {
			t.Errorf("%s: %+v, want code %q", name, o, c.want)
		}
	}
}
