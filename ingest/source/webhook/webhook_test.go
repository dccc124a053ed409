package webhook_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"signalbox/ingest/source"
	"signalbox/ingest/source/sourcetest"
	"signalbox/ingest/source/webhook"
	"signalbox/itsm"
)

// vars are those of all examples.
var vars = map[string]string{"email": "noc@example.com", "agent": "900", "board": "1234567890", "key_column": "text_key", "status_column": "status",
	"open": "Open", "working": "Working on it", "done": "Done", "user": "77", "list": "124", "sr_type": "1", "open_status": "1", "working_status": "2", "done_status": "3", "key_field": "CustomColumn1sr"}

func example(t testing.TB, name string) *webhook.Mapping {
	t.Helper()
	text, err := webhook.Example(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := webhook.Parse(name+".yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m.With(vars)
}

func intent(tr itsm.Transition) *itsm.Intent {
	state := map[itsm.Transition]itsm.State{itsm.Acknowledge: itsm.InProgress, itsm.Resolve: itsm.IncidentResolved}[tr]
	if state == 0 {
		state = itsm.New
	}
	return &itsm.Intent{Key: "0123456789abcdef", Connector: "desk", Incident: 7, Epoch: 1, Transition: tr, At: 1_795_262_400_000, Actor: "console:admin", Text: `it says "why" <b>`,
		Snapshot: itsm.IncidentSnapshot{Title: "orders is failing <!channel> @here", Priority: itsm.P1, Severity: itsm.Critical, State: state, Impact: itsm.High, Urgency: itsm.High, CIs: []string{"db-1", "db-2"}, Services: []string{"orders"}, Cause: "db-1",
			Because: "3 of 3 alerting CIs depend on db-1", Alerts: 50_000, Firing: 49_999, Group: "dba", Assignee: "ada", OpenedAt: 1_795_262_000_000}}
}

// transitions is the order of the golden files.
var transitions = []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Resolve, itsm.Note}

// TestExamples renders every built-in mapping and decodes the partner's documented
// webhooks with it. A file of testdata/examples has the partner's documented answers
// (-- answer.json --, -- found.json --) and webhooks (-- in NAME.json --), and what
// becomes of them (-- want --); -update rewrites want.
func TestExamples(t *testing.T) {
	for _, name := range webhook.Examples() {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", "examples", name+".txt")
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			kept := ar.Files[:0]
			for _, f := range ar.Files {
				if f.Name == "want" {
					want = f.Data
					continue
				}
				kept = append(kept, f)
			}
			got := all(t, example(t, name), kept)
			if flag.Lookup("update").Value.String() == "true" {
				ar.Files = append(kept, txtar.File{Name: "want", Data: got})
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("%s (-want +got):\n%s", file, d)
			}
		})
	}
}

