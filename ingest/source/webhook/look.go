package webhook

import (
	"slices"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// lookDocument is how a sweep asks what the partner has. Of the answer, records are the
// list of records, and every other expression is of one item of it; incident and record
// are our key and the partner's id.
type lookDocument struct {
	requestDocument `yaml:",inline"`

	Known *requestDocument `yaml:"known"` // asks about records by ids; the request above then asks about one key

	Most     int    `yaml:"most"`    // records that one request asks about, or that known does; 1
	Records  string `yaml:"records"` // of the answer
	State    string `yaml:"state"`   // open, acknowledged, resolved, unresolved where the partner does not tell the first two apart, or "" for none
	Version  string `yaml:"version"` // when it changed last, as in.at, or a number that grows
	URL      string `yaml:"url"`
	Assignee string `yaml:"assignee"`
	Group    string `yaml:"group"`
	Priority string `yaml:"priority"`
	Title    string `yaml:"title"`
	By       string `yaml:"by"`   // the person who changed it last
	Ours     string `yaml:"ours"` // whether our own account changed it last
}

// look is a compiled lookDocument. fields are what not every partner has.
type look struct {
	*request
	known                                  *request
	most                                   int
	records, state, version, url, by, ours *expr
	assignee, group, priority, title       *expr
}

// looksMax bounds what one request may ask about.
const looksMax = 100

func (c *compiler) look(d *lookDocument, reopens bool) *look {
	if d == nil {
		return nil
	}
	of := func(name, text string) *expr { return c.expr("out.look."+name, text) }
	l := &look{request: c.request("out.look", &d.requestDocument), known: c.request("out.look.known", d.Known), most: max(d.Most, 1), records: of("records", d.Records), state: of("state", d.State), version: of("version", d.Version),
		url: of("url", d.URL), by: of("by", d.By), ours: of("ours", d.Ours), assignee: of("assignee", d.Assignee), group: of("group", d.Group), priority: of("priority", d.Priority), title: of("title", d.Title)}
	for name, e := range map[string]*expr{"records": l.records, "incident": l.incident, "record": l.found, "state": l.state} {
		if e == nil {
			c.bad("out.look."+name, "missing: expected an expression, see 'signalbox connectors example zendesk'")
		}
	}
	if d.Most < 0 || d.Most > looksMax {
		c.bad("out.look.most", "%d: expected 1 to %d", d.Most, looksMax)
	}
	if d.Known != nil && d.Most < 2 {
		c.bad("out.look.most", "%d: expected 2 to %d, the records that known asks about", d.Most, looksMax)
	}
	if reopens {
		c.bad("out.look", "reopen beside it: a record that is opened again does not carry the key of the new epoch, so it would not be found")
	}
	return l
}

// LooksMost is how many records one request of Look may ask about; 0: the mapping does
// not say how to look a record up.
func (m *Mapping) LooksMost() int {
	switch l := m.out.look; {
	case l == nil:
		return 0
	case l.known != nil:
		return 1
	}
	return m.out.look.most
}

// LooksKnown is how many records one request of LookKnown may ask about; 0: the mapping
// asks by our keys alone.
func (m *Mapping) LooksKnown() int {
	if l := m.out.look; l != nil && l.known != nil {
		return l.most
	}
	return 0
}

// LookKnown returns the request that asks about records by the partner's ids.
func (m *Mapping) LookKnown(ids []string, vars map[string]string) (Request, error) {
	v := lookValues(nil, vars)
	v["ids"] = ids
	return m.out.look.known.render(v)
}

// Look returns the request that asks about the records with our keys.
func (m *Mapping) Look(keys []string, vars map[string]string) (Request, error) {
	return m.out.look.render(lookValues(keys, vars))
}

func lookValues(keys []string, vars map[string]string) map[string]any {
	v := Input{Intent: &itsm.Intent{}, Vars: vars}.values()
	if keys != nil {
		v["keys"] = keys
	}
	return v
}

// Seen takes the records with our keys out of the answer to Look or LookKnown, by key. What else
// the answer holds is left out: a partner that ignores a filter shows the records of
// others. Of two with one key it is the open one, or the newer.
func (m *Mapping) Seen(keys []string, vars map[string]string, answer any) (map[string]itsm.PartnerRecord, error) {
	v := lookValues(keys, vars)
	v["answer"] = answer
	list, err := m.out.look.records.value(v)
	if err != nil {
		return nil, err
	}
	items, ok := list.([]any)
	if !ok && list != nil {
		return nil, itsm.Errorf(itsm.Invalid, "out.look.records: comes to %T, expected a list", list)
	}
	out := map[string]itsm.PartnerRecord{}
	for _, item := range items {
		v["item"] = item
		key, err := m.out.look.incident.string(v)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(keys, key) {
			continue
		}
		r, err := m.out.look.read(v)
		if err != nil {
			return nil, err
		}
		had, twice := out[key]
		if r.Status != itsm.RecordNone && (!twice || r.Status.IsOpen() && !had.Status.IsOpen() || r.Status.IsOpen() == had.Status.IsOpen() && r.Version > had.Version) {
			out[key] = r
		}
	}
	return out, nil
}

// recordStates are the words of a look's state.
var recordStates = map[string]itsm.RecordStatus{"": itsm.RecordNone, "open": itsm.RecordOpen, "unresolved": itsm.RecordOpen, "acknowledged": itsm.RecordAcknowledged, "resolved": itsm.RecordResolved}

// read makes a record of one item.
func (l *look) read(v map[string]any) (r itsm.PartnerRecord, err error) {
	var texts [7]string
	for n, e := range []*expr{l.found, l.url, l.state, l.version, l.by, l.priority, l.assignee} {
		if texts[n], err = e.string(v); err != nil {
			return r, err
		}
	}
	id, address, state, version, by, priority := texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]
	status, known := recordStates[state]
	if !known {
		return r, itsm.Errorf(itsm.Invalid, "out.look.state: %s: expected open, acknowledged, resolved, unresolved or nothing", source.Quote(state))
	}
	if id == "" || len(id) > source.NameBytesMax {
		return r, itsm.Errorf(itsm.Invalid, "out.look.record: an id of %d bytes, expected 1 to %d", len(id), source.NameBytesMax)
	}
	r = itsm.PartnerRecord{Status: status, AckUnknown: state == "unresolved", Link: itsm.ExternalRef{ID: id, URL: source.Link(address)}, By: source.Clip(by, source.NameBytesMax), Assignee: texts[6]}
	if version != "" {
		if r.Version, err = millis(version); err != nil {
			return r, itsm.Errorf(itsm.Invalid, "out.look.version: %s: expected a time in RFC 3339, or a number", source.Quote(version))
		}
	}
	if r.Ours, err = l.ours.bool(v, false); err != nil {
		return r, err
	}
	if r.Group, err = l.group.string(v); err != nil {
		return r, err
	}
	if r.Title, err = l.title.string(v); err != nil {
		return r, err
	}
	if priority != "" {
		if r.Priority, err = itsm.ParsePriority(priority); err != nil {
			return r, itsm.Errorf(itsm.Invalid, "out.look.priority: %s: expected P1 to P5 or nothing", source.Quote(priority))
		}
	}
	for f, e := range map[itsm.SyncFields]*expr{itsm.SyncAssignee: l.assignee, itsm.SyncGroup: l.group, itsm.SyncPriority: l.priority, itsm.SyncTitle: l.title} {
		if e != nil {
			r.Knows |= f
		}
	}
	return r, nil
}
