package webhook

import (
	"encoding/json"
	"path"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

type out struct {
	record, url, refused, passing *expr
	requests                      map[itsm.Transition]*request
	login, reopen, find, whose    *request
	look                          *look
}

type request struct {
	method          string
	path, body      *expr
	headers         []header
	found, incident *expr // of the answer
	needsRecord     bool
}

type header struct {
	name  string
	value *expr
}

// Request is what to send. Path begins with a slash, or is empty, and comes after the
// address of the configuration.
type Request struct {
	Method  string
	Path    string
	Headers [][2]string
	Body    []byte // nil: none
	JSON    bool   // the body is JSON, not a text
}

// Input is what an outgoing expression sees.
type Input struct {
	Intent      *itsm.Intent
	Record      string
	Vars        map[string]string
	ExternalURL string // where people reach this console
}

// For returns the request of an intent; ok is false when the partner is not told of
// such a transition. A request that names the record is Conflict without one.
func (m *Mapping) For(in Input) (r Request, ok bool, err error) {
	q := m.out.requests[in.Intent.Transition]
	if in.Intent.Transition == itsm.Trigger && in.Intent.Epoch > 1 && in.Record != "" && m.out.reopen != nil {
		q = m.out.reopen
	}
	if q == nil {
		return Request{}, false, nil
	}
	if q.needsRecord && in.Record == "" {
		return Request{}, true, itsm.Errorf(itsm.Conflict, "the partner has no record of %s that is known here", in.Intent.Incident)
	}
	r, err = q.render(in.values())
	return r, true, err
}

// Find returns the request that looks for the record of an intent's incident; ok is
// false when the mapping has none.
func (m *Mapping) Find(in Input) (r Request, ok bool, err error) {
	if m.out.find == nil {
		return Request{}, false, nil
	}
	r, err = m.out.find.render(in.values())
	return r, true, err
}

// Found takes the record's id out of the answer to Find; "" is none.
func (m *Mapping) Found(in Input, answer any) (string, error) {
	return m.out.find.found.string(in.with(answer))
}

// Login returns the request that opens a session for a user; ok is false when the
// mapping has none.
func (m *Mapping) Login(user, password string, vars map[string]string) (r Request, ok bool, err error) {
	if m.out.login == nil {
		return Request{}, false, nil
	}
	v := Input{Intent: &itsm.Intent{}, Vars: vars}.values()
	v["login"] = map[string]string{"user": user, "password": password}
	r, err = m.out.login.render(v)
	return r, true, err
}

// HasLogin reports whether the mapping opens a session.
func (m *Mapping) HasLogin() bool { return m.out.login != nil }

// Whose returns the request that looks whose incident a record is.
func (m *Mapping) Whose(record string, vars map[string]string) (r Request, ok bool, err error) {
	if m.out.whose == nil {
		return Request{}, false, nil
	}
	r, err = m.out.whose.render(Input{Intent: &itsm.Intent{}, Record: record, Vars: vars}.values())
	return r, true, err
}

// IncidentIn takes our incident out of the answer to Whose; 0 is none of ours.
func (m *Mapping) IncidentIn(record string, vars map[string]string, answer any) (itsm.IncidentNumber, uint32, error) {
	key, err := m.out.whose.incident.string(Input{Intent: &itsm.Intent{}, Record: record, Vars: vars}.with(answer))
	if err != nil {
		return 0, 0, err
	}
	n, epoch, _ := ParseIncident(key)
	return n, epoch, nil
}

// HasFind reports whether a trigger can be looked up before it is repeated.
func (m *Mapping) HasFind() bool { return m.out.find != nil }

// Refusal reports why an answer of 2xx is a refusal, and whether it may pass; "" is
// none.
func (m *Mapping) Refusal(in Input, answer any) (why string, passing bool, err error) {
	if why, err = m.out.refused.string(in.with(answer)); err != nil || why == "" {
		return "", false, err
	}
	passing, err = m.out.passing.bool(in.with(answer), false)
	return source.Clip(why, 500), passing, err
}

// RecordIn takes the record's id and address out of the answer to a trigger; "" when
// the mapping or the answer has none.
func (m *Mapping) RecordIn(in Input, answer any) (id, address string, err error) {
	if id, err = m.out.record.string(in.with(answer)); err != nil || id == "" {
		return "", "", err
	}
	if len(id) > source.NameBytesMax {
		return "", "", itsm.Errorf(itsm.Invalid, "out.record: %d bytes, at most %d", len(id), source.NameBytesMax)
	}
	in.Record = id
	address, err = m.out.url.string(in.with(answer))
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		address = ""
	}
	return id, source.Link(address), err
}

