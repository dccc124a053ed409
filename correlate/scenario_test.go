package correlate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// A scenario is a text file in testdata, one statement a line, # is a comment.
//
//	config {"connectors": [{"name": "pd", "min_priority": "P3"}]}
//	ci shop class=Service tier=1 group=web
//	cmdb shop depends_on api, api depends_on db1
//	at 00:00 fire db1,api critical title=Down k=v     one delivery, an event for each CI
//	at 00:05 clear db1
//	at 00:06 bad 0f0f "not JSON"                       a part that could not be decoded
//	at 00:07 acknowledge 1 by=pagerduty:jane origin=pd
//	at 00:08 maintenance.put object=MNT0000001 {"reason": "…"}   the JSON is the act's body
//	tick 00:30                                         time passes, with every tick that is due
//	at 00:08 problem.accept 1 owner=mira              an act on PRB0000001
//	want problem 1 state=new incidents=3 tests=excess effect=
//	want problem log 1 proposed accepted              these kinds, in this order
//	want incident 1 P1 state=new cause=db1 alerts=2 title~db1
//	want no incident 2
//	want alert 1 status=firing incident=1
//	want evidence 1 2 decision=joined by=topology path=a,b coverage=2_of_2 score=718 runner_up=
//	want intents pd trigger update                     since they were asked for last; "none"
//	want timeline 1 opened joined                      these kinds, in this order
//	want outcome conflict text                         of the last act; "done", "noop"
//	want totals folded=1 suppressed=0
//	want rule three hits=1 shadow=0 failures=0
//	want object maintenance MNT0000001 state=active    words of its body, times as in the scenario
//
// A block activates a rule set; one with a name adds a file to those before it:
//
//	rules [teams.csv]
//	id: three
//	…
//	end
//
// A fire without start= begins at its own time and repeats with the same start
// while it fires, as Alertmanager does. Words with ~ ask whether the value
// contains the text; _ stands for a space.
type scenario struct {
	*world
	file   string
	line   int
	config Config
	cis    []itsm.CI
	rels   []itsm.Relation
	stale  bool                 // cis or rels are not active yet
	starts map[string]itsm.Time // of what fires, by identity
	files  []rules.File
	block  []string // lines of the rules block being read
	name   string   // its name; "": none is being read
	body   string   // of the act being read
}

func TestScenarios(t *testing.T) {
	for _, f := range scenarioFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScenario(t, f) })
	}
}

func scenarioFiles(tb testing.TB) []string {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no scenarios: %v", err)
	}
	return files
}

// runScenario runs a file and returns the world after it.
func runScenario(tb testing.TB, file string) *scenario {
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	sc := &scenario{file: file, config: DefaultConfig(), starts: map[string]itsm.Time{}}
	sc.world = newWorld(tb, sc.config)
	for n, l := range strings.Split(string(b), "\n") {
		sc.line = n + 1
		if sc.name != "" {
			sc.blockLine(l)
			continue
		}
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		if i := strings.Index(l, "  #"); i >= 0 {
			l = strings.TrimSpace(l[:i])
		}
		sc.statement(l)
	}
	if sc.name != "" {
		sc.fatal("rules: no end; everything after it would be rules")
	}
	return sc
}

func (sc *scenario) fatal(format string, args ...any) {
	sc.tb.Helper()
	sc.tb.Fatalf("%s:%d: %s", sc.file, sc.line, fmt.Sprintf(format, args...))
}

func (sc *scenario) errorf(format string, args ...any) {
	sc.tb.Helper()
	sc.tb.Errorf("%s:%d: %s", sc.file, sc.line, fmt.Sprintf(format, args...))
}

func (sc *scenario) statement(l string) {
	word, rest, _ := strings.Cut(l, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "config":
		if err := json.Unmarshal([]byte(rest), &sc.config); err != nil {
			sc.fatal("%v", err)
		}
		if err := sc.config.Validate(); err != nil {
			sc.fatal("%v", err)
		}
		c := sc.config
		sc.do(Input{Config: &c})
	case "rules":
		sc.name, sc.block = cmpText(rest, "rules.yaml"), nil
	case "ci":
		sc.ci(strings.Fields(rest))
	case "cmdb":
		for _, r := range strings.Split(rest, ",") {
			f := strings.Fields(r)
			if len(f) != 3 {
				sc.fatal("relation %q: expected FROM TYPE TO", r)
			}
			sc.rels = append(sc.rels, itsm.Relation{From: f[0], Type: f[1], To: f[2]})
			sc.named(f[0])
			sc.named(f[2])
		}
		sc.stale = true
	case "tick":
		sc.activate()
		sc.until(sc.time(rest))
		sc.do(Input{Tick: true})
	case "at":
		sc.activate()
		if at := strings.Index(rest, " {"); at > 0 {
			rest, sc.body = rest[:at], rest[at+1:]
		}
		f := strings.Fields(rest)
		sc.until(sc.time(f[0]))
		sc.happen(f[1], f[2:])
	case "want":
		sc.want(strings.Fields(rest))
	default:
		sc.fatal("unknown statement %q", word)
	}
}

