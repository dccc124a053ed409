package alertmanager

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"signalbox/connectors"
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// settleFor is how long a replica must run before what it does not have counts as
// gone: alerts are not stored, and Prometheus sends them again every minute.
const settleFor = 5 * time.Minute

// Standings implements connectors.Monitor. An alert fires when any replica has it.
// That none has it counts only when every replica answered and has run for long
// enough to have heard everything.
func (c *Connector) Standings(ctx context.Context, asked []itsm.Alert) ([]connectors.Standing, error) {
	there := map[string]time.Time{} // identity → startsAt
	for _, base := range c.o.URLs {
		var st status
		if err := c.call(ctx, base, http.MethodGet, "/status", nil, &st); err != nil {
			return nil, err
		}
		if up := c.o.Clock().Sub(st.Uptime); st.Uptime.IsZero() || up < settleFor {
			return nil, connectors.Retry(0, "Alertmanager at %s has just started and may not have heard of every alert yet", hostOf(base))
		}
		list, err := c.alerts(ctx, base)
		if err != nil {
			return nil, err
		}
		for i := range list {
			for _, id := range []string{list[i].Fingerprint, source.Fingerprint(drop(itsm.LabelsOf(list[i].Labels), c.o.IgnoreLabels))} {
				if at, ok := there[id]; !ok || list[i].StartsAt.Before(at) {
					there[id] = list[i].StartsAt
				}
			}
		}
	}
	out := make([]connectors.Standing, len(asked))
	for i := range asked {
		a := &asked[i]
		id := identityOf(a)
		at, fires := there[id]
		switch {
		case fires:
			out[i] = connectors.Standing{State: connectors.StandsFiring, Since: itsm.TimeOf(at)}
		case id == source.Fingerprint(a.Labels):
			out[i] = connectors.Standing{State: connectors.StandsGone}
		}
		// Else a rule gave it labels or an identity of its own, and nothing is known.
	}
	return out, nil
}

// Bounds of the silences that are taken over from there; together they are one act.
const (
	foreignBytesMax = itsm.ObjectBodyMax * 3 / 4
	foreignTextMax  = 300
	foreignIDMax    = 100
	foreignOverhead = 100 // of one silence or matcher as JSON, besides its texts
)

// Silences implements connectors.Silencer: the silences that others made and that
// hide something now or will, in the order of their ids.
func (c *Connector) Silences(ctx context.Context) (itsm.Silences, error) {
	list, base, err := c.silences(ctx)
	if err != nil {
		return itsm.Silences{}, err
	}
	out := []itsm.Silence{}
	left, size := 0, 0
	for i := range list {
		s := &list[i]
		if _, ours := c.ownerOf(s); ours || !s.live() {
			continue
		}
		v, bytes, ok := taken(s, base)
		if !ok || len(out) == itsm.SilencesMax || size+bytes > foreignBytesMax {
			left++
			continue
		}
		size += bytes
		out = append(out, v)
	}
	if left > 0 {
		c.log.Warn("silences are not respected here: too many, or larger than is kept", "left_out", left, "limit", itsm.SilencesMax)
	}
	slices.SortFunc(out, func(a, b itsm.Silence) int { return strings.Compare(a.ID, b.ID) })
	return itsm.Silences{Sources: c.allSources(), Silences: out}, nil
}

// taken is a silence as the fold takes it, with about its size. One that is too
// large to keep hides nothing here: a page too many is better than one too few.
func taken(s *silence, base string) (v itsm.Silence, bytes int, ok bool) {
	if len(s.Matchers) == 0 || len(s.Matchers) > itsm.SilenceMatchersMax || s.ID == "" || len(s.ID) > foreignIDMax {
		return v, 0, false
	}
	v = itsm.Silence{ID: s.ID, By: connectors.Cut(connectors.OneLine(s.CreatedBy), 100), Comment: connectors.Cut(connectors.OneLine(s.Comment), foreignTextMax), URL: link(base, s.ID),
		StartsAt: itsm.TimeOf(s.StartsAt), EndsAt: itsm.TimeOf(s.EndsAt)}
	bytes = foreignOverhead + 2*(len(v.By)+len(v.Comment)+len(v.URL))
	for _, m := range s.Matchers {
		v.Matchers = append(v.Matchers, itsm.SilenceMatcher{Name: m.Name, Value: m.Value, Regex: m.IsRegex, Negated: m.negated()})
		bytes += foreignOverhead + 2*(len(m.Name)+len(m.Value))
	}
	_, ok = v.Hides()
	return v, bytes, ok
}

// Check implements connectors.Tester.
func (c *Connector) Check(ctx context.Context) (string, error) {
	for _, base := range c.o.URLs {
		var st status
		if err := c.call(ctx, base, http.MethodGet, "/status", nil, &st); err != nil {
			return "", err
		}
		if _, err := c.alerts(ctx, base, `alertname=""`); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d of %d replicas answer", len(c.o.URLs), len(c.o.URLs)), nil
}
