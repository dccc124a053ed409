package console

import (
	"context"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// cannedRules are the files of the active revision of the story.
var cannedRules = []rules.File{
	{Name: "10-normalise.yaml", Body: `id: severity-words
about: The shop's own words for severities
owner: shop
normalise:
  severity: {page: critical, ticket: minor}
---
# The pod's name ends in its ordinal.
id: pod-app
about: Take the application from the name of the pod
owner: shop
when: labels.pod != ""
normalise:
  extract:
    - from: labels.pod
      pattern: ^(?P<app>[a-z-]+)-[0-9]+$
`},
	{Name: "30-suppress.yaml", Body: `id: build-agents-at-night
about: Disks of build agents can wait until the morning
owner: ci
when: ci.env == "build" && labels.alertname.startsWith("Disk")
hours: {days: [mon, tue, wed, thu, fri, sat, sun], from: "20:00", to: "07:00", zone: Europe/Berlin}
suppress: mute
---
id: latency-behind-5xx
about: Latency says nothing new while the same pod answers 5xx
owner: shop
mode: shadow
when: title.contains("latency")
suppress:
  inhibited_by:
    when: title.contains("5xx")
    equal: [pod]
---
id: old-probes
about: The probes that were switched off in spring
owner: shop
enabled: false
sources: [datadog]
suppress: drop
`},
	{Name: "40-correlate.yaml", Body: `id: shop-namespace
about: What fires in the shop's namespace is one incident
owner: shop
when: labels.namespace == "shop" && labels.env == "prod"
correlate:
  group_by: [labels.namespace, labels.region]
  window: 30m
`},
	{Name: "70-route.yaml", Body: `id: page-tier-one
about: Page for tier 1 only, tell the others in the morning
owner: on-call
when: ci.tier == 1 || incident.priority <= "P2"
route:
  to: [pagerduty]
`},
}

// cannedBook writes the history of the rules: an activated revision, a draft that
// does not work, the active one, and a newer one that waits.
func cannedBook(now itsm.Time) []desk.Blob {
	var h rulebook.Head
	var out []desk.Blob
	last := len(cannedRules) - 1
	broken := append(append([]rules.File{}, cannedRules[:last]...), rules.File{Name: "70-route.yaml", Body: `id: page-tier-one
about: Page for tier 1 only
when: ci.teir == 1 && incident.share >= 0.5
route:
  to: []
`})
	waiting := append(append([]rules.File{}, cannedRules[:last]...), rules.File{Name: "70-route.yaml", Body: `id: page-tier-one
about: Page for tier 1 when half of a service is down
owner: on-call
when: ci.tier == 1 && incident.share >= 0.5
route:
  to: [pagerduty]
`}, rules.File{Name: "80-noise.yaml", Body: `id: flapping-links
about: Give links a moment to come back
mode: shadow
when: title.startsWith("Link of")
suppress: {hold: 2m}
`})
	for n, r := range []rulebook.Revision{
		{Author: "console:mira", Note: "first rules: severities and the shop's namespace", SavedAt: now.Add(-26 * 24 * time.Hour), Files: cannedRules[:1]},
		{Author: "console:jonas", Note: "page less", SavedAt: now.Add(-50 * time.Hour), Files: broken},
		{Author: "api:ci", Note: "quiet nights for build agents, try inhibition in shadow", SavedAt: now.Add(-49 * time.Hour), Files: cannedRules},
		{Author: "console:jonas", Note: "page for tier 1 when half of a service is down", SavedAt: now.Add(-25 * time.Minute), Files: waiting},
	} {
		r.Number = uint64(n + 1)
		r, _ = rulebook.Describe(r)
		next, blobs := rulebook.Save(h, r)
		h, out = next, append(out, blobs...)
		if r.Number == 1 || r.Number == 3 {
			next, blobs := rulebook.Activate(h, rulebook.Activation{Revision: r.Number, At: r.SavedAt.Add(10 * time.Minute), Actor: r.Author, Note: "as discussed on Monday"})
			h, out = next, append(out, blobs...)
		}
	}
	return out
}

// cannedCounts is how often the canned rules spoke.
func cannedCounts(now itsm.Time) []RuleCount {
	return []RuleCount{
		{ID: "severity-words", Hits: 12_410, LastAt: now.Add(-20 * time.Second)},
		{ID: "pod-app", Hits: 9_502, Failures: 3, LastAt: now.Add(-20 * time.Second)},
		{ID: "latency-behind-5xx", ShadowHits: 18, LastAt: now.Add(-13 * time.Minute)},
		{ID: "shop-namespace", Hits: 40, LastAt: now.Add(-11 * time.Minute)},
		{ID: "page-tier-one", Hits: 4, LastAt: now.Add(-14 * time.Minute)},
	}
}

// Book implements Rules.
func (b *book) Book() *rulebook.Book { return rulebook.Open(b.Desk) }

// SaveRules implements Rules.
func (b *book) SaveRules(_ context.Context, files []rules.File, actor, note string) (rulebook.Revision, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, err := b.Book().Head()
	if err != nil {
		return rulebook.Revision{}, err
	}
	r, _ := rulebook.Describe(rulebook.Revision{Number: h.Last + 1, Author: actor, Note: note, SavedAt: itsm.TimeOf(b.clock()), Files: files})
	_, blobs := rulebook.Save(h, r)
	if err := b.keepLocked(nil, blobs); err != nil {
		return r, err
	}
	return b.Book().Revision(r.Number)
}

// ActivateRules implements Rules.
func (b *book) ActivateRules(_ context.Context, n uint64, actor, note string) (rulebook.Revision, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, err := b.Book().Head()
	if err != nil {
		return rulebook.Revision{}, err
	}
	_, blobs := rulebook.Activate(h, rulebook.Activation{Revision: n, At: itsm.TimeOf(b.clock()), Actor: actor, Note: note})
	if err := b.keepLocked(nil, blobs); err != nil {
		return rulebook.Revision{}, err
	}
	return b.Book().Revision(n)
}

// activeRules compiles what is active.
func (b *book) activeRules() (uint64, *rules.Set) {
	h, err := b.Book().Head()
	if err != nil || h.Active == 0 {
		return 0, nil
	}
	r, err := b.Book().Revision(h.Active)
	if err != nil {
		return 0, nil
	}
	set, _ := rules.Compile(r.Files)
	return r.Number, set
}
