package httperr_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/httperr"
)

func TestStatus(t *testing.T) {
	for code, want := range map[itsm.Code]int{
		itsm.Invalid: 400, itsm.Unauthorized: 401, itsm.Forbidden: 403, itsm.NotFound: 404, itsm.Conflict: 409,
		itsm.Stale: 412, itsm.TooLarge: 413, itsm.Throttled: 429, itsm.Unavailable: 503, itsm.Internal: 500,
	} {
		p := httperr.ProblemOf(itsm.Errorf(code, "because"))
		if p.Status != want || p.Title != http.StatusText(want) || p.Code != string(code) {
			t.Errorf("%s: %+v, want %d", code, p, want)
		}
	}
	p := httperr.ProblemOf(errors.New("dial tcp 10.0.0.1: password"))
	if p.Status != 500 || strings.Contains(p.Detail, "10.0.0.1") {
		t.Errorf("an internal error shows its cause: %+v", p)
	}
}
