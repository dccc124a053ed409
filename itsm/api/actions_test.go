package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

const incident1 = "/api/v1/incidents/INC0000001"

// TestActs: what each action journals, and the answer after it.
func TestActs(t *testing.T) {
	for _, tc := range []struct {
		from   itsm.State
		action string
		body   string
		act    itsm.Act // without what every act has
		words  []string // of the answer
	}{
		{itsm.New, "acknowledge", "", itsm.Act{Kind: itsm.ActAcknowledge}, []string{`"state":"in_progress"`, `"acknowledged_by":"api:admin"`}},
		{itsm.New, "acknowledge", "{}", itsm.Act{Kind: itsm.ActAcknowledge}, []string{`"version":2`}},
		{itsm.InProgress, "unacknowledge", "", itsm.Act{Kind: itsm.ActUnacknowledge}, nil},
		{itsm.New, "resolve", "", itsm.Act{Kind: itsm.ActResolve, CloseCode: "fixed"}, []string{`"state":"resolved"`, `"close_code":"fixed"`}},
		{itsm.New, "resolve", `{"close_code":"workaround","note":"restarted"}`, itsm.Act{Kind: itsm.ActResolve, CloseCode: "workaround", Text: "restarted"}, []string{`"close_code":"workaround"`}},
		{itsm.IncidentResolved, "reopen", "", itsm.Act{Kind: itsm.ActReopen}, []string{`"state":"new"`, `"epoch":2`}},
		{itsm.New, "hold", `{"reason":" vendor "}`, itsm.Act{Kind: itsm.ActHold, Reason: "vendor"}, []string{`"state":"on_hold"`, `"hold_reason":"vendor"`}},
		{itsm.OnHold, "resume", "", itsm.Act{Kind: itsm.ActResume}, []string{`"state":"in_progress"`}},
		{itsm.New, "assign", `{"assignee":"jo"}`, itsm.Act{Kind: itsm.ActAssign, Assignee: "jo"}, []string{`"assignee":"jo"`, `"group":null`}},
		{itsm.New, "assign", `{"group":"dba"}`, itsm.Act{Kind: itsm.ActAssign, Group: "dba"}, []string{`"group":"dba"`}},
		{itsm.New, "priority", `{"priority":"P1"}`, itsm.Act{Kind: itsm.ActPriority, Priority: itsm.P1}, []string{`"priority":"P1"`, `"priority_by":"api:admin"`}},
		{itsm.New, "priority", `{"priority":null}`, itsm.Act{Kind: itsm.ActPriority}, nil},
		{itsm.New, "notes", `{"text":"looking"}`, itsm.Act{Kind: itsm.ActNote, Text: "looking"}, nil},
		{itsm.New, "merge", `{"into":"INC0000002"}`, itsm.Act{Kind: itsm.ActMerge, Into: 2}, []string{`"number":"INC0000002"`}},
		{itsm.New, "split", `{"alerts":["ALR0000001","ALR0000003","ALR0000001"]}`, itsm.Act{Kind: itsm.ActSplit, Alerts: []itsm.AlertNumber{1, 3}}, []string{`"number":"INC0000003"`, `"title":"split"`}},
		{itsm.New, "cancel", `{"note":"a test"}`, itsm.Act{Kind: itsm.ActCancel, Text: "a test"}, []string{`"state":"cancelled"`}},
	} {
		t.Run(tc.action+tc.body, func(t *testing.T) {
			w := newWorld(t)
			w.open(itsm.Incident{State: tc.from})
			w.open(itsm.Incident{})
			a := w.want(w.call("POST", incident1+"/"+tc.action, tc.body, "Idempotency-Key: k1", `If-Match: "1"`), http.StatusOK, tc.words...)
			tc.act.Incident, tc.act.Actor, tc.act.RemoteIP, tc.act.IdempotencyKey, tc.act.IfVersion = 1, "api:admin", "127.0.0.1", "k1", 1
			if d := cmp.Diff([]itsm.Act{tc.act}, w.acts); d != "" {
				t.Errorf("journaled (-want +got)\n%s", d)
			}
			if v := a.object(t)["version"]; a.header.Get("ETag") != fmt.Sprintf("%q", fmt.Sprint(v)) {
				t.Errorf("ETag %s of version %v", a.header.Get("ETag"), v)
			}
		})
	}
}

