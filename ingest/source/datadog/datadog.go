// Package datadog decodes Datadog's webhooks integration. It is pure.
//
// Datadog's default body says neither which alert it is about nor what became of
// it, so Signalbox publishes its own payload (Template). The default body is
// understood as far as its title goes, with the scope that a multi alert has there. Form-encoded deliveries hold the same
// fields. A variable Datadog could not fill arrives as its own name, as "" or as
// "null"; all three are absent.
//
// # Decisions
//
// 2026-11 Tags become labels, but no identity: Datadog's own aggregation key is
// the identity, so tags beyond the bound of labels can be left out (and counted)
// instead of refusing the alert.
package datadog

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Template is the payload to paste into Datadog's webhook (Integrations →
// Webhooks → New → Payload).
const Template = `{
  "signalbox": "datadog/1",
  "id": "$ID",
  "alert_id": "$ALERT_ID",
  "alert_cycle_key": "$ALERT_CYCLE_KEY",
  "aggreg_key": "$AGGREG_KEY",
  "alert_transition": "$ALERT_TRANSITION",
  "alert_status": "$ALERT_STATUS",
  "alert_type": "$ALERT_TYPE",
  "alert_priority": "$ALERT_PRIORITY",
  "alert_scope": "$ALERT_SCOPE",
  "alert_metric": "$ALERT_METRIC",
  "alert_query": "$ALERT_QUERY",
  "alert_title": "$ALERT_TITLE",
  "event_title": "$EVENT_TITLE",
  "event_type": "$EVENT_TYPE",
  "text": "$TEXT_ONLY_MSG",
  "date": "$DATE",
  "last_updated": "$LAST_UPDATED",
  "hostname": "$HOSTNAME",
  "tags": "$TAGS",
  "link": "$LINK",
  "snapshot": "$SNAPSHOT",
  "org_id": "$ORG_ID",
  "org_name": "$ORG_NAME"
}
`

// fields are the values of one delivery by name, absent ones left out:
// https://docs.datadoghq.com/integrations/webhooks/ (variables as of 2026-11).
type fields map[string]string

// Decode turns the body of one webhook into one event.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	b = b.OrDefaults()
	f, err := read(body, b)
	if err != nil {
		return source.Result{}, err
	}
	var faults source.Faults
	e := f.event(&faults, &b)
	if err := faults.Wrong(); err != nil {
		return source.Result{}, err
	}
	return source.Result{Events: []itsm.Event{e}, Over: faults.Over()}, nil
}

func read(body []byte, b source.Bounds) (fields, error) {
	text := strings.TrimSpace(string(body[:min(len(body), 64)]))
	if text != "" && !strings.ContainsAny(text[:1], `{["`) && strings.Contains(string(body), "=") {
		return readForm(string(body))
	}
	flat, err := source.Flatten(body, b)
	if err != nil {
		return nil, err
	}
	f := fields{}
	for _, path := range slices.Sorted(maps.Keys(flat)) {
		// org {"id": …} of the default body is org_id.
		f.put(strings.ReplaceAll(path, ".", "_"), flat[path])
	}
	return f, nil
}

func readForm(body string) (fields, error) {
	values, err := url.ParseQuery(strings.TrimSpace(body))
	if err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "neither JSON nor a form: %s", source.Quote(body))
	}
	f := fields{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(f) == source.FlatFieldsMax {
			break
		}
		f.put(key, strings.ToValidUTF8(values[key][0], "\uFFFD"))
	}
	return f, nil
}

// put keeps a present value under the first spelling of its name.
func (f fields) put(key, value string) {
	key = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(key), "$"))
	value = strings.TrimSpace(value)
	if _, ok := f[key]; ok || value == "" || value == "null" || isVariable(value) {
		return
	}
	f[key] = value
}

