package datadog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// Bounds of the downtimes of one incident, and of what is read of them.
const (
	downtimesMax    = 20  // monitors muted for one incident; the others keep notifying
	groupsMax       = 100 // groups of a monitor that one downtime names
	downtimePage    = 100
	downtimesListed = 10_000
)

// downtime is a downtime of the v2 API, in answers and requests:
// https://docs.datadoghq.com/api/latest/downtimes/
type downtime struct {
	ID         string             `json:"id,omitempty"`
	Type       string             `json:"type"`
	Attributes downtimeAttributes `json:"attributes"`
}

type downtimeAttributes struct {
	Message  string             `json:"message,omitempty"`
	Scope    string             `json:"scope,omitempty"`
	Monitor  *monitorIdentifier `json:"monitor_identifier,omitempty"`
	Schedule *oneTime           `json:"schedule,omitempty"`
	Status   string             `json:"status,omitempty"` // active, scheduled, canceled, ended
}

type monitorIdentifier struct {
	ID   int64    `json:"monitor_id,omitempty"`
	Tags []string `json:"monitor_tags,omitempty"`
}

// oneTime is a schedule without recurrences; its times have the offset zero.
type oneTime struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// markPattern is the key at the end of a downtime's message.
var markPattern = regexp.MustCompile(`\[(INC[0-9]{7,})\.([0-9]{1,9})-([0-9a-f]{6})\]$`)

// ownerOf says which incident a downtime was made for by this connector.
func (c *Connector) ownerOf(d *downtime) (itsm.IncidentNumber, uint32, bool) {
	m := markPattern.FindStringSubmatch(strings.TrimSpace(d.Attributes.Message))
	if m == nil || m[3] != c.installation() {
		return 0, 0, false
	}
	n, err := itsm.ParseIncidentNumber(m[1])
	epoch, err2 := strconv.ParseUint(m[2], 10, 32)
	return n, uint32(epoch), err == nil && err2 == nil
}

// ours lists the downtimes of ours that mute something now or will.
func (c *Connector) ours(ctx context.Context) (out []downtime, err error) {
	for offset := 0; ; offset += downtimePage {
		var page one[[]downtime]
		q := url.Values{"current_only": {"true"}, "page[offset]": {strconv.Itoa(offset)}, "page[limit]": {strconv.Itoa(downtimePage)}}
		if err := c.call(ctx, http.MethodGet, "/api/v2/downtime", q, nil, &page); err != nil {
			return nil, err
		}
		for i := range page.Data {
			if _, _, ok := c.ownerOf(&page.Data[i]); ok && page.Data[i].Attributes.Status != "canceled" && page.Data[i].Attributes.Status != "ended" {
				out = append(out, page.Data[i])
			}
		}
		if len(page.Data) < downtimePage {
			return out, nil
		}
		if offset > downtimesListed {
			return nil, itsm.Errorf(itsm.TooLarge, "Datadog lists more than %d downtimes, which is more than are looked through", downtimesListed)
		}
	}
}

