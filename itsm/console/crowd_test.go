package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/cmdb"
)

const crowdNumber itsm.IncidentNumber = 8

// crowd adds an incident of n firing alerts on n CIs that depend on the canned
// database, and of lone alerts on CIs that depend on nothing, with lines entries
// in its timeline.
func (b *book) crowd(t testing.TB, n, lone, lines int) {
	t.Helper()
	var cis []itsm.CI
	var relations []itsm.Relation
	names := make([]string, 0, n+lone)
	for k := range n + lone {
		id := fmt.Sprintf("worker-%04d", k)
		names = append(names, id)
		cis = append(cis, itsm.CI{ID: id, Name: id, Class: "Host", Env: "prod"})
		if k < n {
			relations = append(relations, itsm.Relation{From: id, Type: "depends_on", To: cannedDB})
		}
	}
	doc, problems := cmdb.NewDoc(cis, relations)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	changes, _, problems := b.graph.Plan(doc, "crowd", false)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b.graph = b.graph.Apply(changes)

	s := script{now: itsm.TimeOf(b.clock()), graph: b.graph, alerts: b.Counts().Alerts, off: scriptOffsets}
	opened := s.ago(4 * time.Minute)
	for k, id := range names {
		s.outageAlert(crowdNumber, k, id, id+" cannot reach its database", itsm.Major, opened, false)
	}
	for k := range lines {
		s.line(crowdNumber, opened, "note", "console:mira", fmt.Sprintf("entry %d", k+1))
	}
	all := min(len(names), itsm.IncidentCIsMax)
	i := itsm.Incident{Number: crowdNumber, Title: "orders-db-1 unreachable", State: itsm.New, Impact: itsm.High, Urgency: itsm.High, ImpactBecause: "three services",
		UrgencyBecause: "critical", OpenedAt: opened, AlertCount: len(names), FiringCount: len(names), EventCount: uint64(len(names)), Severity: itsm.Major,
		CIs: slices.Clone(names[:all]), Services: []string{"svc-checkout"}}
	i.Causes = []itsm.Cause{{CI: cannedDB, ScoreMilli: 990, Because: "nearly all alerting CIs depend on it", Paths: []itsm.CausePath{{names[0], cannedDB}}}}
	s.incident(i)
	if err := b.apply(s.out); err != nil {
		t.Fatal(err)
	}
}

