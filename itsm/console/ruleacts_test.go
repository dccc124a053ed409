package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signalbox/rules"
)

// edited is the editor's form for the canned newest revision with one more file.
func edited(do, body string) url.Values {
	return url.Values{"base": {"4"}, "from": {"4"}, "do": {do}, "note": {"because of Monday"}, "name": {"a.yaml"}, "body": {body}}
}

const goodRule = "id: a\r\nabout: keeps quiet\r\nsuppress: mute\r\n"

func TestFirstRulesWork(t *testing.T) {
	set, ps := rules.Compile(firstRules)
	if set == nil || len(ps) > 0 || len(set.Rules()) != 1 || !set.Rules()[0].Shadow {
		t.Errorf("the editor begins with %v, want one rule in shadow mode and no problem", ps)
	}
}

// A rule's page says what counts as failed only where something did.
func TestFailedText(t *testing.T) {
	for _, c := range []struct {
		stage   rules.Stage
		n, late uint64
		want    string
	}{
		{rules.Route, 0, 0, "0 times"},
		{rules.Route, 1, 0, "1 time: it names no connector that is configured, or could not be evaluated"},
		{rules.Suppress, 3, 0, "3 times: it could not be evaluated, or cost too much"},
		{rules.Suppress, 3, 3, "3 times: the rules had cost what they may about one alert or in a minute"},
		{rules.Suppress, 3, 2, "3 times, 2 of them because the rules had cost what they may about one alert or in a minute"},
	} {
		if got := failedText(c.stage, &RuleCount{Failures: c.n, Late: c.late}); got != c.want {
			t.Errorf("failedText(%v, %d, %d) = %q, want %q", c.stage, c.n, c.late, got, c.want)
		}
	}
}

