package console

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"signalbox/correlate/backtest"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/ledger"
	"signalbox/rules"
)

// hostileTexts try to be more than text.
var hostileTexts = []string{
	`<script>alert(1)</script><img src=x onerror=alert(1)>`,
	`"><svg/onload=alert(1)>'><iframe src=javascript:alert(1)>`,
	`javascript:alert(1)//`,
	`</title></textarea></style></script></svg><h1>owned</h1>`,
	`{{.}}{{template "layout"}} <!-- --> &lt;b&gt; &#x3c;b>`,
	"a\x00b\x1b[31m\u202egnp.exe\u2066\u200f\u061c\U000e0041\u0085\u009b\xff",
	strings.Repeat("👩‍👩‍👧‍👦", 300) + strings.Repeat("e\u0301\u0302\u0303\u0304\u0305\u0306\u0307", 300),
	strings.Repeat("<b>", 350_000), // a megabyte
	`https://user:pass@evil.example/"onmouseover="alert(1)`,
	"data:text/html,<script>alert(1)</script>",
}

// poison replaces every text of the canned story by text.
func (b *book) poison(t *testing.T, whole string) {
	t.Helper()
	s := script{now: itsm.TimeOf(b.clock()), graph: b.graph}
	text := whole[:min(len(whole), 8<<10)] // only labels come at full length, which keeps the test quick
	short := text
	ds := s.write()
	for _, d := range ds {
		switch {
		case d.Alert != nil:
			a := d.Alert
			a.Title, a.SeverityWord, a.GeneratorURL, a.BoundBy, a.SuppressedBy, a.Source, a.EndedBy = text, short, short, short, short, "src", short
			a.Trail = []string{text, short}
			value := text
			if a.Number == 10 { // the one whose page is looked at
				value = whole
			}
			a.Labels = itsm.NewLabels([]itsm.Label{{Name: short, Value: text}, {Name: "pod", Value: value}})
			a.Annotations = itsm.NewLabels([]itsm.Label{{Name: "runbook_url", Value: text}, {Name: short, Value: "https://ok.example/" + short}})
			if a.CI == "" {
				a.Provisional = short
			}
		case d.Incident != nil:
			i := d.Incident
			i.Title, i.ImpactBecause, i.UrgencyBecause, i.Assignee, i.Group, i.AcknowledgedBy, i.ResolvedBy = text, text, text, short, short, short, short
			i.PriorityBy, i.CloseCode, i.HoldReason, i.Problem = short, short, short, short
			i.Unbound = []string{short}
			if i.Major.State != "" {
				i.Major.By, i.Major.Because = text, text
			}
			i.Watchers, i.Attachments = []string{short, text}, []itsm.Attachment{{Title: text, URL: text, By: text, At: 1}, {Title: text, URL: "https://ok.example/" + short, By: text, At: 1}}
			i.Labels = itsm.NewLabels([]itsm.Label{{Name: short, Value: text}})
			i.Links = []itsm.ExternalRef{{Connector: short, ID: short, URL: short}}
			for k := range i.Causes {
				i.Causes[k].Because = text
			}
			i.Causes = append([]itsm.Cause{{CI: short, ScoreMilli: -5, Because: text, Paths: []itsm.CausePath{{short + "1", short}, {"orders-db-1", short + "2", short}}}}, i.Causes...)
			i.Services, i.CIs = append(i.Services, short), append(i.CIs, short)
			for k := range i.MaybeRelated {
				i.MaybeRelated[k].Because = text
			}
		case d.Evidence != nil:
			e := d.Evidence
			e.Decision, e.By, e.Rule, e.CI, e.Shared = itsm.EvidenceDecision(short), short, short, short, short
			e.Path, e.Coverage, e.RunnerUp, e.WouldSplit, e.Because = []string{short, short}, text, text, text, text
		case d.Timeline != nil:
			d.Timeline.Kind, d.Timeline.Actor, d.Timeline.Text = short, "pagerduty:"+short, text
		case d.Quarantine != nil:
			d.Quarantine.Error, d.Quarantine.Body, d.Quarantine.Source = text, []byte(text), short
		case d.Fates != nil:
			for k := range d.Fates.Events {
				if e := &d.Fates.Events[k]; e.Reason != "" {
					e.Reason = text
				}
			}
		}
	}
	if err := b.apply(ds); err != nil {
		t.Fatal(err)
	}
	b.poisonLedger(&s, text, short)
	b.poisonView(text)
	b.poisonLearned(text)
	b.poisonRules(t, text)
	b.poisonBacktests(text)
}