// blockLine reads a line of a rules block and activates the set at its end.
func (sc *scenario) blockLine(l string) {
	if strings.TrimSpace(l) != "end" {
		sc.block = append(sc.block, l)
		return
	}
	f := rules.File{Name: sc.name, Body: strings.Join(sc.block, "\n") + "\n"}
	sc.files = append(slices.DeleteFunc(slices.Clone(sc.files), func(o rules.File) bool { return o.Name == f.Name }), f)
	sc.name = ""
	set, ps := rules.Compile(sc.files)
	if rules.Blocking(ps) {
		sc.fatal("rules: %v", ps)
	}
	sc.activate()
	sc.do(Input{Rules: &Rules{Revision: sc.s.rules.Revision + 1, Set: set}})
}

// time reads 00:05, 00:05:30, 26:00 or 8d00:05.
func (sc *scenario) time(s string) itsm.Time {
	var d time.Duration
	if days, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil {
			sc.fatal("time %q", s)
		}
		d, s = time.Duration(n)*24*time.Hour, rest
	}
	unit := time.Hour
	for _, p := range strings.Split(s, ":") {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil {
			sc.fatal("time %q: expected hh:mm or hh:mm:ss", s)
		}
		d += time.Duration(n * float64(unit))
		unit /= 60
	}
	return epoch.Add(d)
}

func (sc *scenario) ci(f []string) {
	c := itsm.CI{ID: f[0], Name: f[0], Class: "host"}
	for _, w := range f[1:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "class":
			c.Class = v
		case "tier":
			c.Tier, _ = strconv.Atoi(v)
		case "group":
			c.SupportGroup = v
		case "env":
			c.Env = v
		case "owner":
			c.Owner = v
		case "rack":
			c.Attributes = map[string]any{"rack": v}
		case "alias":
			c.Aliases = append(c.Aliases, v)
		default:
			sc.fatal("ci: unknown word %q", w)
		}
	}
	sc.cis = slices.DeleteFunc(sc.cis, func(o itsm.CI) bool { return o.ID == c.ID })
	sc.cis = append(sc.cis, c)
	sc.stale = true
}

func (sc *scenario) named(id string) {
	if !slices.ContainsFunc(sc.cis, func(c itsm.CI) bool { return c.ID == id }) {
		sc.cis = append(sc.cis, itsm.CI{ID: id, Name: id, Class: "host"})
	}
}

// activate makes the CIs and relations listed so far the next CMDB revision.
func (sc *scenario) activate() {
	if !sc.stale {
		return
	}
	sc.stale = false
	doc, problems := cmdb.NewDoc(sc.cis, sc.rels)
	if len(problems) > 0 {
		sc.fatal("cmdb: %v", problems)
	}
	ch, _, problems := sc.s.graph.Plan(doc, "scenario", false)
	if len(problems) > 0 {
		sc.fatal("cmdb: %v", problems)
	}
	sc.do(Input{CMDB: sc.s.graph.Apply(ch)})
}

func (sc *scenario) happen(verb string, f []string) {
	switch verb {
	case "fire", "clear":
		sc.deliver(verb, f)
	case "bad":
		sc.do(Input{Delivery: &entry.Delivery{Source: "am", Bad: []entry.Bad{{ID: f[0], Error: strings.Join(f[1:], " "), Body: []byte("body of " + f[0])}}}})
	case "silences":
		sc.do(Input{Act: sc.silencesOf(f)})
	default:
		if strings.HasPrefix(verb, "problem.") {
			sc.do(Input{Act: sc.problemActOf(verb, f)})
			return
		}
		sc.do(Input{Act: sc.actOf(verb, f)})
	}
}

var severities = []string{"critical", "major", "minor", "warning", "info"}

// deliver makes one delivery with an event for each CI.
func (sc *scenario) deliver(verb string, f []string) {
	d := &entry.Delivery{Source: "am"}
	for _, name := range strings.Split(f[0], ",") {
		d.Events = append(d.Events, sc.event(verb, name, f[1:], d))
	}
	sc.do(Input{Delivery: d})
}

