package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestConfigureConnectors(t *testing.T) {
	t.Parallel()
	s := serve(t, fixedClock)
	ada := s.as("ada")
	version := func() string {
		t.Helper()
		_, body := ada.get(keptHref)
		_, after, _ := strings.Cut(body, `name="version" value="`)
		v, _, _ := strings.Cut(after, `"`)
		return v
	}
	send := func(do, text, version string) (int, string) {
		t.Helper()
		resp, body := ada.post(keptHref, url.Values{"do": {do}, "text": {text}, "version": {version}, "kind": {"email"}})
		return resp.StatusCode, body
	}
	wrong := "connectors:\n  <b>chat</b>:\n    kind: slakc\n"
	if status, body := send("check", wrong, version()); status != http.StatusOK || !strings.Contains(body, "Not right yet") || !strings.Contains(body, "line 3: connectors.chat.kind") || !strings.Contains(body, "&lt;b&gt;chat") || strings.Contains(body, "<b>chat") {
		t.Errorf("checked: %d", status)
	}
	if status, body := send("save", wrong, version()); status != http.StatusBadRequest || !strings.Contains(body, "kind: slakc") {
		t.Errorf("saved with a mistake: %d", status)
	}
	if status, body := send("add", "", version()); status != http.StatusOK || !strings.Contains(body, "connectors:\n  mail:\n    kind: email") {
		t.Errorf("an example in an empty document: %d", status)
	}
	if status, body := send("save", "connectors: {}\n", "older"); status != http.StatusConflict || !strings.Contains(body, "somebody saved connectors") || !strings.Contains(body, "connectors: {}") {
		t.Errorf("over somebody else's: %d", status)
	}
	if status, _ := send("save", "connectors: {}\r\n", version()); status != http.StatusSeeOther {
		t.Errorf("saved: %d", status)
	}
	if _, body := ada.get(keptHref); !strings.Contains(body, "\nconnectors: {}\n</textarea>") {
		t.Error("what was saved is not shown")
	}

	secret := func(v url.Values) (int, string) {
		resp, body := ada.post(keptHref+"/secrets", v)
		return resp.StatusCode, body
	}
	if status, _ := secret(url.Values{"name": {"pd"}, "value": {"s3cret"}}); status != http.StatusSeeOther {
		t.Errorf("a secret: %d", status)
	}
	if _, body := ada.get(keptHref); !strings.Contains(body, ">pd<") || strings.Contains(body, "s3cret") {
		t.Error("the secret's name is not listed, or its value is")
	}
	if status, body := secret(url.Values{"name": {"pd"}, "value": {" "}}); status != http.StatusBadRequest || !strings.Contains(body, "expected the secret itself") || !strings.Contains(body, `value="pd"`) {
		t.Errorf("no secret: %d", status)
	}
	if status, body := secret(url.Values{"name": {"slack_bot"}, "do": {"remove"}}); status != http.StatusBadRequest || !strings.Contains(body, "is used by a connector") {
		t.Errorf("a used one is removed: %d", status)
	}
	if status, _ := secret(url.Values{"name": {"old_pager"}, "do": {"remove"}}); status != http.StatusSeeOther {
		t.Errorf("removed: %d", status)
	}
	resp, body := ada.post(keptHref+"/restart", url.Values{})
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "The server starts again") || resp.Header.Get("Refresh") != "6; url=/connectors" {
		t.Errorf("restart: %d %q", resp.StatusCode, resp.Header.Get("Refresh"))
	}
	if _, body := s.as("jo").get("/connectors"); strings.Contains(body, keptHref) {
		t.Error("a responder is offered what only administrators may do")
	}
}
