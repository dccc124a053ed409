package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/rules"
	"signalbox/rules/book"
)

// bookcase is a rule book in memory that saves and activates as the engine does.
type bookcase struct {
	blobs map[string][]byte
	head  book.Head
}

func (s *bookcase) Blob(name string) ([]byte, error) {
	if b, ok := s.blobs[name]; ok {
		return b, nil
	}
	return nil, itsm.Errorf(itsm.NotFound, "no blob %s", name)
}

func (s *bookcase) put(h book.Head, blobs []desk.Blob) {
	s.head = h
	for _, b := range blobs {
		s.blobs[b.Name] = b.Value
	}
}

func (s *bookcase) Book() *book.Book { return book.Open(s) }

func (s *bookcase) SaveRules(_ context.Context, files []rules.File, actor, note string) (book.Revision, error) {
	r, _ := book.Describe(book.Revision{Number: s.head.Last + 1, Author: actor, Note: note, SavedAt: start, Files: files})
	s.put(book.Save(s.head, r))
	return s.Book().Revision(r.Number)
}

func (s *bookcase) ActivateRules(_ context.Context, n uint64, actor, note string) (book.Revision, error) {
	r, err := s.Book().Revision(n)
	if err != nil {
		return r, err
	}
	if r.State == book.Draft || r.State == book.Active {
		return r, itsm.Errorf(itsm.Conflict, "revision %d is %s", n, r.State)
	}
	s.put(book.Activate(s.head, book.Activation{Revision: n, At: start, Actor: actor, Note: note}))
	return s.Book().Revision(n)
}

const (
	goodRules   = `{"files": [{"name": "a.yaml", "body": "id: a\nabout: names the team\nincident: {labels: {team: shop}}\n"}], "note": "first"}`
	brokenRules = `{"files": [{"name": "a.yaml", "body": "id: a\nabout: x\nwhen: lables.x == \"\"\nroute: none\n"}]}`
)

func TestRules(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rules = &bookcase{blobs: map[string][]byte{}} })
	if a := w.want(w.call("GET", "/api/v1/rules", ""), http.StatusOK).object(t); a["active"] != nil || a["last_revision"] != 0.0 {
		t.Errorf("an empty book: %v", a)
	}
	saved := w.want(w.call("PUT", "/api/v1/rules", goodRules), http.StatusOK).object(t)
	if saved["revision"] != 1.0 || saved["state"] != "checked" || saved["author"] != "api:admin" || saved["note"] != "first" {
		t.Errorf("saved %v", saved)
	}
	draft := w.want(w.call("PUT", "/api/v1/rules", brokenRules), http.StatusOK).object(t)
	problem, _ := draft["problems"].([]any)[0].(map[string]any)
	if draft["state"] != "draft" || problem["line"] != 3.0 || !strings.Contains(problem["message"].(string), "did you mean labels?") {
		t.Errorf("draft %v", draft)
	}
	w.want(w.call("POST", "/api/v1/rules/2/activate", ""), http.StatusConflict)
	w.want(w.call("POST", "/api/v1/rules/7/activate", ""), http.StatusNotFound)
	if a := w.want(w.call("POST", "/api/v1/rules/1/activate", `{"note": "go"}`), http.StatusOK).object(t); a["state"] != "active" {
		t.Errorf("activated %v", a)
	}
	if a := w.want(w.call("GET", "/api/v1/rules", ""), http.StatusOK).object(t); a["active"].(map[string]any)["revision"] != 1.0 {
		t.Errorf("active %v", a)
	}
	w.want(w.call("GET", "/api/v1/rules/revisions/2", ""), http.StatusOK)
	w.want(w.call("GET", "/api/v1/rules/revisions/x", ""), http.StatusNotFound)
	one := w.want(w.call("GET", "/api/v1/rules/revisions?limit=1", ""), http.StatusOK).object(t)
	two := w.want(w.call("GET", "/api/v1/rules/revisions?limit=1&cursor="+one["next_cursor"].(string), ""), http.StatusOK).object(t)
	if two["items"].([]any)[0].(map[string]any)["revision"] != 1.0 || two["next_cursor"] != "" {
		t.Errorf("second page %v", two)
	}
	if as := w.want(w.call("GET", "/api/v1/rules/activations", ""), http.StatusOK).object(t)["items"].([]any); len(as) != 1 {
		t.Errorf("activations %v", as)
	}
	w.want(w.call("GET", "/api/v1/rules/activations?cursor=x", ""), http.StatusBadRequest)
}

func TestCheckRulesKeepsNothing(t *testing.T) {
	s := &bookcase{blobs: map[string][]byte{}}
	w := newWorld(t, func(o *Options) { o.Rules = s })
	a := w.want(w.call("POST", "/api/v1/rules/check", brokenRules), http.StatusOK).object(t)
	if len(a["problems"].([]any)) != 1 || len(s.blobs) != 0 {
		t.Errorf("%v, kept %d", a, len(s.blobs))
	}
	w.want(w.call("POST", "/api/v1/rules/check", `{}`), http.StatusBadRequest)
	w.want(w.call("PUT", "/api/v1/rules", `{"file": []}`), http.StatusBadRequest)
	w.want(w.call("PUT", "/api/v1/rules", goodRules, "Authorization: Bearer "+viewerToken), http.StatusForbidden)
	w.want(w.call("POST", "/api/v1/rules/check", goodRules, "Authorization: Bearer "+viewerToken), http.StatusOK)
}
