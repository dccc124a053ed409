package learn

import (
	"math"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Observation is one event of the past and what became of it.
type Observation struct {
	At       itsm.Time // of its journal entry; never before the one observed last
	Event    *itsm.Event
	Alert    itsm.AlertNumber // 0: the event changed nothing and is passed over
	Episode  uint32
	Incident itsm.IncidentNumber // of the episode; 0: none yet
	CI       string              // id of the CI, or the key of a provisional one
	Bound    bool                // the CMDB has it
}

// Miner learns from observations. It is for one goroutine.
type Miner struct {
	graph *cmdb.Graph // nil: no CMDB

	from, to  itsm.Time
	events    int
	unbound   map[string]int // alerts, by source
	crowded   int
	full      [boundsCount]bool
	classes   map[classKey]*class
	templates map[templateKey]int32
	list      []*template // in the order of their first observation
	alerts    map[itsm.AlertNumber]*series
	episodes  []episode
	recent    []int32 // templates whose last occurrence is within PairWindow, the oldest first
	pairs     map[pairKey]*pair
	swept     itsm.Time // when pairs were last forgotten
	labels    map[labelKey]*labelUse
}

type classKey struct{ source, name string }

type templateKey struct {
	class *class
	ci    string
}

// series is one alert.
type series struct {
	template int32
	number   uint32 // of the episode last seen
	episode  int32
}

// episode is one time an alert fired.
type episode struct {
	began, ended itsm.Time // ended 0: no clear came
	alert        itsm.AlertNumber
	incident     itsm.IncidentNumber
	critical     bool
}

// The bounds that a history can meet, in the order of boundWords.
const (
	boundTemplates = iota
	boundAlerts
	boundEpisodes
	boundPairs
	boundLabels
	boundsCount
)

var boundWords = [boundsCount]string{"kinds of alert", "alerts", "episodes", "pairs", "labels"}

// New returns a miner; the graph tells which CIs there are and may be nil.
func New(g *cmdb.Graph) *Miner {
	return &Miner{graph: g, unbound: map[string]int{}, classes: map[classKey]*class{}, templates: map[templateKey]int32{}, alerts: map[itsm.AlertNumber]*series{},
		pairs: map[pairKey]*pair{}, labels: map[labelKey]*labelUse{}}
}

// Observe learns from one event.
func (m *Miner) Observe(o *Observation) {
	m.events++
	if m.from == 0 {
		m.from = o.At
	}
	m.to = max(m.to, o.At)
	if o.Alert == 0 {
		return
	}
	s := m.alerts[o.Alert]
	if s == nil {
		if o.Event.Status != itsm.Firing { // its episode began before this history
			return
		}
		if s = m.begin(o); s == nil {
			return
		}
	}
	if s.number != o.Episode {
		if o.Event.Status != itsm.Firing || !m.open(s, o) {
			return
		}
	}
	e := &m.episodes[s.episode]
	if o.Incident != 0 {
		e.incident = o.Incident
	}
	if o.Event.Status == itsm.Resolved && e.ended == 0 {
		e.ended = o.At
	}
}

// begin takes in an alert that was not seen before.
func (m *Miner) begin(o *Observation) *series {
	if len(m.alerts) >= alertsMax {
		m.full[boundAlerts] = true
		return nil
	}
	t, ok := m.template(o)
	if !ok {
		return nil
	}
	s := &series{template: t}
	m.alerts[o.Alert] = s
	m.list[t].class.series++
	if !o.Bound {
		m.unbound[m.list[t].class.source]++
		m.noteLabels(o)
	}
	return s
}

// template finds or makes the template of an alert.
func (m *Miner) template(o *Observation) (int32, bool) {
	name, titled := classOf(o.Event)
	ck := classKey{o.Event.Source, name}
	c := m.classes[ck]
	if c == nil {
		if len(m.classes) >= templatesMax {
			m.full[boundTemplates] = true
			return 0, false
		}
		ck = classKey{strings.Clone(ck.source), strings.Clone(name)}
		c = &class{source: ck.source, name: ck.name, titled: titled}
		m.classes[ck] = c
	}
	tk := templateKey{c, o.CI}
	if !o.Bound {
		tk.ci = mask(o.CI)
	}
	if i, ok := m.templates[tk]; ok {
		t := m.list[i]
		t.labels = keepShared(t.labels, o.Event.Labels)
		return i, true
	}
	if len(m.list) >= templatesMax {
		m.full[boundTemplates] = true
		return 0, false
	}
	i := int32(len(m.list))
	tk.ci = strings.Clone(tk.ci)
	m.list = append(m.list, &template{class: c, ci: tk.ci, bound: o.Bound, labels: o.Event.Labels.Clone()})
	m.templates[tk] = i
	return i, true
}

// open begins an episode.
func (m *Miner) open(s *series, o *Observation) bool {
	if len(m.episodes) >= episodesMax {
		m.full[boundEpisodes] = true
		return false
	}
	s.number, s.episode = o.Episode, int32(len(m.episodes))
	c := m.list[s.template].class
	m.episodes = append(m.episodes, episode{began: o.At, alert: o.Alert, incident: o.Incident, critical: o.Event.Severity == itsm.Critical})
	c.episodes = append(c.episodes, s.episode)
	if c.worst == 0 || o.Event.Severity != 0 && o.Event.Severity < c.worst {
		c.worst = o.Event.Severity
	}
	m.occur(s.template, s.episode, o)
	return true
}

// weightAt is how much an occurrence counts, measured from the first observation:
// only the ratio of weights matters until the report divides by that of the end.
func (m *Miner) weightAt(at itsm.Time) float64 {
	return math.Exp2(at.Std().Sub(m.from.Std()).Hours() / HalfLife.Hours())
}

// after is how long to comes after from.
func after(from, to itsm.Time) time.Duration { return to.Std().Sub(from.Std()) }
