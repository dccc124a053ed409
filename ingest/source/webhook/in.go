package webhook

import (
	"strconv"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Bounds of a body and of what it becomes.
const (
	actsMax    = 10
	valuesMax  = 20_000 // scalars, lists and maps of a body
	numberMax  = 32     // characters of a number that is read
	msFrom     = 1e11   // a number of seconds is below, one of milliseconds above
	nanoFrom   = 1e14
	closeBytes = 32
)

type in struct {
	reply, delivery, ours, incident, record, actor, at *expr
	acts                                               []act
}

type act struct {
	kind                                                     itsm.ActKind
	when, text, assignee, group, priority, closeCode, reason *expr
}

// Decode turns a webhook of the partner into acts. What no act of the mapping is
// about is an empty result.
func (m *Mapping) Decode(body []byte, b source.Bounds) (source.Result, error) {
	v, err := read(body, b)
	if err != nil {
		return source.Result{}, err
	}
	vars := map[string]any{"body": v, "vars": m.varsOrNone(), "incident": map[string]any{}, "transition": "", "text": "", "actor": "", "key": "", "record": "", "answer": nil, "at": int64(0), "login": map[string]string{}}
	reply, err := m.in.reply.string(vars)
	if err != nil {
		return source.Result{}, err
	}
	if reply != "" {
		return source.Result{Reply: source.Clip(reply, source.LabelBytesMax)}, nil
	}
	var acts []itsm.Act
	for i := range m.in.acts {
		a := &m.in.acts[i]
		is, err := a.when.bool(vars, true)
		if err != nil {
			return source.Result{}, err
		}
		if !is {
			continue
		}
		got, ok, err := a.read(vars)
		if err != nil {
			return source.Result{}, err
		}
		if ok {
			acts = append(acts, got)
		}
	}
	if len(acts) == 0 {
		return source.Result{}, nil
	}
	head, ok, err := m.in.head(vars, body)
	if err != nil || !ok {
		return source.Result{}, err
	}
	for i := range acts {
		a := &acts[i]
		a.Incident, a.Epoch, a.Actor, a.DeliveryID, a.PartnerVersion, a.Ours = head.Incident, head.Epoch, head.Actor, head.DeliveryID, head.PartnerVersion, head.Ours
		if head.Link != nil {
			link := *head.Link
			a.Link = &link
		}
	}
	return source.Result{Acts: acts}, nil
}

func (m *Mapping) varsOrNone() map[string]string {
	if m.vars == nil {
		return map[string]string{}
	}
	return m.vars
}

// read takes what one act needs; false when nothing is left of it.
func (a *act) read(vars map[string]any) (itsm.Act, bool, error) {
	out := itsm.Act{Kind: a.kind}
	priority := ""
	for _, f := range []struct {
		e    *expr
		into *string
		most int
	}{{a.text, &out.Text, itsm.NoteBytesMax}, {a.assignee, &out.Assignee, source.PersonBytesMax}, {a.group, &out.Group, source.PersonBytesMax},
		{a.priority, &priority, source.NameBytesMax}, {a.closeCode, &out.CloseCode, closeBytes}, {a.reason, &out.Reason, source.NameBytesMax}} {
		s, err := f.e.string(vars)
		if err != nil {
			return out, false, err
		}
		*f.into = source.Clip(s, f.most)
	}
	switch a.kind {
	case itsm.ActNote:
		return out, strings.TrimSpace(out.Text) != "" && !strings.HasPrefix(out.Text, source.NoteMark), nil
	case itsm.ActAssign:
		return out, out.Assignee != "" || out.Group != "", nil
	case itsm.ActPriority:
		p, err := itsm.ParsePriority(priority)
		if err != nil {
			return out, false, itsm.Errorf(itsm.Invalid, "%s: %s: expected P1 to P5, or nothing", a.priority.path, source.Quote(priority))
		}
		out.Priority = p
	}
	return out, true, nil
}

// head reads what all acts of a delivery share; false when it is not about ours.
func (i *in) head(vars map[string]any, body []byte) (itsm.Act, bool, error) {
	var a itsm.Act
	values := make([]string, 5)
	for n, e := range []*expr{i.delivery, i.incident, i.record, i.actor, i.at} {
		s, err := e.string(vars)
		if err != nil {
			return a, false, err
		}
		values[n] = s
	}
	delivery, incident, record, actor, when := values[0], values[1], values[2], values[3], values[4]
	ours, err := i.ours.bool(vars, false)
	if err != nil || ours {
		return a, false, err
	}
	if delivery == "" {
		delivery = "body-" + source.Digest(string(body))
	}
	if len(delivery) > source.NameBytesMax {
		return a, false, itsm.Errorf(itsm.Invalid, "in.delivery: %d bytes, at most %d", len(delivery), source.NameBytesMax)
	}
	a.DeliveryID = delivery
	if actor = source.Clip(actor, source.PersonBytesMax); actor == "" {
		actor = "somebody"
	}
	a.Actor = "webhook:" + actor
	if when != "" {
		if a.PartnerVersion, err = millis(when); err != nil {
			return a, false, err
		}
	}
	if record != "" && len(record) <= source.NameBytesMax {
		a.Link = &itsm.ExternalRef{ID: record}
	}
	known := false
	if a.Incident, a.Epoch, known = ParseIncident(incident); !known && a.Link == nil {
		return a, false, nil // somebody else's record
	}
	return a, known || incident == "", nil
}

// ParseIncident reads our key, signalbox/INC0000001/1, or an incident's number, which
// stands for whichever epoch is current.
func ParseIncident(s string) (itsm.IncidentNumber, uint32, bool) {
	if n, epoch, ok := source.ParseRecordKey('/', s); ok {
		return n, epoch, true
	}
	n, err := itsm.ParseIncidentNumber(s)
	return n, 0, err == nil && n != 0
}

// millis reads a time as partners write it.
func millis(s string) (int64, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil && len(s) <= numberMax && f >= 0 && f < 9e18 {
		switch {
		case f < msFrom:
			f *= 1000
		case f >= nanoFrom:
			f /= 1e6
		}
		return int64(f), nil
	}
	t, err := itsm.ParseTime(s)
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "in.at: %s: expected a time in RFC 3339, or a number of seconds or milliseconds", source.Quote(s))
	}
	return int64(t), nil
}

// read makes maps, lists and scalars of a body.
func read(body []byte, b source.Bounds) (any, error) {
	r := source.NewReader(body, b)
	left := valuesMax
	v := value(r, &left)
	if left < 0 {
		return nil, itsm.Errorf(itsm.Invalid, "more than %d values", valuesMax)
	}
	return v, r.End()
}

// Answer reads a partner's answer as a mapping sees it.
func Answer(body []byte) (any, error) { return read(body, source.Bounds{}) }

func value(r *source.Reader, left *int) any {
	if *left--; *left < 0 {
		r.Skip()
		return nil
	}
	switch r.Peek() {
	case source.Object:
		out := map[string]any{}
		for r.Enter(); ; {
			k, ok := r.Key()
			if !ok {
				return out
			}
			if _, twice := out[k]; twice {
				r.Skip()
				continue
			}
			out[k] = value(r, left)
		}
	case source.Array:
		out := []any{}
		for r.Enter(); r.Next(); {
			out = append(out, value(r, left))
		}
		return out
	case source.String:
		return r.Str()
	case source.Number:
		return number(r.Literal())
	case source.Bool:
		return r.Literal() == "true"
	case source.Null:
		r.Literal()
	}
	return nil
}

func number(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return f
}
