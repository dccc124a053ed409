package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"signalbox/itsm"
)

func TestProcessActs(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	for _, tc := range []struct {
		action, body string
		want         itsm.Act
	}{
		{"parent", `{"parent":"INC0000002"}`, itsm.Act{Kind: itsm.ActParent, Into: 2}},
		{"parent", `{"parent":null}`, itsm.Act{Kind: itsm.ActParent}},
		{"watch", ``, itsm.Act{Kind: itsm.ActWatch, Assignee: "admin"}},
		{"unwatch", `{"who":"ann"}`, itsm.Act{Kind: itsm.ActUnwatch, Assignee: "ann"}},
		{"major/propose", `{"reason":"every shop"}`, itsm.Act{Kind: itsm.ActMajorPropose, Text: "every shop"}},
		{"major/accept", ``, itsm.Act{Kind: itsm.ActMajorAccept}},
		{"major/reject", `{"reason":"one shop"}`, itsm.Act{Kind: itsm.ActMajorReject, Text: "one shop"}},
		{"major/demote", `{"reason":"over"}`, itsm.Act{Kind: itsm.ActMajorDemote, Text: "over"}},
		{"review/done", ``, itsm.Act{Kind: itsm.ActReviewDone}},
	} {
		w.call("POST", incident1+"/"+tc.action, tc.body)
		got := w.acts[len(w.acts)-1]
		if got.Kind != tc.want.Kind || got.Into != tc.want.Into || got.Assignee != tc.want.Assignee || got.Text != tc.want.Text || got.Incident != 1 {
			t.Errorf("%s %s journaled %+v", tc.action, tc.body, got)
		}
	}
	w.call("POST", incident1+"/attach", `{"title":" Graph ","url":"https://g.example/1"}`)
	var l itsm.Attachment
	if err := json.Unmarshal(w.acts[len(w.acts)-1].Body, &l); err != nil || l.Title != "Graph" || l.URL != "https://g.example/1" {
		t.Errorf("attach journaled %+v, %v", l, err)
	}
}

func TestRefusedProcessActs(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	for _, tc := range []struct {
		method, path, body string
		status             int
		word               string
	}{
		{"POST", "parent", `{}`, 400, "parent"},
		{"POST", "parent", `{"parent":"INC2"}`, 400, "INC0000001"},
		{"POST", "watch", `{"who":" "}`, 400, "who"},
		{"POST", "watch", `{"who":"` + strings.Repeat("x", 121) + `"}`, 413, "who"},
		{"POST", "attach", `{"title":"x","url":"javascript:alert(1)"}`, 400, "url"},
		{"POST", "attach", `{"title":"x","url":"https://u:p@g.example/"}`, 400, "password"},
		{"POST", "attach", `{"url":"https://g.example/"}`, 400, "title"},
		{"POST", "detach", `{}`, 400, "url"},
		{"POST", "major/reject", `{}`, 400, "reason"},
		{"POST", "major/demote", `{"reason":" "}`, 400, "reason"},
		{"PUT", "review", `{"blame":"x"}`, 400, "summary"},
		{"PUT", "review", `{"causes":"` + strings.Repeat("x", itsm.ReviewTextMax+1) + `"}`, 413, "causes"},
		{"GET", "review/export?format=pdf", "", 400, "markdown"},
	} {
		w.want(w.call(tc.method, incident1+"/"+tc.path, tc.body), tc.status, tc.word)
	}
	if len(w.acts) != 0 {
		t.Errorf("%d acts were journaled", len(w.acts))
	}
}

// The review has a version of its own, and it is the fold that compares it.
func TestReviewIfMatch(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{Version: 7})
	if got := w.want(w.call("GET", incident1+"/review", ""), http.StatusOK).header.Get("ETag"); got != `"0"` {
		t.Errorf("ETag of the draft %s, want \"0\"", got)
	}
	for _, tc := range []struct {
		body, header string
		want         string
	}{
		{`{"causes":"x"}`, "", "any"},
		{`{"causes":"x"}`, "If-Match: *", "any"},
		{`{"causes":"x"}`, `If-Match: "0"`, "0"},
		{`{"causes":"x"}`, `If-Match: W/"3"`, "3"},
		{`{"causes":"x","version":2}`, "", "2"},
		{`{"causes":"x","version":2}`, `If-Match: "3"`, "3"},
	} {
		w.call("PUT", incident1+"/review", tc.body, tc.header)
		a := w.acts[len(w.acts)-1]
		var c itsm.ReviewChange
		if err := json.Unmarshal(a.Body, &c); err != nil {
			t.Fatal(err)
		}
		got := "any"
		if c.Version != nil {
			got = strconv.FormatUint(*c.Version, 10)
		}
		if got != tc.want || a.IfVersion != 0 || a.Kind != itsm.ActReview {
			t.Errorf("%s with %q journaled version %s and if_version %d, want %s and 0", tc.body, tc.header, got, a.IfVersion, tc.want)
		}
	}
	w.want(w.call("PUT", incident1+"/review", `{"causes":"x"}`, `If-Match: "x"`), http.StatusBadRequest, "If-Match")
	w.want(w.call("POST", incident1+"/review/done", ``, `If-Match: "0"`), http.StatusBadRequest, "If-Match")
}

func TestReviewIsADraftFirst(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	w.want(w.call("GET", incident1+"/review", ""), http.StatusOK, `"draft":true`, "disk full on db-1")
	a := w.want(w.call("GET", incident1+"/review/export?format=html", ""), http.StatusOK, "<h2>Impact</h2>")
	if got := a.header.Get("Content-Disposition"); got != `attachment; filename="INC0000001-review.html"` {
		t.Errorf("Content-Disposition %q", got)
	}
	if got := a.header.Get("Content-Security-Policy"); !strings.Contains(got, "sandbox") {
		t.Errorf("Content-Security-Policy %q", got)
	}
}

// A document of a review is text, whichever markup it has.
func init() {
	for _, kind := range []string{"text/markdown", "text/html"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.PlainBodyDecoder)
	}
}
