package console

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// shownMax bounds the rows of a page that are watched for changes.
const shownMax = listPageSize + urgentMax

// news is what a stream says: what happened since the page was made, in words,
// and to how many rows.
type news struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
	// Of a page that waits for something: how far it is in thousandths, and that
	// there is nothing more to wait for.
	Progress int  `json:"progress,omitempty"`
	Done     bool `json:"done,omitempty"`
}

// watch is what a page asked to be told about. It is made from the page's own
// address, so that the server keeps nothing for a reader.
type watch interface {
	news(*Console) (news, error)
}

func parseWatch(v url.Values) (watch, error) {
	switch list := v.Get("list"); {
	case v.Get("incident") != "":
		return parseIncidentWatch(v)
	case v.Get("backtest") != "":
		return backtestWatch{id: v.Get("backtest")}, nil
	case list == "status":
		return statusWatch{mark: v.Get("seen")}, nil
	case list == "incidents":
		f, err := parseIncidentFilter(v)
		if err != nil {
			return nil, err
		}
		return parseListWatch(v, listWatch[itsm.Incident]{one: "incident", many: "incidents", number: incidentNumber, mark: incidentMark,
			page: func(r Records) (desk.Page[itsm.Incident], error) { return r.Incidents(f.query()) },
			get:  func(r Records, n uint64) (itsm.Incident, error) { return r.Incident(itsm.IncidentNumber(n)) }})
	case list == "alerts":
		f, err := parseAlertFilter(v)
		if err != nil {
			return nil, err
		}
		return parseListWatch(v, listWatch[itsm.Alert]{one: "alert", many: "alerts", number: alertNumber, mark: alertMark,
			page: func(r Records) (desk.Page[itsm.Alert], error) { return r.Alerts(f.query()) },
			get:  func(r Records, n uint64) (itsm.Alert, error) { return r.Alert(itsm.AlertNumber(n)) }})
	}
	return nil, itsm.Errorf(itsm.Invalid, "list %q: expected incidents, alerts or status, or the parameter incident or backtest; reload the page", line(v.Get("list"), 40))
}

// listWatch follows the rows of one page of a list, and the list's filter.
type listWatch[T any] struct {
	shown     map[uint64]string // number → mark of each row of the page
	low       uint64            // the list goes on below this number on another page
	one, many string
	number    func(T) uint64
	mark      func(T) string
	page      func(Records) (desk.Page[T], error)
	get       func(Records, uint64) (T, error)
}

func parseListWatch[T any](v url.Values, w listWatch[T]) (watch, error) {
	var err error
	if w.low, err = strconv.ParseUint(v.Get("low"), 10, 64); err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "low %q: expected a number; reload the page", line(v.Get("low"), 40))
	}
	w.shown = map[uint64]string{}
	for row := range strings.SplitSeq(v.Get("shown"), ",") {
		if row == "" {
			continue
		}
		number, mark, _ := strings.Cut(row, ".")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil || len(w.shown) == shownMax {
			return nil, itsm.Errorf(itsm.Invalid, "shown %q: expected at most %d rows such as 17.mark; reload the page", line(row, 40), shownMax)
		}
		w.shown[n] = mark
	}
	return w, nil
}

// news counts rows that the list would show beside those shown, and shown ones
// that read differently now, whether or not they still match.
func (w listWatch[T]) news(c *Console) (news, error) {
	page, err := w.page(c.o.Records)
	if err != nil {
		return news{}, err
	}
	added, changed, now := 0, 0, map[uint64]string{}
	for _, item := range page.Items {
		n := w.number(item)
		now[n] = w.mark(item)
		if _, shown := w.shown[n]; !shown && n > w.low {
			added++
		}
	}
	for n, mark := range w.shown {
		is, listed := now[n]
		if !listed {
			item, err := w.get(c.o.Records, n)
			if err != nil && itsm.CodeOf(err) != itsm.NotFound {
				return news{}, err
			}
			is = w.mark(item)
		}
		if is != mark {
			changed++
		}
	}
	return news{Text: w.words(added, changed), Count: added + changed}, nil
}

func (w listWatch[T]) words(added, changed int) string {
	more := ""
	if added == listPageSize {
		more = "at least " // the page is full of them, and may not be the only one
	}
	switch {
	case added > 0 && changed > 0:
		return more + plural(added, "new "+w.one, "new "+w.many) + ", " + thousands(changed) + " changed."
	case added > 0:
		return more + plural(added, "new "+w.one, "new "+w.many) + "."
	case changed > 0:
		return plural(changed, w.one+" changed", w.many+" changed") + "."
	}
	return ""
}

