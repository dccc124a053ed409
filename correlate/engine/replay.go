package engine

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// replayLineMax bounds one line of a recorded stream.
const replayLineMax = 16 << 20

// Line is one decoded line of a recorded stream.
type Line struct {
	At       itsm.Time // when it was recorded; 0: take the event's own time
	Delivery entry.Delivery
	IDs      []string // the caller's name of each event, parallel to Delivery.Events
}

// ReplayOptions says what to fold.
type ReplayOptions struct {
	Config       correlate.Config
	CMDB         *cmdb.Changes // applied before the first line; nil: no CMDB
	Rules        []rules.File  // active from the first line on; nil: no rules
	Events       io.Reader     // JSON lines
	Decode       func(number int, line []byte) (Line, error)
	BatchRecords int // records a batch; 0: 64. The result does not depend on it.
}

// Replayed is what a recorded stream came to.
type Replayed struct {
	Members   []Member        // one per input event, in input order
	Incidents []itsm.Incident // by number
	Problems  []itsm.Problem  // what keeps coming back, by number
	Totals    correlate.Totals
	Lines     int
	First     itsm.Time
	Last      itsm.Time
}

// Member says which incident an input event belongs to, after all merges, and what its
// alert is on.
type Member struct {
	ID       string
	Incident itsm.IncidentNumber // 0: none
	CI       string              // id of the CI, or key of the provisional one; "" when nothing became of the event
}

// replayer folds a stream in its own time.
type replayer struct {
	o        ReplayOptions
	p        *Playback
	ids      map[itsm.Offset][]string
	names    []string
	episodes []Episode
	cis      map[itsm.AlertNumber]string
}

// Replay folds a recorded stream with the same Folder as serve, as fast as it can.
func Replay(o ReplayOptions) (*Replayed, error) {
	r := &replayer{o: o, ids: map[itsm.Offset][]string{}, cis: map[itsm.AlertNumber]string{}}
	r.p = NewPlayback(PlaybackOptions{Config: o.Config, CMDB: o.CMDB, Rules: o.Rules, BatchRecords: o.BatchRecords, OnDecision: r.decided})
	return r.run()
}

func (r *replayer) run() (*Replayed, error) {
	out := &Replayed{}
	var err error
	out.Lines, err = r.o.each(func(l *Line) error {
		if err := r.line(l); err != nil {
			return err
		}
		if out.First == 0 {
			out.First = r.p.Now()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Last = r.p.Now()
	if err := r.p.Drain(); err != nil {
		return nil, err
	}
	r.finish(out)
	return out, nil
}

// each decodes the lines of the stream, and answers how many there were.
func (o *ReplayOptions) each(fn func(*Line) error) (lines int, err error) {
	in := bufio.NewScanner(o.Events)
	in.Buffer(make([]byte, 0, 1<<16), replayLineMax)
	for in.Scan() {
		lines++
		if len(in.Bytes()) == 0 {
			continue
		}
		l, err := o.Decode(lines, in.Bytes())
		if err != nil {
			return lines, fmt.Errorf("line %d: %w", lines, err)
		}
		if err := fn(&l); err != nil {
			return lines, err
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return lines, itsm.Errorf(itsm.TooLarge, "line %d is longer than %d bytes", lines+1, replayLineMax)
	}
	return lines, in.Err()
}

// line folds one delivery at its recorded time. Its ids are known before it is
// folded, which may be at once.
func (r *replayer) line(l *Line) error {
	at := l.Time()
	if err := r.p.Until(at); err != nil {
		return err
	}
	r.ids[r.p.offset+1] = l.IDs
	_, err := r.p.Deliver(at, &l.Delivery)
	return err
}

// Time is when the line was recorded, else the time of its first event.
func (l *Line) Time() itsm.Time {
	if l.At == 0 && len(l.Delivery.Events) > 0 {
		return l.Delivery.Events[0].EventTime()
	}
	return l.At
}

// decided notes which episode each event of a delivery became, and the CI of each alert.
func (r *replayer) decided(d *itsm.Decision) {
	if d.Kind == itsm.PutAlert {
		r.cis[d.Alert.Number] = cmp.Or(d.Alert.CI, d.Alert.Provisional)
	}
	if d.Kind != itsm.PutFates {
		return
	}
	ids := r.ids[d.Fates.Offset]
	delete(r.ids, d.Fates.Offset)
	for i, id := range ids { // what could not be decoded follows the events and has no id
		f := &d.Fates.Events[i]
		r.names = append(r.names, id)
		r.episodes = append(r.episodes, Episode{f.Alert, f.Episode})
	}
}

func (r *replayer) finish(out *Replayed) {
	for i, e := range r.episodes {
		out.Members = append(out.Members, Member{ID: r.names[i], Incident: r.p.Incident(e), CI: r.cis[e.Alert]})
	}
	out.Incidents = r.p.Incidents()
	out.Problems = r.p.f.State.Problems()
	out.Totals = r.p.f.State.Totals()
}
