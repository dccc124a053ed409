package correlate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
)

// problemActOf reads an act on a problem; a bare number names it.
func (sc *scenario) problemActOf(verb string, f []string) *itsm.Act {
	a := &itsm.Act{Kind: itsm.ActKind(verb), Actor: "console:ann"}
	var b itsm.ProblemBody
	incidents := func(v string) (out []string) {
		for _, n := range strings.Split(v, ",") {
			out = append(out, sc.number(n).String())
		}
		return out
	}
	for n, w := range f {
		k, v, pair := strings.Cut(w, "=")
		if n == 0 && !pair {
			a.Object = itsm.ProblemNumber(sc.number(w)).String()
			continue
		}
		v = strings.ReplaceAll(v, "_", " ")
		switch k {
		case "by":
			a.Actor = v
		case "reason":
			b.Reason = v
		case "into":
			b.Into = itsm.ProblemNumber(sc.number(v)).String()
		case "owner":
			b.Owner = v
		case "team":
			b.Team = v
		case "title":
			b.Title = v
		case "state":
			b.State = itsm.ProblemState(strings.ReplaceAll(v, " ", "_"))
		case "text":
			b.Text = v
		case "known":
			b.Known = v == "true"
		case "incidents":
			b.Incidents = incidents(v)
		case "changes":
			b.Changes = strings.Split(v, ",")
		case "ifversion":
			a.IfVersion = uint64(sc.number(v))
		case "key":
			a.IdempotencyKey = v
		default:
			sc.fatal("act on a problem: unknown word %q", w)
		}
	}
	body, err := json.Marshal(b)
	if err != nil {
		sc.fatal("%v", err)
	}
	a.Body = body
	return a
}

func (sc *scenario) wantProblem(f []string) {
	if f[0] == "log" {
		var got []string
		for _, k := range sortedKeys(sc.objects) {
			var n itsm.ProblemNote
			if o := sc.objects[k]; strings.HasPrefix(k, "problem.log "+itsm.ProblemNumber(sc.number(f[1])).String()+"/") && json.Unmarshal(o.Body, &n) == nil {
				got = append(got, strings.ReplaceAll(n.Kind, " ", "_"))
			}
		}
		if !slices.Equal(got, f[2:]) {
			sc.errorf("log of problem %s: got %v, want %v", f[1], got, f[2:])
		}
		return
	}
	number := itsm.ProblemNumber(sc.number(f[0])).String()
	o, ok := sc.objects["problem "+number]
	if !ok {
		sc.fatal("there is no problem %s", number)
	}
	var p itsm.Problem
	if err := json.Unmarshal(o.Body, &p); err != nil {
		sc.fatal("%v", err)
	}
	var tests, texts, list []string
	for _, t := range p.Tests {
		tests, texts = append(tests, t.Test), append(texts, t.Text)
	}
	for _, i := range p.Incidents {
		list = append(list, i.Number.String()[len("INC00000"):])
	}
	sc.compare("problem "+f[0], map[string]string{"title": p.Title, "state": string(p.State), "signature": p.Signature, "signatures": fmt.Sprint(len(p.Signatures)),
		"cause": p.Cause, "class": p.Class, "env": p.Env, "services": strings.Join(p.Services, ","), "tests": strings.Join(tests, ","), "because": strings.Join(texts, "; "),
		"count": fmt.Sprint(p.Count), "incidents": strings.Join(list, ","), "cost": fmt.Sprint(p.MonthlyCost), "owner": p.Owner, "team": p.Team, "root": p.RootCause,
		"workaround": p.Workaround, "known": fmt.Sprint(p.KnownError), "changes": strings.Join(p.Changes, ","), "reason": p.Reason, "into": p.MergedInto,
		"effect": p.Effect, "effect_text": p.EffectText, "effect_at": clock(p.EffectAt), "version": fmt.Sprint(p.Version), "accepted_by": p.AcceptedBy}, f[1:])
}
