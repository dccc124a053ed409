package webhook

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// documentBytesMax bounds a mapping's file.
const documentBytesMax = 256 << 10

// document is a mapping's file as it is written.
type document struct {
	About string      `yaml:"about"` // for people: what it is for and what to set up
	Out   outDocument `yaml:"out"`
	In    inDocument  `yaml:"in"`
}

type outDocument struct {
	Record  string `yaml:"record"`  // of the answer to a trigger: the record's id
	URL     string `yaml:"url"`     // where people see the record
	Refused string `yaml:"refused"` // of an answer of 2xx: why it is a refusal; "" is none
	Passing string `yaml:"passing"` // of such a refusal: whether it may pass

	Login       *requestDocument `yaml:"login"` // opens a session of cookies, before everything else and when it has ended
	Trigger     *requestDocument `yaml:"trigger"`
	Reopen      *requestDocument `yaml:"reopen"` // in place of trigger, when an earlier epoch has a record
	Update      *requestDocument `yaml:"update"`
	Acknowledge *requestDocument `yaml:"acknowledge"`
	Resolve     *requestDocument `yaml:"resolve"`
	Note        *requestDocument `yaml:"note"`
	Find        *requestDocument `yaml:"find"`  // looks for the record of an incident before a trigger is repeated
	Whose       *requestDocument `yaml:"whose"` // looks whose incident a record is
	Look        *lookDocument    `yaml:"look"`  // asks how records stand, for sweeps
}

type requestDocument struct {
	Method   string            `yaml:"method"` // POST
	Path     string            `yaml:"path"`
	Headers  map[string]string `yaml:"headers"`
	Body     string            `yaml:"body"`
	Record   string            `yaml:"record"`   // find: of its answer, the record's id or ""
	Incident string            `yaml:"incident"` // whose: of its answer, our key or number or ""
}

type inDocument struct {
	Reply    string        `yaml:"reply"`    // what is answered, where a new address is challenged
	Delivery string        `yaml:"delivery"` // id of the delivery, the same in a repeat
	Ours     string        `yaml:"ours"`     // whether our own account did it
	Incident string        `yaml:"incident"` // our key or number
	Record   string        `yaml:"record"`   // the partner's id, where the incident is not in the body
	Actor    string        `yaml:"actor"`
	At       string        `yaml:"at"` // when it happened: RFC 3339, or a number of seconds or milliseconds
	Acts     []actDocument `yaml:"acts"`
}

type actDocument struct {
	When      string `yaml:"when"`
	Act       string `yaml:"act"`
	Text      string `yaml:"text"`
	Assignee  string `yaml:"assignee"`
	Group     string `yaml:"group"`
	Priority  string `yaml:"priority"`
	CloseCode string `yaml:"close_code"`
	Reason    string `yaml:"reason"`
}

// actKinds are the acts that a partner's webhook can be.
var actKinds = []string{"acknowledge", "unacknowledge", "resolve", "reopen", "assign", "priority", "note", "hold", "resume", "link"}

// methods are the methods that a request can have.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Mapping is a compiled mapping.
type Mapping struct {
	About string
	vars  map[string]string // what incoming expressions see
	out   out
	in    in
}