func (sc *scenario) event(verb, name string, f []string, d *entry.Delivery) itsm.Event {
	e := itsm.Event{Status: itsm.Firing, Severity: itsm.Warning, CIName: name, Title: "Down"}
	if verb == "clear" {
		e.Status, e.EndsAt = itsm.Resolved, sc.at
	}
	id, word, start := "", "", itsm.Time(0)
	var labels []itsm.Label
	for _, w := range f {
		k, v, pair := strings.Cut(w, "=")
		v = strings.ReplaceAll(v, "_", " ")
		switch {
		case !pair && slices.Contains(severities, k):
			e.Severity = itsm.SeverityOf(k)
		case k == "title":
			e.Title = v
		case k == "start":
			start = sc.time(v)
		case k == "end":
			e.EndsAt = sc.time(v)
		case k == "event":
			e.EventAt = sc.time(v)
		case k == "lease":
			e.LeaseUntil = sc.time(v)
		case k == "source":
			d.Source = v
		case k == "retry":
			d.RetryOf = v
		case k == "group":
			e.Group = v
		case k == "id":
			id = v
		case k == "ci":
			e.CIName = v
		case k == "nodata":
			e.NoData = true
		case k == "word":
			word = v
		case k == "partial":
			e.PartialGroup = true
		case pair:
			labels = append(labels, itsm.Label{Name: k, Value: v})
		default:
			sc.fatal("event: unknown word %q", w)
		}
	}
	e.Identity, e.SeverityWord = id, cmpText(word, e.Severity.String())
	if id == "" {
		e.Identity = name + "/" + e.Title
	}
	e.Labels = itsm.NewLabels(append(labels, itsm.Label{Name: "alertname", Value: e.Title}))
	e.Source = d.Source
	e.StartsAt = sc.startOf(&e, start)
	return e
}

// startOf is the start a sender like Alertmanager would give; 00:00 in a start=
// of "none" cannot be said, so -1 stands for no start.
func (sc *scenario) startOf(e *itsm.Event, given itsm.Time) itsm.Time {
	k := e.Source + "/" + e.Identity
	was, firing := sc.starts[k]
	switch {
	case e.Status == itsm.Resolved:
		delete(sc.starts, k)
		if given != 0 {
			return given
		}
		return was
	case given != 0:
		sc.starts[k] = given
	case !firing:
		sc.starts[k] = sc.at
	}
	return sc.starts[k]
}

func (sc *scenario) actOf(verb string, f []string) *itsm.Act {
	a := &itsm.Act{Kind: itsm.ActKind(verb), Actor: "console:ann"}
	if sc.body != "" {
		a.Body, sc.body = json.RawMessage(sc.body), ""
	}
	for n, w := range f {
		k, v, pair := strings.Cut(w, "=")
		if n == 0 && !pair {
			a.Incident = sc.number(w)
			continue
		}
		v = strings.ReplaceAll(v, "_", " ")
		switch k {
		case "by":
			a.Actor = v
		case "origin":
			a.Origin = v
		case "object":
			a.Object = v
		case "code":
			a.CloseCode = strings.ReplaceAll(v, " ", "_")
		case "text":
			a.Text = v
		case "reason":
			a.Reason = v
		case "assignee":
			a.Assignee = v
		case "group":
			a.Group = v
		case "priority":
			p, err := itsm.ParsePriority(v)
			if err != nil {
				sc.fatal("%v", err)
			}
			a.Priority = p
		case "into":
			a.Into = sc.number(v)
		case "alerts":
			for _, n := range strings.Split(v, ",") {
				a.Alerts = append(a.Alerts, itsm.AlertNumber(sc.number(n)))
			}
		case "ifversion":
			a.IfVersion = uint64(sc.number(v))
		case "key":
			a.IdempotencyKey = v
		case "delivery":
			a.DeliveryID = v
		case "version":
			a.PartnerVersion = int64(sc.number(v))
		case "epoch":
			a.Epoch = uint32(sc.number(v))
		case "failure":
			a.Failure = v
		case "intent": // n-th intent made so far
			a.IntentKey = sc.intents[sc.number(v)-1].Key
		case "link":
			a.Link = &itsm.ExternalRef{Connector: a.Origin, ID: v, URL: "https://partner.example/" + v}
		default:
			sc.fatal("act: unknown word %q", w)
		}
	}
	return a
}

func (sc *scenario) number(s string) itsm.IncidentNumber {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		sc.fatal("number %q", s)
	}
	return itsm.IncidentNumber(n)
}