// watchList is the address of the stream for a page of a list.
func watchList[T any](list, address string, page desk.Page[T], also []T, newest uint64, number func(T) uint64, mark func(T) string) string {
	low := uint64(0)
	if page.Next != "" {
		low = newest // nothing found yet: only what comes is new
		if n := len(page.Items); n > 0 {
			low = number(page.Items[n-1])
		}
	}
	var shown []string
	for _, items := range [][]T{also, page.Items} {
		for _, i := range items {
			shown = append(shown, strconv.FormatUint(number(i), 10)+"."+mark(i))
		}
	}
	_, query, _ := strings.Cut(address, "?")
	v, _ := url.ParseQuery(query) // an address of ours
	v.Set("list", list)
	v.Set("low", strconv.FormatUint(low, 10))
	v.Set("shown", strings.Join(shown[:min(len(shown), shownMax)], ","))
	return "/live?" + v.Encode()
}

func incidentNumber(i itsm.Incident) uint64 { return uint64(i.Number) }
func alertNumber(a itsm.Alert) uint64       { return uint64(a.Number) }

// incidentMark and alertMark change when what a row says changes: not with every
// repetition of an alert.
func incidentMark(i itsm.Incident) string {
	cause := ""
	if len(i.Causes) > 0 {
		cause = i.Causes[0].CI
	}
	return markOf(i.State, i.Priority, i.Title, i.AlertCount, i.FiringCount, i.Services, cause, i.Assignee, i.Group, i.AcknowledgedBy, i.AcknowledgedAt, i.Storm, i.StillFiring)
}

func alertMark(a itsm.Alert) string {
	return markOf(a.Status, a.Severity, a.Title, a.CI, a.Provisional, a.Incident, a.SuppressedBy, a.Flapping, a.EndsAt)
}

// markOf is a short digest: two states of one row seldom share it, and if they
// do, one change is announced late.
func markOf(fields ...any) string {
	h := fnv.New32a()
	for _, f := range fields {
		fmt.Fprintf(h, "%v\x00", f)
	}
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

// incidentWatch follows one incident.
type incidentWatch struct {
	number  itsm.IncidentNumber
	version uint64
	alerts  int
	state   string
	acked   bool
}

func watchIncident(i itsm.Incident) string {
	return "/live?" + url.Values{"incident": {i.Number.String()}, "version": {strconv.FormatUint(i.Version, 10)},
		"alerts": {strconv.Itoa(i.AlertCount)}, "state": {i.State.String()}, "acked": {strconv.FormatBool(i.AcknowledgedAt != 0)}}.Encode()
}

func parseIncidentWatch(v url.Values) (watch, error) {
	n, err := itsm.ParseIncidentNumber(v.Get("incident"))
	if err != nil {
		return nil, err
	}
	w := incidentWatch{number: n, state: v.Get("state"), acked: v.Get("acked") == "true"}
	if w.version, err = strconv.ParseUint(v.Get("version"), 10, 64); err == nil {
		w.alerts, err = strconv.Atoi(v.Get("alerts"))
	}
	if err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "version %q and alerts %q: expected numbers; reload the page", line(v.Get("version"), 40), line(v.Get("alerts"), 40))
	}
	return w, nil
}

func (w incidentWatch) news(c *Console) (news, error) {
	i, err := c.o.Records.Incident(w.number)
	if err != nil || i.Version == w.version {
		return news{}, err
	}
	var what []string
	if i.AcknowledgedAt != 0 && !w.acked {
		what = append(what, "acknowledged by "+actorName(i.AcknowledgedBy))
	}
	if i.State.String() != w.state {
		what = append(what, "now "+words(i.State.String()))
	}
	if n := i.AlertCount - w.alerts; n > 0 {
		what = append(what, plural(n, "new alert", "new alerts"))
	}
	if len(what) == 0 {
		return news{Text: "This incident has changed.", Count: 1}, nil
	}
	return news{Text: "This incident has changed: " + strings.Join(what, ", ") + ".", Count: 1}, nil
}

// statusWatch follows what a person would act on, not the running figures.
type statusWatch struct{ mark string }

func (w statusWatch) news(c *Console) (news, error) {
	if statusMark(c.statusPage()) == w.mark {
		return news{}, nil
	}
	return news{Text: "The status has changed.", Count: 1}, nil
}

func statusMark(p statusPage) string {
	fields := []any{p.Ready, p.NotReady, p.Waiting}
	for _, s := range p.Sources {
		fields = append(fields, s.Name, s.Open, s.Last.ISO != "")
	}
	for _, k := range p.Connectors {
		fields = append(fields, k.Name, k.State, k.Dead)
	}
	return markOf(fields...)
}