// Parse reads and compiles a mapping; every mistake is named.
func Parse(file string, b []byte) (*Mapping, error) {
	if len(b) > documentBytesMax {
		return nil, itsm.Errorf(itsm.Invalid, "%s: %d bytes, at most %d", file, len(b), documentBytesMax)
	}
	var doc document
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, itsm.Errorf(itsm.Invalid, "%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	env, err := newLanguage()
	if err != nil {
		return nil, err
	}
	c := &compiler{env: env, file: file}
	m := &Mapping{About: doc.About, out: c.out(&doc.Out), in: c.in(&doc.In)}
	return m, errors.Join(c.errs...)
}

// With returns the mapping with the texts that its incoming expressions see as vars.
func (m *Mapping) With(vars map[string]string) *Mapping {
	c := *m
	c.vars = vars
	return &c
}

// compiler gathers the mistakes of a mapping.
type compiler struct {
	env  *cel.Env
	file string
	errs []error
}

func (c *compiler) bad(path, format string, args ...any) {
	c.errs = append(c.errs, itsm.Errorf(itsm.Invalid, c.file+": "+path+": "+format, args...))
}

func (c *compiler) expr(path, text string) *expr {
	e, err := compile(c.env, path, text)
	if err != nil {
		c.errs = append(c.errs, itsm.Errorf(itsm.Invalid, "%s: %s", c.file, itsm.MessageOf(err)))
	}
	return e
}

func (c *compiler) out(d *outDocument) out {
	o := out{record: c.expr("out.record", d.Record), url: c.expr("out.url", d.URL), refused: c.expr("out.refused", d.Refused), passing: c.expr("out.passing", d.Passing), requests: map[itsm.Transition]*request{}}
	for tr, r := range map[itsm.Transition]*requestDocument{itsm.Trigger: d.Trigger, itsm.Update: d.Update, itsm.Acknowledge: d.Acknowledge, itsm.Resolve: d.Resolve, itsm.Note: d.Note} {
		if q := c.request("out."+string(tr), r); q != nil {
			o.requests[tr] = q
		}
	}
	o.login = c.request("out.login", d.Login)
	o.reopen, o.find, o.whose = c.request("out.reopen", d.Reopen), c.request("out.find", d.Find), c.request("out.whose", d.Whose)
	if o.find != nil && o.find.found == nil {
		c.bad("out.find.record", "missing: expected an expression that takes the record's id out of the answer")
	}
	if o.whose != nil && o.whose.incident == nil {
		c.bad("out.whose.incident", "missing: expected an expression that takes our key out of the answer")
	}
	o.look = c.look(d.Look, d.Reopen != nil)
	return o
}

var (
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")
	usesRecord = regexp.MustCompile(`\brecord\b`)
)

// notOurs are headers that the transport or the signature sets.
var notOurs = []string{"host", "content-length", "transfer-encoding", "connection", "authorization", "webhook-id", "webhook-timestamp", "webhook-signature"}

func (c *compiler) request(path string, d *requestDocument) *request {
	if d == nil {
		return nil
	}
	r := &request{method: d.Method, path: c.expr(path+".path", d.Path), body: c.expr(path+".body", d.Body), found: c.expr(path+".record", d.Record), incident: c.expr(path+".incident", d.Incident),
		needsRecord: usesRecord.MatchString(d.Path + " " + d.Body)}
	if r.method == "" {
		r.method = "POST"
	}
	if !slices.Contains(methods, r.method) {
		c.bad(path+".method", "%q: expected one of %s", r.method, strings.Join(methods, ", "))
	}
	for name, text := range d.Headers {
		switch {
		case !headerName.MatchString(name):
			c.bad(path+".headers", "%q: expected the name of a header", name)
		case slices.Contains(notOurs, strings.ToLower(name)):
			c.bad(path+".headers."+name, "is set by the connector; credentials belong into its configuration")
		default:
			r.headers = append(r.headers, header{name, c.expr(path+".headers."+name, text)})
		}
	}
	slices.SortFunc(r.headers, func(a, b header) int { return strings.Compare(a.name, b.name) })
	return r
}

func (c *compiler) in(d *inDocument) in {
	i := in{reply: c.expr("in.reply", d.Reply), delivery: c.expr("in.delivery", d.Delivery), ours: c.expr("in.ours", d.Ours), incident: c.expr("in.incident", d.Incident), record: c.expr("in.record", d.Record),
		actor: c.expr("in.actor", d.Actor), at: c.expr("in.at", d.At)}
	if len(d.Acts) > actsMax {
		c.bad("in.acts", "%d acts, at most %d", len(d.Acts), actsMax)
	}
	for n := range d.Acts {
		a := &d.Acts[n]
		path := "in.acts[" + string(rune('0'+n%10)) + "]"
		if !slices.Contains(actKinds, a.Act) {
			c.bad(path+".act", "%q: expected one of %s", a.Act, strings.Join(actKinds, ", "))
		}
		i.acts = append(i.acts, act{kind: itsm.ActKind(a.Act), when: c.expr(path+".when", a.When), text: c.expr(path+".text", a.Text), assignee: c.expr(path+".assignee", a.Assignee),
			group: c.expr(path+".group", a.Group), priority: c.expr(path+".priority", a.Priority), closeCode: c.expr(path+".close_code", a.CloseCode), reason: c.expr(path+".reason", a.Reason)})
	}
	if len(i.acts) > 0 && i.incident == nil && i.record == nil {
		c.bad("in", "neither incident nor record: expected one that says which incident it is about")
	}
	return i
}