// poisonBacktests makes every text of the canned backtests hostile.
func (b *book) poisonBacktests(text string) {
	refs := func(list []backtest.IncidentRef) {
		for k := range list {
			list[k].Number, list[k].Recorded, list[k].Title, list[k].Group = text, &text, text, text
		}
	}
	names := func(list []string) {
		for k := range list {
			list[k] = text
		}
	}
	for k := range b.tries.jobs {
		j := &b.tries.jobs[k]
		j.Actor, j.Before, j.After = text, text, text
		if j.Error != "" {
			j.Error = text
		}
		r := j.Report
		if r == nil {
			continue
		}
		names(r.Notes)
		for i := range r.Warnings {
			w := &r.Warnings[i]
			w.Incident.Title, w.Incident.Group, w.Incident.Number, w.Incident.Recorded = text, text, text, &text
			refs(w.After)
			names(w.Rules)
			names(w.Connectors)
		}
		for _, d := range []*backtest.Difference{&r.Incidents.Opened, &r.Incidents.Merged, &r.Incidents.Split, &r.Incidents.Suppressed, &r.Incidents.Lost} {
			for i := range d.Examples {
				refs(d.Examples[i].Before)
				refs(d.Examples[i].After)
				names(d.Examples[i].Rules)
			}
		}
		for i := range r.Pages.Teams {
			r.Pages.Teams[i].Name = text
		}
		for i := range r.Pages.Connectors {
			r.Pages.Connectors[i].Name = text
		}
		for i := range r.Rules {
			r.Rules[i].ID, r.Rules[i].About, r.Rules[i].Change = text, text, text
		}
	}
}

