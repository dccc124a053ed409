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
	err = d.db.View(func(tx kv.Tx) error {
		v, err := (&records{tx: tx}).alert(n)
		if err == nil {
			a, err = decodeAlert(n, v)
		}
		return err
	})
	if err != nil {
		return a, notFound(err, "no alert has the number %s", n)
	}
	one := []itsm.Alert{a}
	d.overlayAlerts(one)
	return one[0], nil
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
			return page, badCursor(q.Cursor)
		}
	}
	err = d.db.View(func(tx kv.Tx) error {
		m.records.tx = tx
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
	q       *AlertQuery
	text    needle
	filter  columnFilter
	limit   int
	below   uint64 // only numbers below it
	records records
	items   []itsm.Alert
	last    uint64 // the last number looked at
	seen    int    // records looked at
	more    bool   // the search stopped before the end
}

// consider looks at one alert; it answers Stop when the call has done enough.
func (m *alertSearch) consider(n uint64, read func() ([]byte, error)) error {
	if len(m.items) == m.limit || m.seen == ListScanMax {
		m.more = true
		return kv.Stop
	}
	m.seen++
	m.last = n
	v, err := read()
	if errors.Is(err, kv.ErrNotFound) { // an interrupted batch; it will be repeated
		return nil
	}
	if err != nil {
		return err
	}
	a, ok, err := m.match(itsm.AlertNumber(n), v)
	if ok {
		m.items = append(roomFor(m.items, m.limit), a)
	}
	return err
}

// match decodes a record only if its bytes say that it may match: a search for a
// text looks at thousands of records and decodes a few.
func (m *alertSearch) match(n itsm.AlertNumber, value []byte) (a itsm.Alert, ok bool, err error) {
	if !m.text.empty() && !m.text.mayBeIn(value) && !(m.text.digits && m.text.in(n.String())) {
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
	return m.records.tx.Scan(r, func(key, value []byte) error {
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
			err := m.consider(n, func() ([]byte, error) { return m.records.located(itsm.AlertNumber(n), c[i]) })
			if err != nil {
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
	var numbers []itsm.AlertNumber
	for _, incident := range m.q.Incident {
		list, err := memberAlerts(m.records.tx, incident, itsm.AlertNumber(m.below), ListScanMax+1)
		if err != nil {
			return err
		}
		numbers = append(numbers, list...)
	}
	slices.SortFunc(numbers, func(a, b itsm.AlertNumber) int { return cmp.Compare(b, a) })
	for _, n := range slices.Compact(numbers) {
		err := m.consider(uint64(n), func() ([]byte, error) { return m.records.alert(n) })
		if errors.Is(err, kv.Stop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
