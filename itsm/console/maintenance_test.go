package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestMaintenanceForm goes the way of who plans a window: a mistake is named and
// nothing typed is lost, a preview saves nothing, and what is saved can be edited,
// ended and called off.
func TestMaintenanceForm(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	typed := url.Values{"reason": {"patch <b>night</b>"}, "starts": {"2020-03-28T02:30"}, "ends": {"2020-03-28T04:30"}, "zone": {"Europe/Berlin"}, "rrule": {"FREQ=SOMETIMES"}, "cis": {"orders-db-1\nnobody-knows"}, "labels": {"env=prod"}, "do": {"save"}}
	resp, body := s.post("/maintenance", typed)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "rrule: FREQ=SOMETIMES: expected DAILY") || !strings.Contains(body, "patch &lt;b&gt;night") {
		t.Errorf("a wrong recurrence: %d\n%.2000s", resp.StatusCode, body)
	}
	typed.Set("rrule", "FREQ=DAILY")
	typed.Set("do", "preview")
	resp, body = s.post("/maintenance", typed)
	for _, want := range []string{"What it would cover", "02:30 CE", "orders-db-1", "checkout-api-1", "nobody-knows", "Firing now on what it covers"} {
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("preview: %d, lacks %q", resp.StatusCode, want)
		}
	}
	if _, body := s.get("/maintenance"); strings.Contains(body, "patch ") {
		t.Error("a preview was saved")
	}
	typed.Set("do", "save")
	if resp, _ = s.post("/maintenance", typed); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/maintenance/MNT0000004" {
		t.Fatalf("save: %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	typed.Set("reason", "patch morning")
	if resp, _ = s.post("/maintenance/MNT0000004", typed); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("edit: %d", resp.StatusCode)
	}
	if _, body = s.get("/maintenance/MNT0000004"); !strings.Contains(body, "patch morning") || !strings.Contains(body, "nobody-knows") {
		t.Errorf("the window: %.2000s", body)
	}
	if resp, _ = s.post("/maintenance/MNT0000001/end", url.Values{}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("end: %d", resp.StatusCode)
	}
	if resp, _ = s.post("/maintenance/MNT0000001/end", url.Values{}); resp.StatusCode != http.StatusConflict {
		t.Errorf("end again: %d", resp.StatusCode)
	}
	if resp, _ = s.post("/maintenance/MNT0000004/cancel", url.Values{}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("cancel: %d", resp.StatusCode)
	}
	if resp, _ = s.post("/maintenance/MNT0000009", typed); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a window that is not there: %d", resp.StatusCode)
	}
	for _, path := range []string{"/changes?month=13", "/changes?week=soon"} {
		if resp, _ := s.get(path); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