// TestWrongActs: what is refused before anything is journaled.
func TestWrongActs(t *testing.T) {
	long := strings.Repeat("x", itsm.NoteBytesMax+1)
	name := strings.Repeat("x", nameBytesMax+1)
	var many []string
	for i := range splitAlertsMax + 1 {
		many = append(many, fmt.Sprintf(`"ALR%07d"`, i+1))
	}
	w := newWorld(t)
	w.open(itsm.Incident{})
	for _, tc := range []struct {
		action, body string
		status       int
		words        []string
	}{
		{"acknowledge", `{"by":"me"}`, 400, []string{"by", "takes none"}},
		{"acknowledge", `[]`, 400, []string{"expected a JSON object"}},
		{"acknowledge", `{`, 400, []string{"not valid JSON"}},
		{"acknowledge", `null`, 400, []string{"expected a JSON object"}},
		{"resolve", `{"close_code":"done"}`, 400, []string{"close_code", "done", "workaround"}},
		{"resolve", `{"closeCode":"fixed"}`, 400, []string{"closeCode", "close_code, note"}},
		{"resolve", `{"Note":"x"}`, 400, []string{"Note", "unknown"}},
		{"resolve", `{"note":"a","note":"b"}`, 400, []string{"note", "more than once"}},
		{"resolve", `{"note":1}`, 400, []string{"note: expected a string, got number"}},
		{"resolve", `{"note":"` + long + `"}`, 413, []string{"note", "16384"}},
		{"resolve", `{"note":"x"} {"note":"y"}`, 400, []string{"follows"}},
		{"resolve", `{"note":"x"}x`, 400, []string{"follows"}},
		{"resolve", `{"note"}`, 400, []string{"not valid JSON"}},
		{"hold", ``, 400, []string{"reason", "caller, change, problem, vendor"}},
		{"hold", `{"reason":"  "}`, 400, []string{"reason"}},
		{"hold", `{"reason":"lunch"}`, 400, []string{"reason", "lunch", "vendor"}},
		{"assign", `{}`, 400, []string{"assignee, group"}},
		{"assign", `{"assignee":"` + name + `"}`, 413, []string{"assignee"}},
		{"assign", `{"group":"` + name + `"}`, 413, []string{"group"}},
		{"assign", `{"assignee":["jo"]}`, 400, []string{"assignee: expected a string"}},
		{"priority", `{}`, 400, []string{"P1"}},
		{"priority", `{"priority":""}`, 400, []string{"P1"}},
		{"priority", `{"priority":"P6"}`, 400, []string{"P1"}},
		{"priority", `{"priority":1}`, 400, []string{"priority: expected a string, got number"}},
		{"notes", `{}`, 400, []string{"text"}},
		{"notes", `{"text":" \n"}`, 400, []string{"text"}},
		{"notes", `{"text":"` + long + `"}`, 413, []string{"text", "16384"}},
		{"merge", `{}`, 400, []string{"into", "INC0000001"}},
		{"merge", `{"into":"INC2"}`, 400, []string{"into", "INC2"}},
		{"merge", `{"into":"INC0000001"}`, 400, []string{"itself"}},
		{"split", `{}`, 400, []string{"alerts"}},
		{"split", `{"alerts":[]}`, 400, []string{"alerts"}},
		{"split", `{"alerts":"ALR0000001"}`, 400, []string{"alerts: expected a list"}},
		{"split", `{"alerts":["ALR0000001","x"]}`, 400, []string{"alerts[1]", "ALR0000001"}},
		{"split", `{"alerts":[` + strings.Join(many, ",") + `]}`, 413, []string{"1001", "1000"}},
		{"cancel", `{"note":"` + long + `"}`, 413, []string{"note"}},
	} {
		w.want(w.call("POST", incident1+"/"+tc.action, tc.body), tc.status, tc.words...)
	}
	for header, word := range map[string]string{"If-Match: abc": "If-Match", `If-Match: "1", "2"`: "If-Match", "If-Match: 0": "If-Match", "If-Match: -1": "If-Match"} {
		w.want(w.call("POST", incident1+"/acknowledge", "", header), http.StatusBadRequest, word)
	}
	w.want(w.call("POST", incident1+"/acknowledge", "", "Idempotency-Key: "+strings.Repeat("k", 256)), http.StatusRequestEntityTooLarge, "Idempotency-Key")
	w.want(w.call("POST", incident1+"/notes", `{"text":"`+strings.Repeat("x", bodyBytesMax)+`"}`), http.StatusRequestEntityTooLarge, "body")
	w.want(w.send("POST", incident1+"/notes", struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", bodyBytesMax+1))}), http.StatusRequestEntityTooLarge, "body")
	if len(w.acts) != 0 {
		t.Errorf("%d acts were journaled", len(w.acts))
	}
}

func TestActOnNothing(t *testing.T) {
	w := newWorld(t)
	for _, do := range allActions() {
		body := map[string]string{"hold": `{"reason":"vendor"}`, "assign": `{"assignee":"jo"}`, "priority": `{"priority":"P1"}`, "notes": `{"text":"x"}`,
			"merge": `{"into":"INC0000002"}`, "unrelated": `{"to":"INC0000002"}`, "split": `{"alerts":["ALR0000001"]}`,
			"parent": `{"parent":null}`, "attach": `{"title":"x","url":"https://g/"}`, "detach": `{"url":"https://g/"}`, "major/reject": `{"reason":"x"}`, "major/demote": `{"reason":"x"}`}[do.name]
		w.want(w.call("POST", incident1+"/"+do.name, body), http.StatusNotFound, "INC0000001", `"code":"not_found"`)
	}
	if len(w.acts) != 0 {
		t.Errorf("%d acts were journaled for an incident that does not exist", len(w.acts))
	}
}

func TestIllegalMove(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{State: itsm.Closed})
	for _, do := range []string{"acknowledge", "resolve", "reopen", "resume", "cancel"} {
		w.want(w.call("POST", incident1+"/"+do, ""), http.StatusConflict, "closed", `"code":"conflict"`, `"status":409`)
	}
	if got := w.call("GET", incident1, "").object(t)["version"]; got != 1.0 {
		t.Errorf("version = %v after refused moves, want 1", got)
	}
}

func TestStaleIfMatch(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	first := w.want(w.call("POST", incident1+"/notes", `{"text":"a"}`), http.StatusOK)
	w.want(w.call("POST", incident1+"/notes", `{"text":"b"}`, `If-Match: "1"`), http.StatusPreconditionFailed, `"code":"stale"`)
	w.want(w.call("POST", incident1+"/notes", `{"text":"b"}`, "If-Match: "+first.header.Get("ETag")), http.StatusOK)
	w.want(w.call("POST", incident1+"/notes", `{"text":"c"}`, "If-Match: *"), http.StatusOK)
	w.want(w.call("POST", incident1+"/notes", `{"text":"d"}`, `If-Match: W/"4"`), http.StatusOK)
	w.want(w.call("POST", incident1+"/notes", `{"text":"e"}`, `If-Match: 5`), http.StatusOK)
}

func TestIdempotentRepeat(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	one := w.want(w.call("POST", incident1+"/notes", `{"text":"once"}`, "Idempotency-Key: k"), http.StatusOK)
	two := w.want(w.call("POST", incident1+"/notes", `{"text":"once"}`, "Idempotency-Key: k"), http.StatusOK)
	if one.body != two.body {
		t.Errorf("a repeat changed the incident:\n%s\n%s", one.body, two.body)
	}
	items, _ := w.call("GET", incident1+"/timeline", "").items(t)
	if len(items) != 2 { // opened and one note
		t.Errorf("%d timeline entries, want 2", len(items))
	}
}

func TestActWhileUnavailable(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	w.failWith = itsm.Errorf(itsm.Unavailable, "the disk is full")
	a := w.want(w.call("POST", incident1+"/acknowledge", ""), http.StatusServiceUnavailable, "the disk is full", `"code":"unavailable"`)
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After = %q, want 1", a.header.Get("Retry-After"))
	}
}