func all(t *testing.T, m *webhook.Mapping, files []txtar.File) []byte {
	var b bytes.Buffer
	input := func(tr itsm.Transition) webhook.Input {
		return webhook.Input{Intent: intent(tr), Record: "4711", Vars: vars, ExternalURL: "https://signalbox.example.com/"}
	}
	for _, tr := range transitions {
		if r, ok, err := m.For(input(tr)); ok || err != nil {
			request(t, &b, string(tr), r, err)
		}
	}
	if r, ok, err := m.Find(input(itsm.Trigger)); ok || err != nil {
		request(t, &b, "find", r, err)
	}
	if r, ok, err := m.Whose("4711", vars); ok || err != nil {
		request(t, &b, "whose", r, err)
	}
	keys := []string{"signalbox/INC0000007/1", "signalbox/INC0000008/2"}[:min(m.LooksMost(), 2)]
	if len(keys) > 0 {
		r, err := m.Look(keys, vars)
		request(t, &b, "look", r, err)
	}
	if m.LooksKnown() > 0 {
		r, err := m.LookKnown([]string{"4711", "4712"}, vars)
		request(t, &b, "look known", r, err)
	}
	for _, f := range files {
		body := bytes.TrimSpace(f.Data)
		kind, _, _ := strings.Cut(strings.TrimSuffix(f.Name, ".json"), " ")
		if kind == "in" {
			r, err := m.Decode(body, source.Bounds{})
			fmt.Fprintf(&b, "%s\n%s", strings.TrimSuffix(f.Name, ".json"), sourcetest.Text(r, err))
			continue
		}
		answer, err := webhook.Answer(body)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		switch kind {
		case "answer":
			id, address, err := m.RecordIn(input(itsm.Trigger), answer)
			fmt.Fprintf(&b, "record %s %s %v\n", id, address, err)
		case "refused":
			why, passing, err := m.Refusal(input(itsm.Trigger), answer)
			fmt.Fprintf(&b, "refused %q passing %v %v\n", why, passing, err)
		case "found":
			id, err := m.Found(input(itsm.Trigger), answer)
			fmt.Fprintf(&b, "found %q %v\n", id, err)
		case "seen":
			seen, err := m.Seen(keys, vars, answer)
			fmt.Fprintf(&b, "%s %v\n", strings.TrimSuffix(f.Name, ".json"), err)
			for _, k := range keys {
				fmt.Fprintf(&b, "  %s %s %s version %d, acknowledgement unknown %v\n", k, seen[k].Status, seen[k].Link, seen[k].Version, seen[k].AckUnknown)
			}
		case "whose":
			n, epoch, err := m.IncidentIn("4711", vars, answer)
			fmt.Fprintf(&b, "whose %s/%d %v\n", n, epoch, err)
		default:
			t.Fatalf("unknown section %q", f.Name)
		}
	}
	return b.Bytes()
}

// request writes a rendered request; a body of JSON is laid out, and holds no more
// than JSON can.
func request(t *testing.T, b *bytes.Buffer, name string, r webhook.Request, err error) {
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	fmt.Fprintf(b, "%s %s %s\n", name, r.Method, r.Path)
	for _, h := range r.Headers {
		fmt.Fprintf(b, "%s: %s\n", h[0], h[1])
	}
	if r.JSON {
		var out bytes.Buffer
		if err := json.Indent(&out, r.Body, "", "  "); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r.Body = out.Bytes()
	}
	if r.Body != nil {
		fmt.Fprintf(b, "%s\n", r.Body)
	}
}

