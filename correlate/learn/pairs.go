package learn

import (
	"signalbox/itsm"
)

// pairKey names two templates, the lower index first.
type pairKey struct{ a, b int32 }

// pair counts how often two templates began together.
type pair struct {
	weight   float64
	count    int
	aFirst   int       // times a began first
	lastA    itsm.Time // occurrences counted last: each counts once
	lastB    itsm.Time
	episodes [pairEpisodes][2]int32 // of a and b, a ring by count
}

// occur notes that an episode of a template began, and with which others.
func (m *Miner) occur(i, episode int32, o *Observation) {
	t := m.list[i]
	if t.count > 0 && after(t.began, o.At) <= PairWindow {
		return
	}
	m.forget(o.At)
	t.began, t.alert, t.episode = o.At, o.Alert, episode
	t.weight += m.weightAt(o.At)
	t.count++
	if len(m.recent) >= stormTemplates {
		m.crowded++
	} else {
		for _, j := range m.recent {
			m.together(j, i)
		}
	}
	m.recent = append(m.recent, i)
}

// forget drops the templates whose last occurrence is too long ago.
func (m *Miner) forget(now itsm.Time) {
	n := 0
	for n < len(m.recent) && after(m.list[m.recent[n]].began, now) > PairWindow {
		n++
	}
	m.recent = m.recent[:copy(m.recent, m.recent[n:])]
}

// together counts that second began while first was recent.
func (m *Miner) together(first, second int32) {
	if m.list[first].ci == m.list[second].ci { // one CI: they are one incident anyway
		return
	}
	k := pairKey{min(first, second), max(first, second)}
	p := m.pairs[k]
	if p == nil {
		if p = m.newPair(k); p == nil {
			return
		}
	}
	a, b := m.list[k.a], m.list[k.b]
	if p.count > 0 && (p.lastA == a.began || p.lastB == b.began) {
		return
	}
	p.lastA, p.lastB = a.began, b.began
	p.weight += m.weightAt(m.list[second].began)
	if k.a == first {
		p.aFirst++
	}
	p.episodes[p.count%pairEpisodes] = [2]int32{a.episode, b.episode}
	p.count++
}

func (m *Miner) newPair(k pairKey) *pair {
	if len(m.pairs) >= pairsMax && (m.swept == 0 || after(m.swept, m.to) > sweepEvery) {
		m.swept = m.to
		// What was seen once and not again for a week is chance, as far as anyone can tell.
		for k, p := range m.pairs {
			if p.count == 1 && after(max(p.lastA, p.lastB), m.to) > pairIdle {
				delete(m.pairs, k)
			}
		}
	}
	if len(m.pairs) >= pairsMax {
		m.full[boundPairs] = true
		return nil
	}
	p := &pair{}
	m.pairs[k] = p
	return p
}