// poisonRules makes every text of the newest revisions and of the active rules hostile.
func (b *book) poisonRules(t *testing.T, text string) {
	t.Helper()
	about := line(text, 200)
	quoted, err := json.Marshal(about)
	if err != nil {
		t.Fatal(err)
	}
	sound := []rules.File{{Name: about + ".yaml", Body: "id: shop-namespace\nabout: " + string(quoted) + "\nowner: " + string(quoted) + "\nwhen: title != " + string(quoted) + "\nsuppress: mute\n"}}
	for _, files := range [][]rules.File{sound, {{Name: text, Body: text}, {Name: "x.yaml", Body: "id: " + string(quoted) + "\nwhen: " + string(quoted) + "\n"}}} {
		r, err := b.SaveRules(t.Context(), files, "console:"+text, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 1 {
			if _, err := b.ActivateRules(t.Context(), r.Number, text, text); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// poisonLearned makes every text of many suggestions hostile.
func (b *book) poisonLearned(text string) {
	b.learned = func(now itsm.Time) learn.Report {
		r := cannedLearned(now)
		var all []learn.Suggestion
		for k := range learn.SuggestionsMax {
			for _, s := range r.Suggestions {
				s.ID = fmt.Sprintf("%s%d", s.ID, k)
				s.Title, s.Why, s.Rule, s.Relation = text, text, rules.File{Name: text, Body: text}, text
				s.Figures = append([]learn.Figure{{Name: text, Value: 1e300}}, s.Figures...)
				all = append(all, s)
			}
		}
		r.Suggestions, r.Bounds = all, []string{text}
		return r
	}
}

// poisonView saves a view with as much of a hostile text as a view takes.
func (b *book) poisonView(text string) {
	name := strings.ToValidUTF8(text[:min(len(text), itsm.ViewNameMax)], "")
	body, err := json.Marshal(itsm.ViewChange{Owner: itsm.AdminName, Name: &name, Filter: &itsm.IncidentFilter{Q: name, Priority: []itsm.Priority{itsm.P1, itsm.P3}}})
	if err != nil {
		panic(err)
	}
	b.Do(context.Background(), itsm.Act{Kind: itsm.ActViewPut, Object: "view/new", Body: body, Actor: "console:admin"}) // it may be refused
}

// poisonLedger makes what was received and what is counted as hostile.
func (b *book) poisonLedger(s *script, text, short string) {
	for _, d := range s.entries {
		d.Remote, d.RetryOf, d.Raw = short, short, []byte(text)
		for k := range d.Events {
			d.Events[k].Title, d.Events[k].Identity = text, short
		}
		for k := range d.Bad {
			d.Bad[k].Error, d.Bad[k].ID = text, short
		}
	}
	b.entries = s.entries
	b.totals = func() ledger.Totals {
		t := cannedTotals()
		t.Sources[0].Source, t.Sources[0].SuppressedBy[0].Name = short, text
		return t
	}
}

// vocabulary is which elements with which attributes a page is made of.
func vocabulary(t *testing.T, body string) map[string]bool {
	v := map[string]bool{}
	each(parse(t, body), func(n *html.Node) {
		v[n.Data] = true
		for _, a := range n.Attr {
			v[n.Data+" "+a.Key] = true
		}
	})
	return v
}

// Whatever arrives in texts stays text: the pages have no element, attribute or
// scheme that the harmless ones could not have, no control character, and a bounded size.
func TestHostileTexts(t *testing.T) {
	harmless := map[string]bool{}
	calm := signedIn(t, fixedClock)
	for _, p := range append([]string{"/sign-in"}, pages...) {
		_, body := calm.get(p)
		maps.Copy(harmless, vocabulary(t, body))
	}
	texts := hostileTexts
	if testing.Short() {
		texts = texts[:2] // with the race detector each takes seconds, and no two race otherwise
	}
	for k, bad := range texts {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			s := signedIn(t, fixedClock)
			s.book.poison(t, bad)
			q := url.QueryEscape(bad[:min(len(bad), 2000)])
			paths := append([]string{"/?q=" + q + "&service=" + q, "/alerts?q=" + q + "&ci=" + q, "/cis?q=" + q, "/cis/" + url.PathEscape(bad[:min(len(bad), 200)]),
				"/incidents/" + url.PathEscape(bad[:min(len(bad), 100)]), "/?state=" + q, "/reports?service=" + q, "/reports?team=" + q, "/reports?from=" + q, "/reports?days=" + q, "/reports/" + url.PathEscape(bad[:min(len(bad), 100)]), "/reports/noise?days=90", "/reports/recurrence", "/reports/shifts", "/reports/binding", "/reports/services", "/reports/changes", "/reports/problems", "/reports/actionable", "/sign-in?next=" + q,
				"/alerts/ALR0000010/why?beside=" + q, "/rules?q=" + q + "&stage=" + q, "/rules/try?alert=" + q, "/rules/revisions/5", "/rules/revisions/6", "/rules/diff?from=5&to=6", "/rules/edit?from=5", "/rules/revisions/1/activate", "/rules/backtests?days=" + q + "&against=" + q + "&since=" + q, "/rules/backtests?since=" + q, "/rules/backtests/" + url.PathEscape(bad[:min(len(bad), 100)])}, pages...)
			for _, p := range paths {
				resp, body := s.get(p)
				if resp.StatusCode == http.StatusInternalServerError {
					t.Errorf("%.60s: status 500: %s", p, s.log)
				}
				checkHostile(t, p, body, harmless)
			}
		})
	}
}

func checkHostile(t *testing.T, path, body string, harmless map[string]bool) {
	t.Helper()
	if !strings.HasPrefix(body, "<!doctype html>") {
		return // a redirect or nothing of ours
	}
	for k := range vocabulary(t, body) {
		if !harmless[k] {
			t.Errorf("%.60s: the page has a new <%s>", path, k)
		}
	}
	each(parse(t, body), func(n *html.Node) {
		if n.Data == "a" {
			checkLink(t, attr(n, "href"), attr(n, "rel"))
		}
		if n.Data == "form" && !strings.HasPrefix(attr(n, "action"), "/") {
			t.Errorf("%.60s: a form leads to %q", path, attr(n, "action"))
		}
	})
	if i := strings.IndexFunc(body, func(r rune) bool { return !printable(r) || r == '\t' }); i >= 0 {
		t.Errorf("%.60s: control character %q at %d", path, body[i:min(len(body), i+4)], i)
	}
	if len(body) > pageBytesMax {
		t.Errorf("%.60s: %d bytes, want at most %d", path, len(body), pageBytesMax)
	}
}