// TestExamplesStayWithinLimits: whatever an alert says, what a mapping renders is
// JSON, stays below its address and does not notify.
func TestExamplesStayWithinLimits(t *testing.T) {
	hostile := strings.Repeat("<!channel> @everyone \"}{\\ \r\n\x00\x1b../../%2e%2e?&#データ ", 3000)
	for _, name := range webhook.Examples() {
		m := example(t, name)
		for _, tr := range transitions {
			in := intent(tr)
			s := &in.Snapshot
			s.Title, s.Because, s.Cause, s.Group, s.Assignee, in.Text, in.Actor = hostile, hostile, hostile, hostile, hostile, hostile[:8000], hostile[:200]
			s.CIs, s.Services = nil, nil
			for n := range itsm.IntentCIsMax {
				s.CIs, s.Services = append(s.CIs, fmt.Sprint(n, hostile[:250])), append(s.Services, fmt.Sprint(n, hostile[:250]))
			}
			if name == "standard" {
				s.Title, s.Because, s.Cause, s.Group, s.Assignee = s.Title[:512], s.Because[:512], s.Cause[:255], "", "" // what the core lets through
			}
			r, ok, err := m.For(webhook.Input{Intent: in, Record: strings.ReplaceAll(hostile[:200], ".", ""), Vars: vars, ExternalURL: "https://signalbox.example.com"})
			if err != nil {
				t.Errorf("%s %s: %v", name, tr, err)
				continue
			}
			if !ok {
				continue
			}
			if !r.JSON || !json.Valid(r.Body) || !utf8.Valid(r.Body) || len(r.Body) > 200<<10 {
				t.Errorf("%s %s: a body of %d bytes, JSON %v, valid %v", name, tr, len(r.Body), r.JSON, json.Valid(r.Body))
			}
			if strings.Contains(r.Path, "..") || strings.ContainsAny(r.Path, " \r\n\\#") {
				t.Errorf("%s %s: path %q", name, tr, r.Path)
			}
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":               {"out: [", "line 1"},
		"unknown key":            {"out: {triger: {}}", "triger"},
		"syntax":                 {"out: {trigger: {body: '1 +'}}", "out.trigger.body: "},
		"unknown name":           {"out: {trigger: {body: 'incidnt.title'}}", "incidnt"},
		"method":                 {"out: {trigger: {method: FETCH}}", `out.trigger.method: "FETCH": expected one of GET, POST`},
		"header name":            {"out: {trigger: {headers: {'a b': '1'}}}", `"a b": expected the name of a header`},
		"our header":             {"out: {trigger: {headers: {Host: '1'}}}", "headers.Host: is set by the connector"},
		"credentials":            {"out: {trigger: {headers: {authorization: '1'}}}", "belong into its configuration"},
		"act":                    {"in: {incident: body.i, acts: [{act: close}]}", `in.acts[0].act: "close": expected one of acknowledge`},
		"whose incident":         {"in: {acts: [{act: resolve}]}", "neither incident nor record"},
		"find for what":          {"out: {find: {path: '\"/x\"'}}", "out.find.record: missing"},
		"whose for what":         {"out: {whose: {path: '\"/x\"'}}", "out.whose.incident: missing"},
		"known without a number": {"out: {look: {path: '\"/x\"', records: answer, incident: item.k, record: item.i, state: '\"open\"', known: {path: '\"/x\"'}}}", "out.look.most: 0: expected 2 to 100"},
		"too many acts":          {"in: {incident: body.i, acts: [" + strings.Repeat("{act: resolve},", 11) + "]}", "11 acts, at most 10"},
		"endless pattern":        {"out: {trigger: {body: '\"" + strings.Repeat("a", 20000) + "\"'}}", "out.trigger.body"},
	} {
		if _, err := webhook.Parse("m.yml", []byte(c.text)); err == nil || !strings.HasPrefix(err.Error(), "m.yml: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestRenderingIsHeldBack: an expression cannot leave the configured address, forge a
// header or run for long.
func TestRenderingIsHeldBack(t *testing.T) {
	for name, c := range map[string]struct{ request, want string }{
		"another host":       {`{path: '"//evil.example/x"'}`, "path"},
		"a whole address":    {`{path: '"https://evil.example"'}`, "path"},
		"user and host":      {`{path: '"@evil.example/"'}`, "path"},
		"dots":               {`{path: '"/a/../../b"'}`, "path"},
		"escaped dots":       {`{path: '"/a/%2E%2e/b"'}`, "path"},
		"a space":            {`{path: '"/a b"'}`, "path"},
		"a fragment":         {`{path: '"/a#b"'}`, "path"},
		"a line in header":   {`{headers: {X-A: '"a\r\nX-B: c"'}}`, "X-A"},
		"no such key":        {`{body: 'incident.nothing'}`, "no such key"},
		"a list as text":     {`{path: 'incident.cis'}`, "expected a text"},
		"cost":               {`{body: '[1,2,3,4,5,6,7,8,9,10].map(a, [1,2,3,4,5,6,7,8,9,10].map(b, [1,2,3,4,5,6,7,8,9,10].map(c, [1,2,3,4,5,6,7,8,9,10].map(d, [1,2,3,4,5,6,7,8,9,10].map(e, [1,2,3,4,5,6,7,8,9,10].map(f, string(a+b+c+d+e+f)))))))'}`, "cost"},
		"a record with dots": {`{path: '"/" + escape(record)'}`, "path"},
		"no record":          {`{path: '"/" + record'}`, "no record"},
	} {
		m, err := webhook.Parse("m.yml", []byte("out: {trigger: "+c.request+"}"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		record := ""
		if name == "a record with dots" {
			record = "../4711"
		}
		if r, _, err := m.For(webhook.Input{Intent: intent(itsm.Trigger), Record: record}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %q", name, r, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var all []*webhook.Mapping
	for _, name := range webhook.Examples() {
		all = append(all, example(f, name))
		ar, err := txtar.ParseFile(filepath.Join("testdata", "examples", name+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range ar.Files {
			if strings.HasPrefix(x.Name, "in ") {
				f.Add(bytes.TrimSpace(x.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, m := range all {
			sourcetest.Check(t, source.Decoder(m.Decode).Within(source.Bounds{}), body)
		}
	})
}
