package desk

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// exportChunk is how many records are overlaid and written at once.
const exportChunk = 256

// Export writes every fact of the view as lines of text in one order: what it
// is, then the fact as JSON. Two desks that hold the same facts write the same
// bytes, however the entries were grouped and whatever the store. The counters
// of the fold are overlaid, because a stored one is only as new as the last
// material change of its record. Left out are what only serves the storage: the
// indexes, the marks and the versions.
func (d *Desk) Export(w io.Writer) error {
	x := &exporter{d: d, w: bufio.NewWriterSize(w, 64<<10)}
	err := d.db.View(func(tx kv.Tx) error {
		x.tx = tx
		c, err := readCursor(tx)
		if err != nil {
			return err
		}
		x.line("cursor", struct {
			Offset itsm.Offset
			At     itsm.Time
		}{c.offset, c.at})
		for _, part := range []func() error{x.alerts, x.incidents, x.evidence, x.timeline, x.intents, x.quarantine, x.fates, x.objects, x.blobs} {
			if err := part(); err != nil {
				return err
			}
		}
		return x.err
	})
	if err != nil {
		return err
	}
	return x.w.Flush()
}

// exporter writes the lines of one Export.
type exporter struct {
	d   *Desk
	tx  kv.Tx
	w   *bufio.Writer
	err error // the first failure to write or encode
}

func (x *exporter) line(kind string, fact any) {
	b, err := json.Marshal(fact)
	if err != nil && x.err == nil {
		x.err = err
	}
	x.w.WriteString(kind) // a bufio.Writer keeps its first error for Flush
	x.w.WriteByte(' ')
	x.w.Write(b)
	x.w.WriteByte('\n')
}

// each decodes the records of one kind in the order of their numbers, oldest first.
func each[T any](x *exporter, kind byte, decode func(key, value []byte) (T, error), fn func([]T)) error {
	chunk := make([]T, 0, exportChunk)
	err := x.tx.Scan(kv.Range{Prefix: prefix(kind), Reverse: true}, func(key, value []byte) error {
		t, err := decode(key, value)
		if err != nil {
			return err
		}
		if chunk = append(chunk, t); len(chunk) == exportChunk {
			fn(chunk)
			chunk = chunk[:0]
		}
		return x.err
	})
	if err == nil {
		fn(chunk)
	}
	return err
}

// alerts walks the columns, which lead to every alert wherever it is stored.
func (x *exporter) alerts() error {
	r := &records{tx: x.tx}
	chunk := make([]itsm.Alert, 0, columnAlerts)
	return x.tx.Scan(kv.Range{Prefix: prefix(kindColumn), Reverse: true}, func(key, value []byte) error {
		page, err := numberOf(key)
		if err != nil {
			return err
		}
		c, err := decodeColumns(value)
		if err != nil {
			return err
		}
		chunk = chunk[:0]
		for i, w := range c {
			n := itsm.AlertNumber(page*columnAlerts + uint64(i))
			v, err := r.located(n, w)
			if errors.Is(err, kv.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			a, err := decodeAlert(n, v)
			if err != nil {
				return err
			}
			chunk = append(chunk, a)
		}
		x.d.overlayAlerts(chunk)
		lines[itsm.Alert](x, "alert")(chunk)
		return x.err
	})
}

func (x *exporter) incidents() error {
	decode := func(key, value []byte) (itsm.Incident, error) {
		n, err := numberOf(key)
		if err != nil {
			return itsm.Incident{}, err
		}
		return readIncident(x.tx, itsm.IncidentNumber(n), value)
	}
	return each(x, kindIncident, decode, func(list []itsm.Incident) {
		x.d.overlayIncidents(list)
		for i := range list {
			x.line("incident", &list[i])
		}
	})
}

func lines[T any](x *exporter, kind string) func([]T) {
	return func(list []T) {
		for i := range list {
			x.line(kind, &list[i])
		}
	}
}

// evidence walks the members of each incident that has any.
func (x *exporter) evidence() error {
	incidents, err := x.incidentsWithMembers()
	if err != nil {
		return err
	}
	r := &records{tx: x.tx}
	for _, n := range incidents {
		for after := newest; ; {
			list, err := members(x.tx, n, after, exportChunk)
			if err != nil {
				return err
			}
			for _, m := range list {
				e, err := r.evidence(m)
				if err != nil {
					return err
				}
				x.line("evidence", &e)
			}
			if len(list) < exportChunk {
				break
			}
			after = list[len(list)-1]
		}
	}
	return x.err
}

// incidentsWithMembers finds the incidents in both places that name members.
func (x *exporter) incidentsWithMembers() ([]itsm.IncidentNumber, error) {
	set := map[itsm.IncidentNumber]struct{}{}
	collect := func(kind byte, incident func(key []byte) (itsm.IncidentNumber, error)) error {
		return x.tx.Scan(kv.Range{Prefix: prefix(kind), KeysOnly: true}, func(key, _ []byte) error {
			n, err := incident(key)
			set[n] = struct{}{}
			return err
		})
	}
	err := errors.Join(collect(kindRun, runIncident), collect(kindEvidence, func(key []byte) (itsm.IncidentNumber, error) {
		m, err := memberOf(key)
		return m.incident, err
	}))
	return slices.Sorted(maps.Keys(set)), err
}

func (x *exporter) timeline() error {
	return each(x, kindTimeline, decodeTimeline, lines[itsm.TimelineEntry](x, "timeline"))
}

func (x *exporter) intents() error {
	decode := func(key, value []byte) (StoredIntent, error) {
		s, err := stringsOf(key, 2)
		if err != nil {
			return StoredIntent{}, err
		}
		return decodeIntent(s[0], s[1], value)
	}
	return each(x, kindIntent, decode, lines[StoredIntent](x, "intent"))
}

func (x *exporter) quarantine() error {
	decode := func(key, value []byte) (storedQuarantine, error) {
		s, err := stringsOf(key, 1)
		if err != nil {
			return storedQuarantine{}, err
		}
		return decodeQuarantined(s[0], value)
	}
	return each(x, kindQuarantine, decode, lines[storedQuarantine](x, "quarantine"))
}

// fates leaves out what retention removed, whatever chunks still hold it.
func (x *exporter) fates() error {
	oldest, err := droppedFates(x.tx)
	if err != nil {
		return err
	}
	return x.tx.Scan(kv.Range{Prefix: prefix(kindFates), Reverse: true}, func(key, value []byte) error {
		first, err := numberOf(key)
		if err != nil {
			return err
		}
		list, err := decodeFates(itsm.Offset(first), value)
		for i := range list {
			if list[i].Offset >= oldest {
				x.line("fates", &list[i])
			}
		}
		return errors.Join(err, x.err)
	})
}

func (x *exporter) blobs() error {
	type blob struct {
		Name  string
		Value []byte
	}
	decode := func(key, value []byte) (blob, error) {
		s, err := stringsOf(key, 1)
		if err != nil {
			return blob{}, err
		}
		return blob{strings.Clone(s[0]), append([]byte{}, value...)}, nil
	}
	return each(x, kindBlob, decode, lines[blob](x, "blob"))
}
