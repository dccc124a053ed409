package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/webhook"
	source "signalbox/ingest/source/webhook"
)

const conformSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestConformance: a receiver of Standard Webhooks, which takes each webhook-id once.
func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(t testing.TB, url string, client *http.Client) connectors.Connector {
			m, err := source.Standard()
			if err != nil {
				t.Fatal(err)
			}
			return conforming(t, webhook.Options{URL: url + "/hook", Mapping: m, SigningSecrets: []string{conformSecret}, HTTP: client})
		},
		Front: standard,
		Lacks: connectortest.Deletion, // what was sent cannot be taken away
	})
}

func conforming(t testing.TB, o webhook.Options) connectors.Connector {
	o.Name, o.ExternalURL = connectortest.Name, "https://signalbox.example.com"
	c, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c.Able()
}

var states = map[string]connectortest.Status{"incident.acknowledge": connectortest.Acknowledged, "incident.resolve": connectortest.Resolved}

func standard(p *connectortest.Partner) http.Handler {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(conformSecret, "whsec_"))
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		id := r.Header.Get("Webhook-Id")
		var e struct {
			Type string
			Data struct {
				Incident struct{ Key, Title string }
				Text     string
			}
		}
		if webhook.Sign([][]byte{key}, id, r.Header.Get("Webhook-Timestamp"), b) != r.Header.Get("Webhook-Signature") || json.Unmarshal(b, &e) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		in := e.Data.Incident
		o, there := p.OpenWith(in.Key)
		if there && !p.Once(id) || !there && e.Type == "incident.trigger" && !p.Once(id) {
			return
		}
		switch {
		case e.Type == "incident.trigger":
			p.Upsert(connectortest.Object{Key: in.Key, Title: in.Title})
		case !there:
		case e.Type == "incident.note":
			p.Note(o.ID, "signalbox", e.Data.Text)
		default:
			p.Change(o.ID, func(o *connectortest.Object) {
				o.Title = in.Title
				if s := states[e.Type]; s != 0 {
					o.Status = s
				}
			})
		}
	})
}

const lookedUp = `
out:
  record: string(answer.id)
  find: {method: GET, path: '"/tickets?key=" + escape(incident.key)', record: 'answer.tickets.filter(t, t.key == incident.key).map(t, t.id)[?0].orValue("")'}
  look: {method: GET, path: '"/tickets?key=" + escape(keys[0])', records: answer.tickets, incident: item.key, record: item.id, state: item.state}
  trigger: {path: '"/tickets"', body: '{"key": incident.key, "title": incident.title, "state": 1}'}
  update: {method: PUT, path: '"/tickets/" + escape(record)', body: '{"title": incident.title}'}
  acknowledge: {method: PUT, path: '"/tickets/" + escape(record)', body: '{"state": 2}'}
  resolve: {method: PUT, path: '"/tickets/" + escape(record)', body: '{"state": 3}'}
`

// TestConformanceWithFind: a ticket system that makes another ticket of every create
// and is looked through before one is repeated, and when it is asked how records stand.
func TestConformanceWithFind(t *testing.T) { conformsWithFind(t, lookedUp) }

// TestConformanceWithKnown: and one that is asked about many records by its own ids.
func TestConformanceWithKnown(t *testing.T) {
	conformsWithFind(t, strings.Replace(lookedUp, "look: {", `look: {most: 2, known: {method: GET, path: '"/tickets?ids=" + ids.join(",")'}, `, 1))
}

func conformsWithFind(t *testing.T, mapping string) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(t testing.TB, url string, client *http.Client) connectors.Connector {
			m, err := source.Parse("m.yml", []byte(mapping))
			if err != nil {
				t.Fatal(err)
			}
			return conforming(t, webhook.Options{URL: url, Mapping: m, HTTP: client})
		},
		Front: ticketsOf,
		Lacks: connectortest.Comments,
	})
}

func ticketsOf(p *connectortest.Partner) http.Handler {
	type ticket struct {
		ID, Key, Title string
		State          connectortest.Status
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tickets", func(w http.ResponseWriter, r *http.Request) {
		var t ticket
		json.NewDecoder(r.Body).Decode(&t)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id":%q}`, p.Create(connectortest.Object{Key: t.Key, Title: t.Title}).ID)
	})
	mux.HandleFunc("GET /tickets", func(w http.ResponseWriter, r *http.Request) {
		out, found := []map[string]string{}, p.FindKey(r.URL.Query().Get("key"))
		if ids := r.URL.Query().Get("ids"); ids != "" {
			of := strings.Split(ids, ",")
			found = p.Find(func(o *connectortest.Object) bool { return slices.Contains(of, o.ID) })
		}
		for _, o := range found {
			out = append(out, map[string]string{"id": o.ID, "key": o.Key, "state": o.Status.String()})
		}
		json.NewEncoder(w).Encode(map[string]any{"tickets": out})
	})
	mux.HandleFunc("PUT /tickets/{id}", func(w http.ResponseWriter, r *http.Request) {
		var t ticket
		json.NewDecoder(r.Body).Decode(&t)
		if _, ok := p.Change(r.PathValue("id"), func(o *connectortest.Object) {
			if t.Title != "" {
				o.Title = t.Title
			}
			if t.State != 0 {
				o.Status = t.State
			}
		}); !ok {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	return mux
}
