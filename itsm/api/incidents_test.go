package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
)

func TestIncidentAnswer(t *testing.T) {
	w := newWorld(t)
	full := fullIncident()
	w.apply(itsm.Decision{Kind: itsm.PutIncident, Incident: &full})
	a := w.want(w.call("GET", "/api/v1/incidents/INC0000012", ""), http.StatusOK, `"number":"INC0000012"`)
	if got := a.header.Get("ETag"); got != `"7"` {
		t.Errorf("ETag = %s, want \"7\"", got)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %s", got)
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers = %v", a.header)
	}
}

func TestIncidentListFilters(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{Priority: itsm.P1, CIs: []string{"db-1"}, Services: []string{"orders"}, Title: "Disk full"})
	w.open(itsm.Incident{Priority: itsm.P2, CIs: []string{"web-1"}, State: itsm.InProgress, Assignee: "jo"})
	w.open(itsm.Incident{Priority: itsm.P3, CIs: []string{"web-2"}, State: itsm.IncidentResolved, Group: "dba"})
	w.open(itsm.Incident{Priority: itsm.P4, State: itsm.Closed, Title: "x", CIs: []string{"y"}, Major: itsm.MajorIncident{State: itsm.MajorReviewed, By: "mira", At: 1, ProposedAt: 1}})
	for query, want := range map[string]string{
		"":                            "4 3 2 1",
		"major=reviewed,proposed":     "4",
		"state=new":                   "1",
		"state=new,in_progress":       "2 1",
		"state=new,,":                 "1",
		"priority=P1,p3":              "3 1",
		"ci=db-1,web-1":               "2 1",
		"service=orders":              "1",
		"assignee=jo":                 "2",
		"group=dba":                   "3",
		"q=DISK+full":                 "3 2 1", // the others' title is "disk full on db-1"
		"q=INC0000002":                "2",
		"state=new&priority=P2":       "",
		"ci=nothing":                  "",
		"state=closed&after_offset=3": "4",
		"priority=P2&priority=P2":     "2",
	} {
		items, next := w.want(w.call("GET", "/api/v1/incidents?"+query, ""), http.StatusOK).items(t)
		got := strings.ReplaceAll(strings.Join(numbersOf(items, "number"), " "), "INC000000", "")
		if got != want || next != "" {
			t.Errorf("?%s = %q, next %q, want %q", query, got, next, want)
		}
	}
}

func TestWrongQueries(t *testing.T) {
	w := newWorld(t)
	many := strings.Repeat("a,", filterMax+1)
	for query, words := range map[string][]string{
		"state=open":             {`"detail":"state \"open\": expected new`, "in_progress"},
		"priority=P9":            {"priority", "P9", "P1"},
		"priority=urgent":        {"priority", "urgent"},
		"limit=0":                {"limit", "1 to 500"},
		"limit=501":              {"limit", "501"},
		"limit=ten":              {"limit", "ten"},
		"cursor=!!":              {"cursor"},
		"cursor=AAAA":            {"cursor"},
		"q=%00":                  {"q: expected text"},
		"q=%ff":                  {"q: expected text"},
		"state=new&state=closed": {"state", "commas"},
		"after_offset=x":         {"after_offset"},
		"after_offset=-1":        {"after_offset"},
		"Limit=5":                {"Limit", "unknown"},
	} {
		w.want(w.call("GET", "/api/v1/incidents?"+query, ""), http.StatusBadRequest, append(words, `"code":"invalid"`)...)
	}
	w.want(w.call("GET", "/api/v1/incidents?ci="+many, ""), http.StatusRequestEntityTooLarge, "ci", "100")
	w.want(w.call("GET", "/api/v1/incidents?q="+strings.Repeat("x", queryBytesMax), ""), http.StatusRequestEntityTooLarge, "4096")
}

