package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"signalbox/itsm"
)

func TestAlertList(t *testing.T) {
	w := newWorld(t)
	n := w.open(itsm.Incident{})
	base := itsm.Alert{Severity: itsm.Major, StartsAt: start, RaisedAt: start, LastSeenAt: start, Episode: 1}
	one, two, three := base, base, base
	one.Number, one.Source, one.Key, one.Status, one.CI, one.Title, one.Incident = 1, "generic", "generic/a", itsm.Firing, "db-1", "disk full", n
	two.Number, two.Source, two.Key, two.Status, two.EndsAt, two.Title = 2, "alertmanager", "alertmanager/b", itsm.Resolved, start, "high latency"
	three.Number, three.Source, three.Key, three.Status, three.Provisional, three.Title = 3, "generic", "generic/c", itsm.Firing, "host:web-9", "cpu"
	w.raise(one, two, three)
	for query, want := range map[string]string{
		"":                               "3 2 1",
		"status=firing":                  "3 1",
		"status=firing,resolved":         "3 2 1",
		"source=alertmanager":            "2",
		"ci=db-1":                        "1",
		"incident=INC0000001":            "1",
		"q=LATENCY":                      "2",
		"status=resolved&source=generic": "",
		"limit=1":                        "3",
	} {
		items, next := w.want(w.call("GET", "/api/v1/alerts?"+query, ""), http.StatusOK).items(t)
		got := strings.ReplaceAll(strings.Join(numbersOf(items, "id"), " "), "ALR000000", "")
		if got != want || (next != "") != (query == "limit=1") {
			t.Errorf("?%s = %q, next %q, want %q", query, got, next, want)
		}
	}
	w.want(w.call("GET", "/api/v1/alerts/ALR0000002", ""), http.StatusOK, `"ends_at":"2026-11-03T09:00:00.000Z"`, `"incident":null`, `"ci":null`)
	w.want(w.call("GET", "/api/v1/alerts/ALR0000009", ""), http.StatusNotFound, "ALR0000009")
	w.want(w.call("GET", "/api/v1/alerts?status=ended", ""), http.StatusBadRequest, "status", "ended", "firing or resolved")
	w.want(w.call("GET", "/api/v1/alerts?incident=7", ""), http.StatusBadRequest, "incident", "INC0000001")
}

// TestMembersThatMovedOn: an alert that was in an incident before is listed there
// and marked, and in the one that it is in now it is not.
func TestMembersThatMovedOn(t *testing.T) {
	w := newWorld(t)
	first, second := w.open(itsm.Incident{}), w.open(itsm.Incident{})
	stays := itsm.Alert{Number: 1, Source: "generic", Key: "generic/1", Status: itsm.Firing, Severity: itsm.Major, Title: "a", Incident: first, Episode: 1, StartsAt: start, RaisedAt: start, LastSeenAt: start}
	moves := stays
	moves.Number, moves.Key = 2, "generic/2"
	w.raise(stays, moves)
	moves.Incident, moves.Episode = second, 2
	w.raise(moves)
	for path, want := range map[string]string{"INC0000001": "ALR0000002 true, ALR0000001 false", "INC0000002": "ALR0000002 false"} {
		items, _ := w.want(w.call("GET", "/api/v1/incidents/"+path+"/alerts", ""), http.StatusOK).items(t)
		var got []string
		for _, i := range items {
			got = append(got, fmt.Sprint(i["id"], " ", i["moved_on"]))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("alerts of %s: %s; want %s", path, s, want)
		}
	}
}
