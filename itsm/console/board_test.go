package console

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// manyProblems stores n problems as people and the machine leave them behind, each
// with its incidents.
func (b *book) manyProblems(t testing.TB, n int) {
	t.Helper()
	states := itsm.ProblemStates
	var out []itsm.Decision
	for k := range n {
		number := itsm.ProblemNumber(1000 + k)
		p := itsm.Problem{Number: number, Title: fmt.Sprintf("worker-%04d: DiskFull \"%d\"", k, k), State: states[k%len(states)], Signature: "worker · DiskFull · prod", Cause: "worker", Services: []string{"svc-checkout", "svc-orders"}[:k%3],
			Tests: []itsm.ProblemTest{{Test: "excess", Text: "12 in 30 days where [2] were to be expected", Incidents: 12}}, Count: uint64(12 + k), MonthlyCost: int64(k * 7919 % 5000),
			LastAt: itsm.TimeOf(b.clock()), ProposedAt: 1, KnownError: k%4 == 0, CreatedBy: "signalbox", Version: 3}
		if k%2 == 0 {
			p.Owner, p.Team, p.Workaround, p.RootCause = "mira", "DBA", "restart it", "a leak"
		}
		if p.State == itsm.ProblemResolved {
			p.Effect = []string{itsm.EffectWatching, itsm.EffectEffective, itsm.EffectNotEffective}[k%3]
		}
		for i := range 20 {
			p.Incidents = append(p.Incidents, itsm.ProblemIncident{Number: itsm.IncidentNumber(i + 1), OpenedAt: 1_790_000_000_000, ResolvedAt: 1_790_000_900_000})
		}
		body, err := json.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, itsm.Decision{Kind: itsm.PutObject, Object: &itsm.Object{Kind: problemKind, ID: number.String(), Version: 3, Body: body}})
	}
	if err := b.apply(out); err != nil {
		t.Fatal(err)
	}
}

// TestBoardMembers: the board and the home made of the members that a list reads are
// those made of whole problems.
func TestBoardMembers(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	s.book.manyProblems(t, 200)
	who := access.Identity{Name: "mira", Role: access.Responder}
	read := func(members ...string) []itsm.Problem {
		list, _, err := nouns[itsm.Problem](s.console, desk.ObjectQuery{Kind: problemKind, Limit: desk.PageMax}, members...)
		if err != nil || len(list) < 200 {
			t.Fatalf("%d problems, %v", len(list), err)
		}
		return list
	}
	inv := s.console.inventory()
	for _, by := range []string{"", "team", "service"} {
		for _, over := range []bool{false, true} {
			if got, want := viewBoard(read(boardMembers...), by, over, inv, fixedNow), viewBoard(read(), by, over, inv, fixedNow); !reflect.DeepEqual(got, want) {
				t.Errorf("board by %q, over %v:\n%+v\nwant\n%+v", by, over, got, want)
			}
		}
	}
	if got, want := viewManage(read(boardMembers...), who, inv, fixedNow), viewManage(read(), who, inv, fixedNow); !reflect.DeepEqual(got, want) {
		t.Errorf("home:\n%+v\nwant\n%+v", got, want)
	}
}

func BenchmarkProblems(b *testing.B) {
	s := signedIn(b, fixedClock)
	s.book.manyProblems(b, 1000)
	for _, bb := range []struct {
		name, template string
		page           func([]itsm.Problem) page
	}{
		{"board", "problems", func(l []itsm.Problem) page { return viewBoard(l, "", false, s.console.inventory(), fixedNow) }},
		{"by service", "problems", func(l []itsm.Problem) page { return viewBoard(l, "service", false, s.console.inventory(), fixedNow) }},
		{"home", "homeproblems", func(l []itsm.Problem) page {
			return viewManage(l, access.Identity{Role: access.Admin}, s.console.inventory(), fixedNow)
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, _, err := s.console.problemList(access.Identity{Role: access.Admin})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.console.render(bb.template, frame{Page: bb.page(list), Here: "/", Person: "admin"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