func (r *request) render(in map[string]any) (Request, error) {
	q := Request{Method: r.method}
	var err error
	if q.Path, err = r.path.string(in); err != nil {
		return q, err
	}
	if err := checkPath(q.Path); err != nil {
		return q, err
	}
	for _, h := range r.headers {
		v, err := h.value.string(in)
		if err != nil {
			return q, err
		}
		if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }) || len(v) > 4<<10 {
			return q, itsm.Errorf(itsm.Invalid, "%s: a header of %d bytes with control characters or longer than 4 KiB", h.value.path, len(v))
		}
		q.Headers = append(q.Headers, [2]string{h.name, v})
	}
	body, err := r.body.value(in)
	if err != nil {
		return q, err
	}
	switch body := body.(type) {
	case nil:
		return q, nil
	case string:
		q.Body = []byte(body)
	default:
		if q.Body, err = json.Marshal(body); err != nil {
			return q, itsm.Errorf(itsm.Invalid, "%s: %v", r.body.path, err)
		}
		q.JSON = true
	}
	if len(q.Body) > outBytesMax {
		return q, itsm.Errorf(itsm.Invalid, "%s: a body of %d bytes, at most %d", r.body.path, len(q.Body), outBytesMax)
	}
	return q, nil
}

// checkPath refuses what would not stay below the configured address.
func checkPath(p string) error {
	bare, _, _ := strings.Cut(p, "?")
	ok := p == "" || strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//") || strings.HasPrefix(p, "?")
	for _, part := range strings.Split(bare, "/") {
		low := strings.ToLower(part)
		ok = ok && !strings.Contains(part, "..") && part != "." && !strings.Contains(low, "%2e%2e") && !strings.Contains(low, "%2f%2e")
	}
	if !ok || strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' || c == '#' }) || bare != "" && path.Clean(bare) != strings.TrimSuffix(bare, "/") && bare != "/" {
		return itsm.Errorf(itsm.Invalid, "path %s: expected one that begins with a slash and has no dots, spaces or control characters; put escape(…) around what is not yours", source.Quote(p))
	}
	return nil
}

func (in Input) with(answer any) map[string]any {
	v := in.values()
	v["answer"] = answer
	return v
}

// values are the variables of an outgoing expression.
func (in Input) values() map[string]any {
	i := in.Intent
	s := &i.Snapshot
	address := ""
	if i.Incident != 0 {
		address = i.Incident.PageAt(in.ExternalURL)
	}
	vars := in.Vars
	if vars == nil {
		vars = map[string]string{}
	}
	return map[string]any{
		"transition": string(i.Transition), "text": i.Text, "actor": i.Actor, "key": i.Key, "record": in.Record, "vars": vars, "answer": nil, "body": nil,
		"at": int64(i.At), "login": map[string]string{}, "keys": []string{}, "ids": []string{}, "item": nil,
		"incident": map[string]any{
			"number": i.Incident.String(), "epoch": int64(i.Epoch), "key": Key(i.Incident, i.Epoch), "title": s.Title, "state": s.State.String(),
			"priority": s.Priority.String(), "severity": s.Severity.String(), "impact": s.Impact.String(), "urgency": s.Urgency.String(),
			"cis": list(s.CIs), "services": list(s.Services), "cause": s.Cause, "because": s.Because, "alerts": int64(s.Alerts), "firing": int64(s.Firing),
			"group": s.Group, "assignee": s.Assignee, "url": address, "runbook": s.Runbook, "opened_at": at(s.OpenedAt),
			"acknowledged_by": s.AcknowledgedBy, "resolved_at": at(s.ResolvedAt), "resolved_by": s.ResolvedBy, "close_code": s.CloseCode, "close_note": s.CloseNote,
		},
	}
}

// Key is our key of the record of an epoch.
func Key(n itsm.IncidentNumber, epoch uint32) string { return source.RecordKey('/', n, epoch) }

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

func at(t itsm.Time) string {
	if t == 0 {
		return ""
	}
	return t.String()
}
