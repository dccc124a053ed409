package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// acme is a connector to a partner that makes another record with each create and
// finds them by a key, and everything that can be done wrong with it.
type acme struct {
	url  string
	http *http.Client
	made *connectors.Creations // of changes and problems

	noLook    bool // it creates again without looking
	noLag     bool // it takes a miss for a proof
	noCheck   bool // it believes whatever a search shows
	swallows  bool // it says that a refusal went well
	noNotes   bool // it adds a note again without looking
	forgetful bool // it does not tell that a record is resolved
}

type ticket struct{ ID, Key, Title, State, Text string }

func (c *acme) Name() string { return Name }

func (c *acme) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	if in.Object != "" {
		return connectors.Receipt{}, c.pushObject(ctx, &in)
	}
	key := in.Incident.String() + "/" + string(rune('0'+in.Epoch))
	first, last := connectors.TriedAt(ctx)
	if in.Transition == itsm.Trigger {
		if !last.IsZero() && !c.noLook {
			if id, err := c.find(ctx, key); err != nil || id != "" {
				return connectors.Receipt{}, err
			}
			if wait := time.Minute - time.Since(last); wait > 0 && !c.noLag {
				return connectors.Receipt{}, connectors.Retry(wait, "it may not be seen yet")
			}
		}
		return connectors.Receipt{}, c.call(ctx, "POST", "/tickets", ticket{Key: key, Title: in.Snapshot.Title}, nil)
	}
	id, err := c.find(ctx, key)
	switch {
	case err != nil:
		return connectors.Receipt{}, err
	case id == "" && (first.IsZero() || time.Since(first) < 10*time.Minute):
		return connectors.Receipt{}, connectors.Retry(0, "no ticket yet")
	case id == "":
		return connectors.Receipt{}, &connectors.TerminalError{Status: 404, Detail: "no ticket"}
	}
	switch in.Transition {
	case itsm.Note:
		if there, err := c.noted(ctx, id, in.Text); err != nil || there && !last.IsZero() && !c.noNotes {
			return connectors.Receipt{}, err
		}
		return connectors.Receipt{}, c.call(ctx, "POST", "/tickets/"+id+"/notes", in.Text, nil)
	case itsm.Resolve:
		if c.forgetful {
			return connectors.Receipt{}, nil
		}
		return connectors.Receipt{}, c.call(ctx, "PUT", "/tickets/"+id, ticket{State: "resolved"}, nil)
	case itsm.Acknowledge:
		return connectors.Receipt{}, c.call(ctx, "PUT", "/tickets/"+id, ticket{State: "acknowledged"}, nil)
	}
	return connectors.Receipt{}, c.call(ctx, "PUT", "/tickets/"+id, ticket{Title: in.Snapshot.Title}, nil)
}

// pushObject brings the ticket of a change or a problem to how that is.
func (c *acme) pushObject(ctx context.Context, in *itsm.Intent) error {
	var is struct{ Title, State string }
	if err := json.Unmarshal(in.Body, &is); err != nil {
		return err
	}
	t := ticket{Key: in.Object, Title: in.Object + " " + is.Title, Text: string(in.Body)}
	switch is.State {
	case "planned", "new":
	case "in_progress", "root_cause_analysis", "fix_in_progress":
		t.State = "acknowledged"
	default:
		t.State = "resolved"
	}
	if c.forgetful && t.State == "resolved" {
		return nil
	}
	id, err := c.find(ctx, in.Object)
	switch {
	case err != nil:
		return err
	case id != "" && !c.noLook:
		return c.call(ctx, "PUT", "/tickets/"+id, t, nil)
	}
	if err := c.made.Missed(in, in.Object); err != nil && !c.noLag && !c.noLook {
		return err
	}
	c.made.Trying(in.Object)
	err = c.call(ctx, "POST", "/tickets", t, nil)
	c.made.Settled(in.Object, err)
	if err == nil {
		c.made.Made(in.Object, in.Object)
	}
	return err
}

func (c *acme) find(ctx context.Context, key string) (string, error) {
	var found []ticket
	err := c.call(ctx, "GET", "/tickets?key="+key, nil, &found)
	for _, f := range found {
		if f.Key == key || c.noCheck {
			return f.ID, err
		}
	}
	return "", err
}

func (c *acme) noted(ctx context.Context, id, text string) (bool, error) {
	var notes []string
	err := c.call(ctx, "GET", "/tickets/"+id+"/notes", nil, &notes)
	return strings.Contains(strings.Join(notes, "\n"), text), err
}

func (c *acme) call(ctx context.Context, method, path string, body, into any) error {
	b, _ := json.Marshal(body)
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return connectors.Retry(0, "not reached: %w", err)
	}
	defer resp.Body.Close()
	b, err = io.ReadAll(resp.Body)
	if err != nil {
		return connectors.Retry(0, "answer cut: %w", err)
	}
	err = connectors.Answered(resp.StatusCode, resp.Header, string(b))
	if err == nil && into != nil {
		return json.Unmarshal(b, into)
	}
	if !connectors.IsPassing(err) && c.swallows {
		return nil
	}
	return err
}