// What the page of an incident says of hundreds of CIs is true: all of them are
// counted, whatever of it is drawn or listed.
func TestIncidentOf300(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.book.crowd(t, 300, 4, 0)
	_, body := s.get("/incidents/" + crowdNumber.String())
	checkPage(t, s.base, body)
	got := text(parse(t, body))
	for _, want := range []string{
		"304 alerts firing",
		"Here 303 CIs depend on orders-db-1, 300 of them with firing alerts. 4 other CIs of this incident have no known path to it.",
		"299 more CIs", "and 204 more CIs",
		"296 more CIs", // a node of the wide picture stands for them
		"Reasons of the first 200 of 304 members are listed here.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// An incident of more alerts than one page reads says that it counts a part.
func TestIncidentOf3000(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.book.crowd(t, 3000, 0, 0)
	_, body := s.get("/incidents/" + crowdNumber.String())
	checkPage(t, s.base, body)
	got := text(parse(t, body))
	for _, want := range []string{"Of 3,000 alerts the newest 2,000 are counted here.", "of them with firing alerts", "at least ", "Of the newest 2,000 members:"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The page of a CI counts what fires on all it draws, not on its first neighbours only.
func TestCIOf300(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.book.crowd(t, 40, 0, 0)
	_, body := s.get("/cis/" + cannedDB)
	// Drawn are 50 direct dependants, 18 pods and 32 workers, and what leads to the services.
	if want := "50 of them with firing alerts."; !strings.Contains(text(parse(t, body)), want) {
		t.Errorf("the page lacks %q", want)
	}
	s.book.flood(t, countedMax+100, 0)
	_, body = s.get("/cis/" + cannedDB)
	if href := link(t, body, "All its alerts"); href != "" {
		t.Errorf("with four alerts the page leads to all of them at %s", href)
	}
	_, pod := s.get("/cis/cart-api-1")
	if href := link(t, pod, "All its alerts"); href != "/alerts?ci=cart-api-1&status=all" {
		t.Errorf("of a hundred alerts the rest is at %q", href)
	}
	if got := text(parse(t, body)); !strings.Contains(got, "at least ") || strings.Contains(got, "quiet") {
		t.Error("with more alerts than are counted the page says what it does not know")
	}
}

// An alert that went on to a later incident does not fire in the earlier one.
func TestFiringElsewhere(t *testing.T) {
	f := incidentFacts{Incident: itsm.Incident{Number: 1}, Alerts: []itsm.Alert{{Number: 1, Status: itsm.Firing, Incident: 2, CI: "a"}}}
	if b := viewBroken(f, inventory{}, fixedNow); len(b.Groups) > 0 || b.None != "Nothing is firing any more." {
		t.Errorf("groups %v, %q; want none", b.Groups, b.None)
	}
	f.Incident.FiringCount = 1
	if b := viewBroken(f, inventory{}, fixedNow); b.None != "1 alert is firing, none of them among those read here." {
		t.Errorf("with an alert that was not read: %q", b.None)
	}
}

// The whole timeline can be read, a page at a time, and back.
func TestTimelinePages(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.book.crowd(t, 2, 0, 2*timelineMax+7)
	path, seen := "/incidents/"+crowdNumber.String(), map[string]int{}
	for pages := 0; path != ""; pages++ {
		if pages > 3 {
			t.Fatal("the pages do not end")
		}
		resp, body := s.get(path)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", path, resp.StatusCode)
		}
		checkPage(t, s.base, body)
		for _, w := range strings.Split(text(parse(t, body)), "entry ")[1:] {
			n, _, _ := strings.Cut(w, " ")
			if on, ok := seen[n]; ok && on != pages {
				t.Errorf("entry %s stands on two pages", n)
			}
			seen[n] = pages
		}
		if newest := link(t, body, "Newest entries"); (newest == "") != (pages == 0) {
			t.Errorf("page %d leads back to %q", pages, newest)
		}
		path = link(t, body, "Older entries")
	}
	if len(seen) != 2*timelineMax+7 {
		t.Errorf("%d entries on all pages, want %d", len(seen), 2*timelineMax+7)
	}
	if resp, _ := s.get("/incidents/" + crowdNumber.String() + "?before=nonsense"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a strange cursor: status %d, want 400", resp.StatusCode)
	}
}

func BenchmarkIncidentPage(b *testing.B) {
	s := signedIn(b, fixedClock)
	s.book.crowd(b, 2000, 0, 20)
	b.Run("small", func(b *testing.B) { benchmarkIncidentPage(b, s, 4) })
	b.Run("2000 alerts", func(b *testing.B) { benchmarkIncidentPage(b, s, crowdNumber) })
}

func benchmarkIncidentPage(b *testing.B, s *site, n itsm.IncidentNumber) {
	inv := s.console.inventory()
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		f, err := s.console.incidentFacts(n, "")
		if err != nil {
			b.Fatal(err)
		}
		p := viewIncident(f, inv, access.Identity{Name: "admin", Role: access.Admin}, "key", fixedNow)
		out, err := s.console.render("incident", frame{Page: p, Here: "/", Person: "admin"})
		if err != nil {
			b.Fatal(err)
		}
		size = len(out)
	}
	b.ReportMetric(float64(size), "bytes/page")
}

// What went on to another incident is not offered for a split, and its evidence
// says where it is.
func TestMembersThatMovedOn(t *testing.T) {
	f := incidentFacts{Incident: itsm.Incident{Number: 1, AlertCount: 2},
		Alerts:   []itsm.Alert{{Number: 1, Incident: 1, Status: itsm.Firing}, {Number: 2, Incident: 7, Status: itsm.Firing}},
		Evidence: []itsm.Evidence{{Incident: 1, Alert: 1, Episode: 1, Offset: 1}, {Incident: 1, Alert: 2, Episode: 1, Offset: 2}}}
	if m := viewForms(f, inventory{}, "").Members; len(m) != 1 || m[0].Value != "ALR0000001" {
		t.Errorf("offered for a split: %+v", m)
	}
	var moved []int
	for i, w := range viewWhy(f, inventory{}, time.Time{}).First {
		for _, x := range w.Facts {
			if x.Name == "Now" {
				moved = append(moved, i)
			}
		}
	}
	if len(moved) != 1 || moved[0] != 1 {
		t.Errorf("members said to be elsewhere: %v, want the second", moved)
	}
}