// TestInternalErrorsStayInside: the cause of our own fault is for the log.
func TestInternalErrorsStayInside(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	w.failWith = fmt.Errorf("open /var/lib/secret: no space")
	req, _ := http.NewRequest("POST", w.base+incident1+"/acknowledge", nil)
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := make([]byte, 1000)
	n, _ := resp.Body.Read(body)
	if resp.StatusCode != http.StatusInternalServerError || strings.Contains(string(body[:n]), "secret") || !strings.Contains(string(body[:n]), `"code":"internal"`) {
		t.Errorf("%d %s", resp.StatusCode, body[:n])
	}
}

// TestActorOfASession: a page of the console acts as the console.
func TestActorOfASession(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	id, _, err := w.gate.StartSession(responderToken, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cookie := "Cookie: " + w.gate.CookieName() + "=" + id
	w.want(w.call("POST", incident1+"/notes", `{"text":"x"}`, "Authorization: ", cookie, "Sec-Fetch-Site: same-origin"), http.StatusOK)
	if w.acts[0].Actor != "console:rita" {
		t.Errorf("actor = %s, want console:rita", w.acts[0].Actor)
	}
	w.want(w.call("POST", incident1+"/notes", `{"text":"x"}`, "Authorization: ", cookie, "Sec-Fetch-Site: cross-site"), http.StatusForbidden, "another site")
	w.want(w.call("GET", incident1, "", "Authorization: ", cookie, "Sec-Fetch-Site: cross-site"), http.StatusOK)
	w.gate.EndSession(id)
	w.want(w.call("GET", incident1, "", "Authorization: ", cookie), http.StatusUnauthorized)
}