// isVariable reports whether s is the name of a variable that was not filled.
func isVariable(s string) bool {
	if len(s) < 2 || s[0] != '$' {
		return false
	}
	return strings.IndexFunc(s[1:], func(c rune) bool {
		return (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_'
	}) < 0
}

func (f fields) first(names ...string) string {
	for _, n := range names {
		if v := f[n]; v != "" {
			return v
		}
	}
	return ""
}

func (f fields) event(faults *source.Faults, b *source.Bounds) itsm.Event {
	title, marks := split(f.first("event_title", "alert_title", "title"))
	f.put("alert_scope", scopeMark(marks)) // the default body has it nowhere else
	s := f.state(marks, faults)
	e := itsm.Event{Status: s.status, NoData: s.noData, ID: f["id"], Title: source.Title(title), GeneratorURL: source.Link(f["link"])}
	e.Identity = f.identity(title, faults)
	e.SeverityWord = f.first("alert_priority", "alert_type")
	if e.SeverityWord == "" {
		e.SeverityWord = priorityMark(marks)
	}
	e.Severity = itsm.SeverityOf(e.SeverityWord)
	if s.warn {
		e.Severity = itsm.Warning
	}
	f.times(&e, faults)
	e.Labels = f.labels(title, &e, faults, b)
	e.Annotations = append(e.Annotations, f.annotations(faults, b)...)
	e.Annotations = itsm.NewLabels(e.Annotations)
	if e.Title == "" {
		e.Title = "Datadog alert " + e.Identity
	}
	for _, v := range []struct{ name, value string }{{"id", e.ID}, {"aggreg_key or alert_id", e.Identity}, {"alert_priority", e.SeverityWord}} {
		if len(v.value) > b.NameBytes {
			faults.Exceed(source.BoundNameBytes, v.name, "%d bytes, at most %d are accepted", len(v.value), b.NameBytes)
		}
	}
	return e
}

// identity is Datadog's aggregation key; else the monitor and its sorted scope;
// else the cycle; else, with the default body, the organisation, the title and the
// scope that the title carries.
func (f fields) identity(title string, faults *source.Faults) string {
	switch {
	case f["aggreg_key"] != "":
		return f["aggreg_key"]
	case f["alert_id"] != "":
		scope := tags(f["alert_scope"])
		slices.Sort(scope)
		id := f["alert_id"] + ":" + strings.Join(scope, ",")
		if len(id) > source.NameBytesMax {
			return f["alert_id"] + ":" + source.Digest(scope...)
		}
		return id
	case f["alert_cycle_key"] != "":
		return f["alert_cycle_key"]
	case title != "":
		scope := tags(f["alert_scope"])
		slices.Sort(scope)
		return "title:" + source.Digest(append([]string{f["org_id"], title}, scope...)...)
	}
	faults.Add("aggreg_key", "missing, and there is no alert_id or title either; use the payload of the README (Datadog)")
	return ""
}

func tags(list string) []string {
	var out []string
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimSpace(t); t != "" && t != "*" {
			out = append(out, t)
		}
	}
	return out
}

// times: Datadog says when it made the observation. Only a fresh trigger says
// when the condition began; a renotification must not look like a new episode.
func (f fields) times(e *itsm.Event, faults *source.Faults) {
	at := f.epoch("last_updated", faults)
	date := f.epoch("date", faults)
	if at == 0 {
		at = date
	}
	e.EventAt = at
	if e.Status == itsm.Resolved {
		e.EndsAt = at
	} else if date != 0 && strings.EqualFold(f["alert_transition"], "triggered") {
		e.StartsAt = date
	}
}

// epoch reads a time in milliseconds or seconds since 1970, as Datadog sends it,
// or an RFC 3339 time, as people write it.
func (f fields) epoch(name string, faults *source.Faults) itsm.Time {
	const millisFrom = 1 << 36 // as seconds this would be the year 4147
	v := f[name]
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 0 && n < 1<<52 {
		if n < millisFrom {
			n *= 1000
		}
		return itsm.Time(n)
	}
	t, err := itsm.ParseTime(v)
	if err != nil {
		faults.Add(name, "%s: expected milliseconds since 1970", source.Quote(v))
	}
	return t
}

// labels are the scope, then the tags, then what other fields name.
func (f fields) labels(title string, e *itsm.Event, faults *source.Faults, b *source.Bounds) itsm.Labels {
	const own = 4 // places kept for the labels added below
	var ls []itsm.Label
	dropped := 0
	for _, t := range append(tags(f["alert_scope"]), tags(f["tags"])...) {
		name, value, ok := strings.Cut(t, ":")
		if !ok || value == "" {
			name, value = strings.TrimSuffix(t, ":"), "true"
		}
		known := slices.ContainsFunc(ls, func(l itsm.Label) bool { return l.Name == name })
		switch {
		case name == "" || known:
		case len(ls) >= b.Labels-own || len(name) > b.NameBytes || len(value) > b.LabelBytes:
			dropped++
		default:
			ls = append(ls, itsm.Label{Name: name, Value: value})
		}
	}
	if dropped > 0 {
		faults.LeftOut(source.BoundLabels)
		e.Annotations = append(e.Annotations, itsm.Label{Name: "tags_left_out", Value: strconv.Itoa(dropped)})
	}
	for _, l := range []itsm.Label{{Name: "alertname", Value: source.Title(title)}, {Name: "host", Value: f["hostname"]},
		{Name: "monitor_id", Value: f["alert_id"]}, {Name: "org", Value: f["org_name"]}} {
		if len(l.Value) <= b.LabelBytes && len(ls) < b.Labels {
			ls = append(ls, l)
		}
	}
	return itsm.NewLabels(ls)
}

// kept are the fields that people read, under the names they get as annotations.
var kept = []itsm.Label{{Name: "text", Value: "description"}, {Name: "body", Value: "description"}, {Name: "alert_query", Value: "query"},
	{Name: "alert_metric", Value: "metric"}, {Name: "alert_transition", Value: "transition"}, {Name: "alert_status", Value: "status"},
	{Name: "alert_cycle_key", Value: "cycle_key"}, {Name: "event_type", Value: "event_type"}, {Name: "snapshot", Value: "snapshot"}}

func (f fields) annotations(faults *source.Faults, b *source.Bounds) []itsm.Label {
	var out []itsm.Label
	for _, k := range kept {
		v := f[k.Name]
		if len(v) > b.AnnotationBytes {
			faults.Exceed(source.BoundAnnotationBytes, k.Name, "%d bytes, at most %d are accepted", len(v), b.AnnotationBytes)
			continue
		}
		out = append(out, itsm.Label{Name: k.Value, Value: v})
	}
	return out
}
