package alertmanager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors"
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// ownMark ends the createdBy of a silence of ours, behind the person it is for.
const ownMark = " (Signalbox)"

// keyAnnotation is the annotation that holds the key, where Alertmanager has
// annotations of silences.
const keyAnnotation = "signalbox"

// keyPattern is the key at the end of a comment. A comment's own text cannot
// forge it: what comes from an alert stands in front of it.
var keyPattern = regexp.MustCompile(`\[signalbox:([a-z0-9_-]{1,80}):(INC[0-9]{7,}):([0-9]{1,9})\]\s*$`)

// owner is the incident a silence of ours was made for.
type owner struct {
	incident itsm.IncidentNumber
	epoch    uint32
}

func (c *Connector) key(o owner) string {
	return fmt.Sprintf("[signalbox:%s:%s:%d]", c.installation(), o.incident, o.epoch)
}

// installation tells this connector of this Signalbox from that of another one,
// which may have the same name and has other incidents.
func (c *Connector) installation() string {
	sum := sha256.Sum256([]byte(c.o.ExternalURL))
	return c.o.Name + "-" + hex.EncodeToString(sum[:3])
}

// ownerOf says which incident a silence was made for by this connector. A silence
// that a person made of ours under another name is that person's.
func (c *Connector) ownerOf(s *silence) (owner, bool) {
	if !strings.HasSuffix(s.CreatedBy, ownMark) {
		return owner{}, false
	}
	m := keyPattern.FindStringSubmatch(s.Comment)
	if m == nil {
		m = keyPattern.FindStringSubmatch(s.Annotations[keyAnnotation])
	}
	if m == nil || m[1] != c.installation() {
		return owner{}, false
	}
	n, err := itsm.ParseIncidentNumber(m[2])
	epoch, err2 := strconv.ParseUint(m[3], 10, 32)
	return owner{n, uint32(epoch)}, err == nil && err2 == nil
}

// silence hides what fires of an incident. Repeating it makes no second silence:
// what is there already is found by its key.
func (c *Connector) silence(ctx context.Context, in *itsm.Intent) (connectors.Receipt, error) {
	members, err := c.records.Members(in.Incident, membersMax)
	if err != nil {
		return connectors.Receipt{}, connectors.Retry(0, "the alerts of %s cannot be read: %w", in.Incident, err)
	}
	sets, err := c.labelsThere(ctx, members)
	if err != nil || len(sets) == 0 {
		return connectors.Receipt{}, err // none of its alerts comes from there
	}
	wanted, left := cover(sets)
	if left > 0 {
		c.log.Warn("an incident has more alerts than silences may be made for; the others keep notifying", "incident", in.Incident, "alerts", left, "silences", len(wanted))
	}
	list, base, err := c.silences(ctx)
	if err != nil {
		return connectors.Receipt{}, err
	}
	own := owner{in.Incident, in.Epoch}
	var there []silence
	for i := range list {
		// What ended since this acknowledgement was ended by a person, and stays so.
		if o, ok := c.ownerOf(&list[i]); ok && o == own && (list[i].live() || list[i].EndsAt.After(in.At.Std())) {
			there = append(there, list[i])
		}
	}
	var r connectors.Receipt
	for _, m := range wanted {
		s := c.newSilence(in, own, m)
		if i := slices.IndexFunc(there, func(t silence) bool { return sameMatchers(t.Matchers, m) }); i >= 0 {
			s.ID = there[i].ID
		} else if s.ID, err = c.make(ctx, in, base, s); err != nil {
			return r, err
		}
		if r.Link == nil {
			r.Link = &itsm.ExternalRef{Connector: c.o.Name, ID: s.ID, URL: link(base, s.ID)}
		}
	}
	return r, nil
}

// make makes a silence that was not found, unless an earlier try may have made it
// at a replica that has not told the others yet.
func (c *Connector) make(ctx context.Context, in *itsm.Intent, base string, s silence) (string, error) {
	key := in.Key
	for i := range s.Matchers {
		key += "/" + s.Matchers[i].Name + "=" + s.Matchers[i].Value
	}
	if err := c.made.Missed(in, key); err != nil {
		return "", err
	}
	c.made.Trying(key)
	id, err := c.post(ctx, base, s)
	c.made.Settled(key, err)
	return id, err
}