func TestIncidentPaging(t *testing.T) {
	w := newWorld(t)
	for range 7 {
		w.open(itsm.Incident{})
	}
	var got []string
	path := "/api/v1/incidents?limit=3"
	for pages := 0; path != ""; pages++ {
		items, next := w.want(w.call("GET", path, ""), http.StatusOK).items(t)
		got = append(got, numbersOf(items, "number")...)
		path = ""
		if next != "" {
			path = "/api/v1/incidents?limit=3&cursor=" + url.QueryEscape(next)
		}
		if pages == 0 {
			w.open(itsm.Incident{}) // what is new while somebody pages is not repeated
		}
		if pages > 5 {
			t.Fatal("paging does not end")
		}
	}
	want := []string{"INC0000007", "INC0000006", "INC0000005", "INC0000004", "INC0000003", "INC0000002", "INC0000001"}
	if !slices.Equal(got, want) {
		t.Errorf("pages = %v, want %v", got, want)
	}
	items, next := w.call("GET", "/api/v1/incidents", "").items(t)
	if len(items) != 8 || next != "" {
		t.Errorf("default page has %d items, next %q", len(items), next)
	}
}

func TestDefaultLimit(t *testing.T) {
	w := newWorld(t)
	for range limitDefault + 1 {
		w.open(itsm.Incident{})
	}
	if items, next := w.call("GET", "/api/v1/incidents", "").items(t); len(items) != limitDefault || next == "" {
		t.Errorf("%d items, next %q; want %d and a cursor", len(items), next, limitDefault)
	}
	if items, next := w.call("GET", "/api/v1/incidents?limit=500", "").items(t); len(items) != limitDefault+1 || next != "" {
		t.Errorf("limit=500: %d items, next %q", len(items), next)
	}
}

func TestMembers(t *testing.T) {
	w := newWorld(t)
	n := w.open(itsm.Incident{})
	for i := range 3 {
		w.raise(itsm.Alert{Number: itsm.AlertNumber(i + 1), Source: "generic", Key: itsm.KeyOf("generic", fmt.Sprint(i)), Status: itsm.Firing,
			Severity: itsm.Major, Title: "t", StartsAt: start, RaisedAt: start, LastSeenAt: start, Incident: n, Episode: 1})
	}
	for path, field := range map[string]string{"alerts": "id", "evidence": "alert"} {
		items, next := w.want(w.call("GET", "/api/v1/incidents/INC0000001/"+path+"?limit=2", ""), http.StatusOK).items(t)
		if got := numbersOf(items, field); !slices.Equal(got, []string{"ALR0000003", "ALR0000002"}) || next == "" {
			t.Errorf("%s = %v, next %q", path, got, next)
		}
		items, next = w.call("GET", "/api/v1/incidents/INC0000001/"+path+"?limit=2&cursor="+next, "").items(t)
		if got := numbersOf(items, field); !slices.Equal(got, []string{"ALR0000001"}) || next != "" {
			t.Errorf("%s, second page = %v, next %q", path, got, next)
		}
		w.want(w.call("GET", "/api/v1/incidents/INC0000002/"+path, ""), http.StatusNotFound, "INC0000002")
	}
	items, _ := w.want(w.call("GET", "/api/v1/incidents/INC0000001/timeline", ""), http.StatusOK).items(t)
	if got := numbersOf(items, "kind"); !slices.Equal(got, []string{"opened"}) {
		t.Errorf("timeline = %v", got)
	}
	w.want(w.call("GET", "/api/v1/incidents/INC0000009/timeline", ""), http.StatusNotFound)
	w.want(w.call("GET", "/api/v1/incidents/INC0000001/timeline?cursor=zz", ""), http.StatusBadRequest, "cursor")
}