// From the editor to an active rule: checked, saved, seen as a difference, activated.
func TestRulesAreSavedAndActivated(t *testing.T) {
	s := signedIn(t, fixedClock)
	if _, body := s.post("/rules/edit", edited("check", "id: a\nabout: x\nwhen: ci.teir == 1\nsuppress: mute\n")); !strings.Contains(body, "did you mean ci.tier") || !strings.Contains(body, `<li class="bad"><span class="ln">3</span>`) {
		t.Error("a mistyped name is not said at its line")
	}
	resp, _ := s.post("/rules/edit", edited("save", goodRule))
	if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != "/rules/revisions/5" {
		t.Fatalf("saved: status %d to %q, want 303 to revision 5", resp.StatusCode, got)
	}
	r, err := s.book.Book().Revision(5)
	if err != nil || r.Author != "console:admin" || r.Note != "because of Monday" || r.Files[0].Body != strings.ReplaceAll(goodRule, "\r", "") {
		t.Errorf("revision 5 is %+v, %v", r, err)
	}
	if n, _ := s.book.activeRules(); n != 3 {
		t.Errorf("saving activated revision %d", n)
	}
	if _, body := s.get("/rules/revisions/5/activate"); !strings.Contains(body, "<ins>+ id: a") || !strings.Contains(body, `name="active" value="3"`) {
		t.Error("the page that asks does not show the difference")
	}
	if resp, _ := s.post("/rules/revisions/5/activate", url.Values{"active": {"3"}, "note": {"go"}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("activate: status %d, want 303", resp.StatusCode)
	}
	if n, _ := s.book.activeRules(); n != 5 {
		t.Errorf("active is revision %d, want 5", n)
	}
	if resp, _ := s.post("/rules/revisions/3/activate", url.Values{"active": {"5"}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("roll back: status %d, want 303", resp.StatusCode)
	}
	if _, body := s.get("/rules/history"); !strings.Contains(body, "rolled back") {
		t.Error("the history does not tell of the roll-back")
	}
}

// What somebody else did meanwhile refuses the act and keeps what was typed.
func TestStaleRules(t *testing.T) {
	s := signedIn(t, fixedClock)
	if _, err := s.book.SaveRules(t.Context(), cannedRules[:2], "console:mira", "mine first"); err != nil {
		t.Fatal(err)
	}
	resp, body := s.post("/rules/edit", edited("save", goodRule))
	if resp.StatusCode != http.StatusConflict || !strings.Contains(body, "keeps quiet") || !strings.Contains(body, "mine first") || !strings.Contains(body, "because of Monday</textarea>") || !strings.Contains(body, `name="base" value="5"`) {
		t.Errorf("saving over another's revision: status %d, want 409, the text, the note and what came between", resp.StatusCode)
	}
	if h, _ := s.book.Book().Head(); h.Last != 5 {
		t.Errorf("the newest revision is %d, want 5", h.Last)
	}
	resp, body = s.post("/rules/revisions/4/activate", url.Values{"active": {"1"}, "note": {"friday"}})
	if resp.StatusCode != http.StatusConflict || !strings.Contains(body, "friday</textarea>") {
		t.Errorf("activating on top of what was not seen: status %d, want 409 and the note kept", resp.StatusCode)
	}
	if resp, _ := s.post("/rules/revisions/2/activate", url.Values{"active": {"3"}}); resp.StatusCode != http.StatusConflict {
		t.Errorf("activating a draft with problems: status %d, want 409", resp.StatusCode)
	}
	if n, _ := s.book.activeRules(); n != 3 {
		t.Errorf("active is revision %d, want 3 as before", n)
	}
}

func TestEditorFiles(t *testing.T) {
	s := signedIn(t, fixedClock)
	if _, body := s.post("/rules/edit", edited("add", goodRule)); !strings.Contains(body, `value="rules-1.yaml"`) || !strings.Contains(body, "keeps quiet") {
		t.Error("adding a file lost what was typed or added nothing")
	}
	if _, body := s.post("/rules/edit", edited("remove.1", goodRule)); strings.Contains(body, "keeps quiet") {
		t.Error("the file is still there")
	}
	resp, body := s.post("/rules/edit", func() url.Values { f := edited("try", goodRule); f.Set("alert", "alr0000010"); return f }())
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "1 rule matches, of what you typed.") {
		t.Errorf("trying what was typed: status %d", resp.StatusCode)
	}
	resp, body = s.post("/rules/check", edited("", "id: a\nabout: x\nwhen: ci.teir == 1\nsuppress: mute\n"))
	var got checkAnswer
	if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != http.StatusOK || got.Good || len(got.Problems) != 1 || got.Problems[0].File != 1 || got.Problems[0].Line != 3 {
		t.Errorf("check: status %d, %+v, %v; want one problem in line 3 of file 1", resp.StatusCode, got, err)
	}
}

func TestViewersOnlyLookAtRules(t *testing.T) {
	s := serve(t, fixedClock)
	s.post("/sign-in", url.Values{"token": {"viewer"}})
	for _, p := range []string{"/rules", "/rules/revisions/4", "/rules/history"} {
		if _, body := s.get(p); strings.Contains(body, "/activate") || strings.Contains(body, "/rules/edit") {
			t.Errorf("%s offers a viewer what only admins may", p)
		}
	}
	for _, r := range []string{"/rules/edit", "/rules/revisions/4/activate"} {
		if resp, _ := s.post(r, edited("save", goodRule)); resp.StatusCode != http.StatusForbidden {
			t.Errorf("a viewer posts to %s: status %d, want 403", r, resp.StatusCode)
		}
	}
}

func TestRuleWords(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/rules/words")
	for _, want := range []string{`"name":"ci.tier"`, `"name":"namespace","values":["shop"]`} {
		if !strings.Contains(body, want) {
			t.Errorf("the words lack %s", want)
		}
	}
}

// A name that no source or connector has is a warning where rules are typed, and on
// the page of a revision, which was saved without knowing.
func TestUnknownNamesAreWarnedOf(t *testing.T) {
	s := signedIn(t, fixedClock)
	const body = "id: elsewhere\nabout: x\nsources: [nagios]\nroute: {to: [opsgenie]}\n"
	_, answer := s.post("/rules/check", edited("", body))
	for _, want := range []string{"nagios", "opsgenie"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the check does not warn of %s: %s", want, answer)
		}
	}
	r, err := s.book.SaveRules(t.Context(), []rules.File{{Name: "a.yaml", Body: body}}, "console:ann", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{revisionHref(r.Number), revisionHref(r.Number) + "/activate"} {
		if _, page := s.get(path); !strings.Contains(text(parse(t, page)), "nagios") || !strings.Contains(text(parse(t, page)), "opsgenie") {
			t.Errorf("%s does not warn", path)
		}
	}
}