func (c *Connector) newSilence(in *itsm.Intent, own owner, m []matcher) silence {
	now := c.o.Clock().UTC().Truncate(time.Millisecond)
	who := in.Actor
	if _, name, ok := strings.Cut(who, ":"); ok && name != "" {
		who = name // console:ada is ada
	}
	text := fmt.Sprintf("%s acknowledged: %s", own.incident, in.Snapshot.Title)
	if l := own.incident.PageAt(c.o.ExternalURL); l != "" {
		text = l + " " + text
	}
	key := c.key(own)
	return silence{Matchers: m, StartsAt: now, EndsAt: now.Add(c.o.SilenceFor), CreatedBy: connectors.Cut(connectors.OneLine(who), 100) + ownMark,
		Comment: connectors.Cut(connectors.OneLine(text), commentBytes) + " " + key, Annotations: map[string]string{keyAnnotation: key}}
}

// labelsThere returns the labels that Alertmanager has of the alerts, less what
// is ignored. Alerts of other sources and those it does not have are left out.
func (c *Connector) labelsThere(ctx context.Context, members []itsm.Alert) (sets []itsm.Labels, err error) {
	want := map[string]bool{}
	var names []string
	unnamed := false
	for i := range members {
		a := &members[i]
		if !slices.Contains(c.allSources(), a.Source) {
			continue
		}
		want[identityOf(a)] = true
		if n := a.Labels.Get("alertname"); n == "" {
			unnamed = true
		} else if !slices.Contains(names, n) && len(names) <= alertnamesMax {
			names = append(names, n)
		}
	}
	if len(want) == 0 {
		return nil, nil
	}
	if unnamed || len(names) > alertnamesMax {
		names = []string{""}
	}
	for _, name := range names {
		var filters []string
		if name != "" {
			filters = []string{"alertname=" + quote(name)}
		}
		var list []alert
		if _, err := c.first(func(base string) (err error) { list, err = c.alerts(ctx, base, filters...); return err }); err != nil {
			return nil, err
		}
		for i := range list {
			ls := drop(itsm.LabelsOf(list[i].Labels), c.o.IgnoreLabels)
			if want[list[i].Fingerprint] || want[source.Fingerprint(ls)] {
				sets = append(sets, ls)
			}
		}
	}
	return sets, nil
}

// identityOf is the sender's own identity of an alert.
func identityOf(a *itsm.Alert) string {
	return strings.TrimPrefix(string(a.Key), string(itsm.KeyOf(a.Source, "")))
}

// quote writes a matcher's value; Alertmanager's syntax takes Go's escapes of
// quotes, backslashes and line ends, and everything else as it is.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// unsilence ends every silence that was made for an incident, of whichever epoch.
func (c *Connector) unsilence(ctx context.Context, n itsm.IncidentNumber) error {
	list, base, err := c.silences(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		if o, ok := c.ownerOf(&list[i]); ok && o.incident == n && list[i].live() {
			err = errors.Join(err, c.expire(ctx, base, list[i].ID))
		}
	}
	return err
}

// Tend looks after the silences of ours: it prolongs those of incidents that are
// open and acknowledged, and ends those that outlived that. Every change of an id
// is reported, so that the incident leads to the silence there is.
func (c *Connector) Tend(ctx context.Context, moved func(itsm.IncidentNumber, itsm.ExternalRef)) error {
	if !c.o.SilenceOnAcknowledge {
		return nil // those of an earlier configuration end by themselves
	}
	list, base, err := c.silences(ctx)
	if err != nil {
		return err
	}
	now := c.o.Clock()
	looked := 0
	for i := range list {
		s := &list[i]
		o, ok := c.ownerOf(s)
		if !ok || !s.live() {
			continue
		}
		if looked++; looked > incidentsFound {
			c.log.Warn("more silences of ours than are looked at in one round", "limit", incidentsFound)
			break
		}
		in, ierr := c.records.Incident(o.incident)
		switch {
		case ierr != nil && itsm.CodeOf(ierr) != itsm.NotFound:
			err = errors.Join(err, ierr)
		case ierr != nil || !in.State.IsOpen() || in.AcknowledgedAt == 0 || in.Epoch != o.epoch:
			err = errors.Join(err, c.expire(ctx, base, s.ID))
		case s.EndsAt.Sub(now) < c.o.SilenceFor/2:
			s.EndsAt = now.UTC().Truncate(time.Millisecond).Add(c.o.SilenceFor)
			id, perr := c.post(ctx, base, *s)
			if perr == nil && id != s.ID {
				moved(o.incident, itsm.ExternalRef{Connector: c.o.Name, ID: id, URL: link(base, id)})
			}
			err = errors.Join(err, perr)
		}
	}
	return err
}