// mute makes a downtime for each monitor whose alerts fire in an incident, for the
// groups that do.
func (c *Connector) mute(ctx context.Context, in *itsm.Intent) error {
	list, err := c.members(in.Incident)
	if err != nil {
		return err
	}
	wanted := map[int64][]itsm.Alert{}
	var ids []int64
	for _, a := range list {
		id, err := strconv.ParseInt(monitorOf(&a), 10, 64)
		if err != nil || a.Status != itsm.Firing {
			continue
		}
		if wanted[id] == nil {
			ids = append(ids, id)
		}
		wanted[id] = append(wanted[id], a)
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	if len(ids) > downtimesMax {
		c.log.Warn("an incident has alerts of more monitors than are muted; the others keep notifying", "incident", in.Incident, "monitors", len(ids), "limit", downtimesMax)
		ids = ids[:downtimesMax]
	}
	there, err := c.ours(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.ContainsFunc(there, func(d downtime) bool {
			n, epoch, _ := c.ownerOf(&d)
			return n == in.Incident && epoch == in.Epoch && d.Attributes.Monitor != nil && d.Attributes.Monitor.ID == id
		}) {
			continue
		}
		key := c.ref(in.Incident, in.Epoch) + "/" + strconv.FormatInt(id, 10) + "/" + in.Key
		if c.made.ID(key) != "" {
			continue // made by this process, and perhaps ended by a person since
		}
		if err := c.made.Missed(in, key); err != nil {
			return err
		}
		c.made.Trying(key)
		err := c.makeDowntime(ctx, in, id, wanted[id])
		c.made.Settled(key, err)
		if err != nil {
			return err
		}
		c.made.Made(key, key)
	}
	return nil
}

func (c *Connector) makeDowntime(ctx context.Context, in *itsm.Intent, id int64, alerts []itsm.Alert) error {
	m, found, err := c.monitor(ctx, strconv.FormatInt(id, 10))
	if err != nil || !found {
		return err
	}
	scope, left := scopeOf(&m, alerts)
	if left > 0 {
		c.log.Warn("alerts whose group at Datadog is not known, or too many, keep notifying", "incident", in.Incident, "monitor", id, "alerts", left)
	}
	if scope == "" {
		return nil
	}
	end := c.o.Clock().UTC().Add(c.o.DowntimeFor).Truncate(time.Second)
	d := one[downtime]{downtime{Type: "downtime", Attributes: downtimeAttributes{Scope: scope, Monitor: &monitorIdentifier{ID: id}, Schedule: &oneTime{End: end.Format(time.RFC3339)},
		Message: oneLine(fmt.Sprintf("%s acknowledged by %s: %s", in.Incident, in.Actor, connectors.Cut(in.Snapshot.Title, titleMax))) + " " + c.link(in.Incident) + " " + c.ref(in.Incident, in.Epoch)}}}
	return c.call(ctx, http.MethodPost, "/api/v2/downtime", nil, &d, nil)
}

// scopeOf names the groups of a monitor that fire, "*" where it has none.
func scopeOf(m *monitor, alerts []itsm.Alert) (scope string, left int) {
	var groups []string
	for i := range alerts {
		name, ok := m.groupOf(&alerts[i])
		switch {
		case !ok:
			left++
		case name == "":
			return "*", left
		case len(groups) == groupsMax:
			left++
		case !slices.Contains(groups, name):
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	for i, g := range groups {
		var terms []string
		for t := range strings.SplitSeq(g, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(t), ":")
			terms = append(terms, k+":"+quoted(v))
		}
		groups[i] = strings.Join(terms, " AND ")
		if len(groups) > 1 && len(terms) > 1 {
			groups[i] = "(" + groups[i] + ")"
		}
	}
	return strings.Join(groups, " OR "), left
}

var plainValue = regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`)

// quoted is a value as the search syntax takes it.
func quoted(v string) string {
	if plainValue.MatchString(v) {
		return v
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

// unmute ends every downtime that was made for an incident, of whichever epoch.
func (c *Connector) unmute(ctx context.Context, n itsm.IncidentNumber) error {
	if !c.o.DowntimeOnAcknowledge {
		return nil // those of an earlier configuration end by themselves
	}
	list, err := c.ours(ctx)
	for i := range list {
		if o, _, _ := c.ownerOf(&list[i]); o == n {
			err = errors.Join(err, c.cancel(ctx, list[i].ID))
		}
	}
	return err
}

// cancel ends a downtime. One that is gone is as good.
func (c *Connector) cancel(ctx context.Context, id string) error {
	err := c.call(ctx, http.MethodDelete, "/api/v2/downtime/"+url.PathEscape(id), nil, nil, nil)
	if connectors.StatusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// Tend implements connectors.Tender.
func (c *Connector) Tend(ctx context.Context, _ func(itsm.IncidentNumber, itsm.ExternalRef)) error {
	if !c.o.DowntimeOnAcknowledge {
		return nil
	}
	list, err := c.ours(ctx)
	now := c.o.Clock()
	for i := range list {
		n, epoch, _ := c.ownerOf(&list[i])
		in, ierr := c.records.Incident(n)
		switch {
		case ierr != nil && itsm.CodeOf(ierr) != itsm.NotFound:
			err = errors.Join(err, ierr)
		case ierr != nil || !in.State.IsOpen() || in.AcknowledgedAt == 0 || in.Epoch != epoch:
			err = errors.Join(err, c.cancel(ctx, list[i].ID))
		case list[i].endsWithin(now, c.o.DowntimeFor/2):
			end := now.UTC().Add(c.o.DowntimeFor).Truncate(time.Second)
			d := one[downtime]{downtime{ID: list[i].ID, Type: "downtime", Attributes: downtimeAttributes{Schedule: &oneTime{End: end.Format(time.RFC3339)}}}}
			err = errors.Join(err, c.call(ctx, http.MethodPatch, "/api/v2/downtime/"+url.PathEscape(list[i].ID), nil, &d, nil))
		}
	}
	return err
}

// endsWithin reports whether a downtime ends so soon; one without an end a person
// made so.
func (d *downtime) endsWithin(now time.Time, span time.Duration) bool {
	if d.Attributes.Schedule == nil {
		return false
	}
	end, err := time.Parse(time.RFC3339Nano, d.Attributes.Schedule.End)
	return err == nil && end.Sub(now) < span
}
