package teams_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/teams"
)

func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(t testing.TB, url string, client *http.Client) connectors.Connector {
			c, err := teams.New(teams.Options{Name: connectortest.Name, URL: url + secret, ExternalURL: "https://signalbox.example.com", HTTP: client})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Front: reader,
		Lacks: connectortest.Deletion | connectortest.Search | connectortest.Repeats,
	})
}

var headOf = regexp.MustCompile(`^P\d (INC\d+) (is open|is open again|has changed|is acknowledged|is resolved|has a note)$`)

// reader is a channel with somebody who reads it: a card that says it is perhaps a
// repeat, and is one, is nothing new. Whatever else is posted counts.
func reader(p *connectortest.Partner) http.Handler {
	var mu sync.Mutex
	seen := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		c, err := cardIn(r)
		head := headOf.FindStringSubmatch(c.head)
		if err != nil || head == nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "card %q: %v", c.head, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		if c.marked && seen[c.rest] {
			return
		}
		seen[c.rest] = true
		number, what := head[1], head[2]
		if strings.HasPrefix(what, "is open") {
			p.Create(connectortest.Object{Key: number, Title: c.title})
			return
		}
		records := p.FindKey(number)
		if len(records) == 0 {
			return
		}
		switch what {
		case "has a note":
			p.Note(records[0].ID, connectortest.API, c.note)
		case "is acknowledged":
			p.Change(records[0].ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
		case "is resolved":
			p.Change(records[0].ID, func(o *connectortest.Object) { o.Status = connectortest.Resolved })
		}
	})
}

// read is what a reader makes of a card; rest is all of it but the mark.
type read struct {
	head, title, note, rest string
	marked                  bool
}

func cardIn(r *http.Request) (c read, err error) {
	type element struct {
		Items, Inlines []struct {
			Text    string
			Inlines []struct{ Text string }
		}
	}
	var m struct {
		Attachments []struct {
			Content struct {
				FallbackText string
				Body         []element
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		return c, err
	}
	if len(m.Attachments) != 1 || len(m.Attachments[0].Content.Body) == 0 || len(m.Attachments[0].Content.Body[0].Items) != 2 {
		return c, fmt.Errorf("it has no head")
	}
	k := m.Attachments[0].Content
	c.head, c.title = k.FallbackText, k.Body[0].Items[1].Inlines[0].Text
	for _, e := range k.Body {
		text := ""
		for _, run := range e.Inlines {
			text += run.Text
		}
		switch note, is := strings.CutPrefix(text, "Note: "); {
		case strings.HasPrefix(text, "Perhaps a repeat"):
			c.marked = true
			continue
		case is:
			c.note = note
		}
		c.rest += text + "\n"
	}
	c.rest = c.head + "\n" + c.title + "\n" + c.rest
	return c, nil
}