// TestIDsThatAreNone: whatever is not an id is not found, and nothing of it gets
// anywhere.
func TestIDsThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	for _, id := range []string{"..%2f..%2fetc%2fpasswd", "INC1", "inc0000001", "INC00000001", "INC0000000", "INC-000001", "1", "%00", "INC0000001%00", "INC0000001%20",
		"%ff", "%zz", "INC99999999999999999999", strings.Repeat("9", 600), "ALR0000001", "*", "%3Cscript%3E", "INC٠٠٠٠٠٠١"} {
		for _, path := range []string{"/api/v1/incidents/" + id, "/api/v1/incidents/" + id + "/alerts", "/api/v1/alerts/" + id} {
			if strings.HasPrefix(path, "/api/v1/alerts/ALR") {
				continue
			}
			a := w.raw("GET", path)
			if a.status != http.StatusNotFound || a.header.Get("Content-Type") != problemJSON {
				t.Errorf("GET %s = %d %s, want a 404 problem", path, a.status, a.body)
			}
		}
		if a := w.raw("POST", "/api/v1/incidents/"+id+"/acknowledge"); a.status != http.StatusNotFound {
			t.Errorf("acknowledge %s = %d, want 404", id, a.status)
		}
	}
	for _, path := range []string{"/api/v1/../v1/incidents/INC0000001", "/api/v1/incidents/../../etc/passwd", "/api/v1//incidents"} {
		if a := w.raw("GET", path); a.status != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, a.status)
		}
	}
	if len(w.acts) != 0 {
		t.Errorf("acts were journaled: %v", w.acts)
	}
}

func TestAfterOffset(t *testing.T) {
	w := newWorld(t)
	w.api.foldedWait = time.Minute
	w.open(itsm.Incident{}) // entry 1
	w.want(w.call("GET", "/api/v1/incidents/INC0000001?after_offset=1", ""), http.StatusOK)
	go func() {
		time.Sleep(50 * time.Millisecond)
		w.open(itsm.Incident{}) // entry 2
	}()
	if items, _ := w.want(w.call("GET", "/api/v1/incidents?after_offset=2", ""), http.StatusOK).items(t); len(items) != 2 {
		t.Errorf("%d incidents, want the one that was waited for", len(items))
	}
}

func TestAfterOffsetGivesUp(t *testing.T) {
	w := newWorld(t)
	w.api.foldedWait = 50 * time.Millisecond
	a := w.want(w.call("GET", "/api/v1/alerts?after_offset=99", ""), http.StatusServiceUnavailable, "99", "not folded")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// TestHostileLabels: whatever a sender puts into a label stays inside its string.
func TestHostileLabels(t *testing.T) {
	w := newWorld(t)
	hostile := "</script><img src=x onerror=alert(1)>\"},{\"x\":\u2028\u202e\x00\xff\\"
	w.raise(itsm.Alert{Number: 1, Source: "generic", Key: "generic/1", Status: itsm.Firing, Severity: itsm.Major, Title: hostile,
		Labels: itsm.LabelsOf(map[string]string{hostile: hostile}), Annotations: itsm.LabelsOf(map[string]string{"n": hostile}),
		GeneratorURL: "javascript:alert(1)", StartsAt: start, RaisedAt: start, LastSeenAt: start})
	w.open(itsm.Incident{Title: hostile, Labels: itsm.LabelsOf(map[string]string{hostile: hostile})})
	for _, path := range []string{"/api/v1/alerts/ALR0000001", "/api/v1/alerts", "/api/v1/incidents/INC0000001", "/api/v1/incidents"} {
		a := w.want(w.call("GET", path, ""), http.StatusOK)
		a.object(t)
		if strings.ContainsAny(a.body, "<>\u2028\x00") || strings.Contains(a.body, "javascript:") {
			t.Errorf("GET %s: unescaped\n%s", path, a.body)
		}
	}
}

func BenchmarkListIncidents(b *testing.B) {
	w := newWorld(b)
	for range 60 {
		in := fullIncident()
		in.State = itsm.New
		w.open(in)
	}
	r := query{"limit": "50"}
	b.ReportAllocs()
	for b.Loop() {
		q, err := incidentQuery(r)
		if err != nil {
			b.Fatal(err)
		}
		found, err := w.desk.Incidents(q)
		if err != nil || len(found.Items) != 50 {
			b.Fatal(err, len(found.Items))
		}
		if _, err := encode(pageOf(found.Items, found.Next, viewIncident)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeIncidents(b *testing.B) {
	items := make([]itsm.Incident, 50)
	for i := range items {
		items[i] = fullIncident()
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(pageOf(items, "", viewIncident)); err != nil {
			b.Fatal(err)
		}
	}
}
