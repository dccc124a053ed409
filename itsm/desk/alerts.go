package desk

import (
	"cmp"
	"errors"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// AlertQuery chooses alerts, as IncidentQuery does incidents.
type AlertQuery struct {
	Statuses []itsm.Status
	CI       []string // id of the bound CI, or the key of a provisional one
	Incident []itsm.IncidentNumber
	Source   []string
	Q        string // text in number, title, key, CI or labels, without regard to case
	Cursor   string
	Limit    int // 0: PageDefault; at most PageMax
}

// pagesMax bounds the column pages one call passes over: two million alerts.
const pagesMax = 8192

// Alert returns one alert, or NotFound.
func (d *Desk) Alert(n itsm.AlertNumber) (a itsm.Alert, err error) {
	err = d.db.View(func(tx kv.Tx) (err error) {
		a, err = getAlert(tx, n)
		return err
	})
	if err != nil {
		return a, notFound(err, "no alert has the number %s", n)
	}
	one := []itsm.Alert{a}
	d.overlayAlerts(one)
	return one[0], nil
}

func getAlert(tx kv.Tx, n itsm.AlertNumber) (itsm.Alert, error) {
	v, err := tx.Get(new(buffer).alertKey(n))
	if err != nil {
		return itsm.Alert{}, err
	}
	return decodeAlert(n, v)
}

// Alerts lists alerts, the newest number first.
func (d *Desk) Alerts(q AlertQuery) (page Page[itsm.Alert], err error) {
	m := &alertSearch{q: &q, text: needleOf(q.Q), filter: filterOf(&q), limit: pageLimit(q.Limit)}
	after, err := decodeCursor(kindAlert, prefix(kindAlert), q.Cursor)
	if err != nil {
		return page, err
	}
	m.below = ^uint64(0)
	if after != nil {
		if m.below, err = numberOf(after); err != nil {
			return page, itsm.Errorf(itsm.Invalid, "cursor %q: expected the next_cursor of an earlier page of this list", q.Cursor)
		}
	}
	err = d.db.View(func(tx kv.Tx) error {
		m.tx = tx
		if len(q.Incident) > 0 {
			return m.byIncident()
		}
		return m.byColumns()
	})
	if err != nil {
		return page, err
	}
	page.Items = m.items
	if m.more {
		page.Next = encodeCursor(new(buffer).alertKey(itsm.AlertNumber(m.last)))
	}
	d.overlayAlerts(page.Items)
	return page, nil
}

// alertSearch is one call of Alerts: it looks at alerts from the newest below a
// number and keeps those that match.
type alertSearch struct {
	q      *AlertQuery
	text   needle
	filter columnFilter
	limit  int
	below  uint64 // only numbers below it
	tx     kv.Tx
	items  []itsm.Alert
	last   uint64 // the last number looked at
	seen   int    // records looked at
	more   bool   // the search stopped before the end
}

// consider looks at one alert; it answers Stop when the call has done enough.
func (m *alertSearch) consider(n uint64) error {
	if len(m.items) == m.limit || m.seen == ListScanMax {
		m.more = true
		return kv.Stop
	}
	m.seen++
	m.last = n
	v, err := m.tx.Get(new(buffer).alertKey(itsm.AlertNumber(n)))
	if errors.Is(err, kv.ErrNotFound) { // an interrupted batch; it will be repeated
		return nil
	}
	if err != nil {
		return err
	}
	a, ok, err := m.match(itsm.AlertNumber(n), v)
	if ok {
		m.items = append(m.items, a)
	}
	return err
}

func (m *alertSearch) match(n itsm.AlertNumber, value []byte) (a itsm.Alert, ok bool, err error) {
	if !m.text.empty() && !m.text.mayBeIn(value) && !m.text.in(n.String()) {
		return a, false, nil
	}
	if a, err = decodeAlert(n, value); err != nil {
		return a, false, err
	}
	q := m.q
	ok = anyOf(q.Statuses, a.Status) && anyOf(q.Source, a.Source) && anyOf(q.Incident, a.Incident) &&
		anyOf(q.CI, a.CI, a.Provisional) && (m.text.empty() || m.text.inAlert(&a))
	return a, ok, nil
}

// byColumns passes over the pages of columns and looks at the alerts whose word
// fits the query.
func (m *alertSearch) byColumns() error {
	r := kv.Range{Prefix: prefix(kindColumn)}
	if m.below != ^uint64(0) {
		r.From = new(buffer).columnKey(m.below / columnAlerts)
	}
	pages := 0
	return m.tx.Scan(r, func(key, value []byte) error {
		if pages++; pages > pagesMax {
			m.more = true
			return kv.Stop
		}
		page, err := numberOf(key)
		if err != nil {
			return err
		}
		c, err := decodeColumns(value)
		if err != nil {
			return err
		}
		for i := columnAlerts - 1; i >= 0; i-- {
			n := page*columnAlerts + uint64(i)
			if n >= m.below || !m.filter.matches(c[i]) {
				continue
			}
			if err := m.consider(n); err != nil {
				return err
			}
		}
		m.last = page * columnAlerts
		return nil
	})
}

// byIncident looks at the members of the incidents asked for, merged by number.
// Only an alert whose latest incident is among them matches.
func (m *alertSearch) byIncident() error {
	var numbers []uint64
	for _, incident := range m.q.Incident {
		list, err := members(m.tx, incident, m.below, ListScanMax)
		if err != nil {
			return err
		}
		numbers = append(numbers, list...)
	}
	slices.SortFunc(numbers, func(a, b uint64) int { return cmp.Compare(b, a) })
	for _, n := range slices.Compact(numbers) {
		if err := m.consider(n); err != nil {
			if errors.Is(err, kv.Stop) {
				return nil
			}
			return err
		}
	}
	return nil
}

// members lists the numbers of an incident's alerts below a number, the newest
// first, each once and at most limit.
func members(tx kv.Tx, incident itsm.IncidentNumber, below uint64, limit int) (out []uint64, err error) {
	r := kv.Range{Prefix: kv.Key(kindEvidence, uint64(incident)), KeysOnly: true}
	if below != ^uint64(0) {
		r.From = kv.Key(kindEvidence, uint64(incident), kv.Desc(below-1))
	}
	err = tx.Scan(r, func(key, _ []byte) error {
		_, alert, _, err := evidenceParts(key)
		if err != nil || len(out) == limit {
			return cmp.Or(err, kv.Stop)
		}
		if len(out) == 0 || out[len(out)-1] != uint64(alert) {
			out = append(out, uint64(alert))
		}
		return nil
	})
	return out, err
}

// IncidentAlerts lists the alerts that are members of an incident, also those
// that have since belonged to a later one; the newest number first, each once.
func (d *Desk) IncidentAlerts(n itsm.IncidentNumber, cursor string, limit int) (page Page[itsm.Alert], err error) {
	after, err := decodeCursor(kindEvidence, kv.Key(kindEvidence, uint64(n)), cursor)
	if err != nil {
		return page, err
	}
	below := ^uint64(0)
	if after != nil {
		_, a, _, err := evidenceParts(after)
		if err != nil {
			return page, itsm.Errorf(itsm.Invalid, "cursor %q: expected the next_cursor of an earlier page of this list", cursor)
		}
		below = uint64(a)
	}
	limit = pageLimit(limit)
	err = d.db.View(func(tx kv.Tx) error {
		numbers, err := members(tx, n, below, limit+1)
		if err != nil {
			return err
		}
		if len(numbers) > limit {
			numbers = numbers[:limit]
			page.Next = encodeCursor(new(buffer).evidenceKey(&itsm.Evidence{Incident: n, Alert: itsm.AlertNumber(numbers[limit-1])}))
		}
		for _, alert := range numbers {
			a, err := getAlert(tx, itsm.AlertNumber(alert))
			if err != nil && !errors.Is(err, kv.ErrNotFound) {
				return err
			}
			if err == nil {
				page.Items = append(page.Items, a)
			}
		}
		return nil
	})
	if err != nil {
		return Page[itsm.Alert]{}, err
	}
	d.overlayAlerts(page.Items)
	return page, nil
}
