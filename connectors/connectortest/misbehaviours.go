package connectortest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// misbehaviour is one way in which a partner, or the network before it, fails.
type misbehaviour struct {
	name       string
	fate       func(call) fate
	lag        time.Duration // new records cannot be seen for so long
	unfiltered bool          // searches show everything
	deletes    bool          // an administrator takes a record away
	restarts   bool          // our process restarts, twice
	mayDie     bool          // what is refused may end in the dead letters
	unknown    bool          // nobody hears whether a call was carried out
}

// misbehaviours are those of a partner that is called. Each hits two of three
// calls of every kind, so that all of them are hit and all can come through.
var misbehaviours = []misbehaviour{
	{name: "well-behaved"},
	{name: "slow", fate: func(call) fate { return fate{late: 5 * time.Second} }},
	{name: "hangs", unknown: true, fate: mostly(fate{undone: true, late: time.Hour})},
	{name: "hangs after doing it", unknown: true, fate: mostly(fate{late: time.Hour})},
	{name: "429 with Retry-After", fate: mostly(fate{undone: true, status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": "60"}})},
	{name: "429 without headers", fate: mostly(fate{undone: true, status: http.StatusTooManyRequests})},
	{name: "500 without doing it", unknown: true, fate: mostly(fate{undone: true, status: http.StatusInternalServerError, header: html, body: "<h1>oops</h1>"})},
	{name: "500 after doing it", unknown: true, fate: mostly(fate{status: http.StatusInternalServerError, header: html, body: "<h1>oops</h1>"})},
	{name: "cuts the connection before", unknown: true, fate: mostly(fate{undone: true, drop: true})},
	{name: "cuts the connection after doing it", unknown: true, fate: mostly(fate{drop: true})},
	{name: "cuts its answer in the middle", fate: mostly(fate{truncate: true})},
	{name: "answers 503 for an hour", fate: forAnHour(fate{undone: true, status: http.StatusServiceUnavailable})},
	{name: "shows a new record only later", lag: 40 * time.Second},
	{name: "shows what it made only later", fate: mostly(fate{drop: true}), lag: 40 * time.Second},
	{name: "searches without a filter", fate: onWrites(mostly(fate{drop: true})), unfiltered: true},
	{name: "refuses", fate: refuses, mayDie: true},
	{name: "loses a record", deletes: true, mayDie: true},
	{name: "does it while we restart", unknown: true, fate: mostly(fate{drop: true}), restarts: true},
}

// misses says why a misbehaviour cannot meet a partner; "" when it can.
func (m *misbehaviour) misses(s *Subject) string {
	if s.lacks(Search) && (m.lag > 0 || m.unfiltered) {
		return "its partner cannot be searched, so no search misleads it"
	}
	return ""
}

// mayEnd reports whether something may end in the dead letters.
func (m *misbehaviour) mayEnd(s *Subject) bool { return m.mayDie || m.unknown && s.lacks(Repeats) }

var html = map[string]string{"Content-Type": "text/html"}

// mostly is the fate of two calls of three, by method and path.
func mostly(f fate) func(call) fate {
	return func(c call) fate {
		if c.n%3 == 2 {
			return fate{}
		}
		return f
	}
}

// onWrites leaves out calls that only read.
func onWrites(f func(call) fate) func(call) fate {
	return func(c call) fate {
		if c.write {
			return f(c)
		}
		return fate{}
	}
}

// forAnHour is the fate of every call of the first hour.
func forAnHour(f fate) func(call) fate {
	until := time.Time{}
	return func(call) fate {
		if until.IsZero() {
			until = time.Now().Add(time.Hour)
		}
		if time.Now().Before(until) {
			return f
		}
		return fate{}
	}
}

// refuses says no to every third write.
func refuses(c call) fate {
	if c.write && c.n%3 == 1 {
		return fate{undone: true, status: http.StatusUnprocessableEntity, header: map[string]string{"Content-Type": "application/json"}, body: `{"message":"no such field","errors":["no such field"]}`}
	}
	return fate{}
}

// about returns the records of one incident: their title, key or fields name it.
func (p *Partner) about(s *story) (found []Object) {
	return p.naming(s.name, s.number.String())
}

// naming returns our records whose title, key or fields contain one of the words.
func (p *Partner) naming(words ...string) (found []Object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.objects {
		if !o.Foreign && o.names(words...) {
			found = append(found, o.clone())
		}
	}
	return found
}

func (o *Object) names(words ...string) bool {
	for _, w := range words {
		if strings.Contains(o.Title, w) || strings.Contains(o.Key, w) {
			return true
		}
		for _, v := range o.Fields {
			if strings.Contains(v, w) {
				return true
			}
		}
	}
	return false
}

// told counts the comments that contain a text.
func told(records []Object, text string) (n int) {
	for _, o := range records {
		for _, c := range o.Notes {
			if strings.Contains(c.Text, text) {
				n++
			}
		}
	}
	return n
}

func listed(records []Object) string {
	var b strings.Builder
	for _, o := range records {
		fmt.Fprintf(&b, "\t%s key %q %s %q\n", o.ID, o.Key, o.Status, o.Title)
		for _, n := range o.Notes {
			fmt.Fprintf(&b, "\t\tnote %q\n", n.Text)
		}
	}
	return b.String()
}