func acmeFront(p *Partner) http.Handler {
	mux := http.NewServeMux()
	words := map[string]Status{"resolved": Resolved, "acknowledged": Acknowledged}
	answer := func(w http.ResponseWriter, ok bool, v any) {
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("POST /tickets", func(w http.ResponseWriter, r *http.Request) {
		var t ticket
		json.NewDecoder(r.Body).Decode(&t)
		answer(w, true, ticket{ID: p.Create(Object{Key: t.Key, Title: t.Title, Status: words[t.State], Fields: map[string]string{"text": t.Text}}).ID})
	})
	mux.HandleFunc("GET /tickets", func(w http.ResponseWriter, r *http.Request) {
		var out []ticket
		for _, o := range p.FindKey(r.URL.Query().Get("key")) {
			out = append(out, ticket{ID: o.ID, Key: o.Key})
		}
		answer(w, true, out)
	})
	mux.HandleFunc("PUT /tickets/{id}", func(w http.ResponseWriter, r *http.Request) {
		var t ticket
		json.NewDecoder(r.Body).Decode(&t)
		_, ok := p.Change(r.PathValue("id"), func(o *Object) {
			if t.Title != "" {
				o.Title = t.Title
			}
			if s := words[t.State]; s != 0 {
				o.Status = s
			}
			if t.Text != "" {
				o.Fields = map[string]string{"text": t.Text}
			}
		})
		answer(w, ok, nil)
	})
	mux.HandleFunc("GET /tickets/{id}/notes", func(w http.ResponseWriter, r *http.Request) {
		o, ok := p.Get(r.PathValue("id"))
		var out []string
		for _, n := range o.Notes {
			out = append(out, n.Text)
		}
		answer(w, ok, out)
	})
	mux.HandleFunc("POST /tickets/{id}/notes", func(w http.ResponseWriter, r *http.Request) {
		var text string
		json.NewDecoder(r.Body).Decode(&text)
		_, ok := p.Note(r.PathValue("id"), "api", text)
		answer(w, ok, nil)
	})
	return mux
}

func subject(c acme) Subject {
	return Subject{Front: acmeFront, Objects: true, Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
		c := c
		c.url, c.http, c.made = url, client, connectors.NewCreations(0)
		return &c
	}}
}

func TestASoundConnectorPasses(t *testing.T) { Run(t, subject(acme{})) }

// TestMistakesAreFound holds that the suite finds each mistake it is for.
func TestMistakesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		acme
		misbehaviour string
		says         string
	}{
		"creates without looking":   {acme{noLook: true}, "500 after doing it", "made again"},
		"takes a miss for a proof":  {acme{noLag: true}, "shows what it made only later", "made again"},
		"believes any search":       {acme{noCheck: true}, "searches without a filter", "touched"},
		"repeats notes":             {acme{noNotes: true}, "cuts the connection after doing it", "times, expected once"},
		"swallows a refusal":        {acme{swallows: true}, "refuses", "expected"},
		"does not tell the resolve": {acme{forgetful: true}, "well-behaved", "expected resolved"},
		"creates after a restart":   {acme{noLook: true}, "does it while we restart", "made again"},
	} {
		t.Run(name, func(t *testing.T) {
			s := subject(c.acme)
			for _, m := range misbehaviours {
				if m.name == c.misbehaviour {
					for about, story := range map[string]func(*testing.T, *Subject, misbehaviour) []string{"incidents": outward, "objects": outwardObjects} {
						found := strings.Join(virtually(t, func(t *testing.T) []string { return story(t, &s, m) }), "\n")
						if !strings.Contains(found, c.says) && !(about == "objects" && c.noNotes) { // they have no notes
							t.Errorf("%s: the suite did not say %q; it said: %s", about, c.says, found)
						}
					}
					return
				}
			}
			t.Fatalf("there is no misbehaviour %q", c.misbehaviour)
		})
	}
}

// TestReportsAreHeld holds that the suite sees when reports are not understood.
func TestReportsAreHeld(t *testing.T) {
	s := subject(acme{})
	s.Report = func(c Change) []byte { return []byte(c.ID) }
	s.Decode = func([]byte, itsm.Time) (source.Result, error) { return source.Result{}, nil } // hears nothing
	found := strings.Join(virtually(t, func(t *testing.T) []string { return inward(t, &s, reporting[0]) }), "\n")
	for _, want := range []string{"told its own news", "Jane looks at orders-api"} {
		if !strings.Contains(found, want) {
			t.Errorf("the suite did not say %q; it said: %s", want, found)
		}
	}
}
