package correlate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// An encoded state is magic, version, CMDB revision, body, and an xxhash64 of
// all of it. The graph itself is not in it: the caller brings the same revision.
const (
	stateMagic   = "SBXSTATE"
	stateVersion = 12 // 3 added the rule set, 4 what the rules decided, 5 objects: changes, problems, users, 6 what partners were told of them, 7 views, 8 what can be undone, 9 what a merge replaced, 10 what rules cost, 11 whose acknowledgement a merge replaced, 12 how records of changes and problems compare
	stateOldest  = 2
	stateHeader  = len(stateMagic) + 1 + 8
	stateTrailer = 8
)

// Encode writes the state. Equal states give equal bytes, and a decoded state
// goes on exactly as this one would. What changed has to be flushed first.
func (s *State) Encode(w io.Writer) error {
	f, err := s.Freeze()
	if err != nil {
		return err
	}
	return f.Encode(w)
}

// Frozen is a state as it was: it can be encoded while the state goes on. The
// texts in it are those of the state, the rest is a copy.
type Frozen struct{ pieces []string }

// Freeze takes down the state, which has to be flushed.
func (s *State) Freeze() (*Frozen, error) {
	if len(s.dirtyAlerts)+len(s.dirtyIncidents) > 0 {
		return nil, itsm.Errorf(itsm.Internal, "state: %d records are not flushed; flush before encoding", len(s.dirtyAlerts)+len(s.dirtyIncidents))
	}
	a := &archive{version: stateVersion, pieces: make([]string, 0, 2*s.alerts.Len()+1)}
	a.seal() // takes the first chunk
	a.out = append(a.out, stateMagic...)
	a.out = binary.BigEndian.AppendUint64(append(a.out, stateVersion), s.graph.Revision())
	if err := s.archive(a); err != nil {
		return nil, err
	}
	a.seal()
	return &Frozen{a.pieces}, nil
}

// Encode writes what State.Encode would have written then.
func (f *Frozen) Encode(w io.Writer) error {
	h := xxhash.New()
	for _, p := range f.pieces {
		h.WriteString(p)
		if _, err := io.WriteString(w, p); err != nil {
			return err
		}
	}
	_, err := w.Write(binary.BigEndian.AppendUint64(nil, h.Sum64()))
	return err
}

// Decode reads a state that Encode wrote, over the CMDB revision it had.
func Decode(r io.Reader, g *cmdb.Graph) (*State, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if len(b) < stateHeader+stateTrailer || string(b[:len(stateMagic)]) != stateMagic {
		return nil, itsm.Errorf(itsm.Invalid, "state: %d bytes that are not an encoded state", len(b))
	}
	v := b[len(stateMagic)]
	if v < stateOldest || v > stateVersion {
		return nil, itsm.Errorf(itsm.Invalid, "state: version %d; this Signalbox reads %d to %d", v, stateOldest, stateVersion)
	}
	body, sum := b[:len(b)-stateTrailer], binary.BigEndian.Uint64(b[len(b)-stateTrailer:])
	if xxhash.Sum64(body) != sum {
		return nil, itsm.Errorf(itsm.Invalid, "state: damaged: the checksum does not match")
	}
	if rev := binary.BigEndian.Uint64(b[len(stateMagic)+1:]); rev != g.Revision() {
		return nil, itsm.Errorf(itsm.Invalid, "state: made with CMDB revision %d, not %d", rev, g.Revision())
	}
	s := New(DefaultConfig(), g)
	a := &archive{reading: true, version: v, in: string(body[stateHeader:])}
	if err := s.archive(a); err != nil {
		return nil, err
	}
	if a.bad || a.in != "" {
		return nil, itsm.Errorf(itsm.Invalid, "state: damaged: its counts do not fit")
	}
	s.rearm()
	return s, nil
}

// archive is the layout of the body.
func (s *State) archive(a *archive) error {
	if err := s.archiveConfig(a); err != nil {
		return err
	}
	if err := s.archiveRules(a); err != nil {
		return err
	}
	num(a, &s.now)
	num(a, &s.off)
	num(a, &s.lastAlert)
	num(a, &s.lastIncident)
	num(a, &s.firing)
	num(a, &s.openIncidents)
	num(a, &s.stormsOn)
	s.archiveTotals(a)
	cis := s.archiveCIs(a)
	s.archiveSources(a)
	list(a, &s.scopeList, s.archiveScope)
	s.archiveIncidents(a, cis)
	s.archiveAlerts(a, cis)
	s.archiveRuled(a)
	a.fifo(&s.dead)
	a.fifo(&s.ended)
	s.archivePages(a)
	dict(a, &s.unbound, num[uint64])
	if !faultLostRepeats {
		a.repeats(&s.idempotent)
		a.repeats(&s.deliveries)
	}
	texts(a, &s.quarantineIDs)
	dict(a, &s.quarantines, archiveQuarantined)
	if a.version >= 5 {
		s.archivePeople(a)
		s.archivePartners(a)
		s.archiveSilences(a)
		s.archiveChanges(a)
		s.archiveWindows(a)
	}
	if a.bad {
		return itsm.Errorf(itsm.Invalid, "state: damaged: its counts do not fit")
	}
	if err := s.archiveGroup(a); err != nil || a.version < 5 {
		return err
	}
	s.archiveProblems(a)
	if a.version >= 6 {
		s.archiveTellings(a)
	}
	if a.version >= 7 {
		s.archiveViews(a)
	}
	if a.version >= 8 {
		s.archiveUndos(a)
	}
	if a.version >= 10 {
		s.archiveLate(a)
	}
	return nil
}

func (s *State) archiveConfig(a *archive) error {
	var body string
	if !a.reading {
		b, err := s.cfg.Canonical()
		if err != nil {
			return err
		}
		body = string(b)
	}
	text(a, &body)
	if !a.reading || a.bad {
		return nil
	}
	c, err := ParseConfig([]byte(body))
	s.cfg = c
	s.useLevels()
	return err
}

func (s *State) archiveGroup(a *archive) error {
	if !a.reading {
		b := s.group.g.Append(nil)
		n := len(b)
		num(a, &n)
		a.seal()
		a.out = b
		a.seal()
		return nil
	}
	var body string
	text(a, &body)
	if a.bad {
		return nil
	}
	g, err := group.Decode(strings.NewReader(body), s.cfg.grouping(), s.graph)
	if err != nil {
		return fmt.Errorf("decode grouping: %w", err)
	}
	g.UseChanges(changesOn{s})
	s.group.g = g
	return nil
}

func (s *State) archiveTotals(a *archive) {
	t := &s.totals
	for _, v := range []*uint64{&t.Bound, &t.Unbound, &t.Storms, &t.Acts, &t.ActsRepeated, &t.PartnerStale, &t.IntentsAbandoned} {
		num(a, v)
	}
}

// archiveCIs archives the CIs that anything holds, and returns their places.
func (s *State) archiveCIs(a *archive) *ciTable {
	t := &ciTable{at: map[*ci]int{}}
	for _, c := range s.cis {
		t.list = append(t.list, c)
	}
	slices.SortFunc(t.list, func(x, y *ci) int {
		if n := cmp.Compare(x.id, y.id); n != 0 || x.provisional == y.provisional {
			return n
		} else if x.provisional {
			return 1
		}
		return -1
	})
	list(a, &t.list, func(a *archive, p **ci) {
		if a.reading {
			*p = &ci{ref: cmdb.NoRef}
		}
		text(a, &(*p).id)
		a.flag(&(*p).provisional)
	})
	for n, c := range t.list {
		t.at[c] = n
		if a.reading && c != nil {
			s.cis[ciKey{c.id, c.provisional}] = c
			if r, ok := s.graph.Lookup(c.id); ok && !c.provisional {
				c.ref = r
			}
		}
	}
	return t
}

// ciTable gives each CI its place in the encoded list.
type ciTable struct {
	list []*ci
	at   map[*ci]int
}

// ref archives a reference to a CI, and counts it when it is read.
func (t *ciTable) ref(a *archive, p **ci) {
	n := -1
	if *p != nil {
		n = t.at[*p]
	}
	if n = index(a, n, len(t.list)); a.reading && n >= 0 {
		*p = t.list[n]
		(*p).refs++
	}
}

func (s *State) archiveSources(a *archive) {
	list(a, &s.sourceList, func(a *archive, p **source) {
		if a.reading {
			*p = &source{alerts: map[string]*alert{}}
		}
		src := *p
		text(a, &src.name)
		c := &src.count
		for _, v := range []*uint64{&c.accepted, &c.folded, &c.deduplicated, &c.suppressed, &c.quarantined} {
			num(a, v)
		}
		dict(a, &src.bySupp, num[uint64])
		list(a, &src.tombFIF, func(a *archive, k *tombKey) { text(a, &k.identity); num(a, &k.at) })
		dict(a, &src.tombs, func(a *archive, t *tombstone) { num(a, &t.event); num(a, &t.at) })
	})
	if !a.reading {
		return
	}
	for n, src := range s.sourceList {
		if src == nil { // cut short; the caller sees bad
			return
		}
		src.index = n
		src.configure(&s.cfg)
		s.sources[src.name] = src
	}
}

func (s *State) archiveScope(a *archive, p **scope) {
	if a.reading {
		*p = &scope{}
	}
	sc := *p
	text(a, &sc.name)
	num(a, &sc.index)
	num(a, &sc.minute)
	num(a, &sc.x)
	num(a, &sc.mean)
	num(a, &sc.vari)
	a.flag(&sc.on)
	num(a, &sc.calm)
	num(a, &sc.wake)
	if a.reading {
		s.scopes[sc.name] = sc
	}
}

func (s *State) archivePages(a *archive) {
	list(a, &s.pages.held, num[itsm.IncidentNumber])
	list(a, &s.pages.spent, func(a *archive, p *spent) {
		text(a, &p.connector)
		num(a, &p.minute)
		num(a, &p.n)
	})
	num(a, &s.pages.wake)
}

func archiveQuarantined(a *archive, p **quarantined) {
	if a.reading {
		*p = &quarantined{}
	}
	q := *p
	text(a, &q.source)
	text(a, &q.err)
	num(a, &q.first)
	num(a, &q.last)
	num(a, &q.retried)
	num(a, &q.count)
	num(a, &q.offset)
}

// rearm fills the heap from what everything waits for: its order is total, so it
// needs no history.
func (s *State) rearm() {
	if faultLostTimers {
		return
	}
	for _, n := range s.alertNumbers() {
		if a := s.alerts.Get(n); a.wake != 0 {
			s.timers.push(timer{a.wake, wakeAlert, uint64(n)})
		}
	}
	for _, n := range sortedKeys(s.incidents) {
		if i := s.incidents[n]; i.wake != 0 {
			s.timers.push(timer{i.wake, wakeIncident, uint64(n)})
		}
	}
	for _, id := range sortedKeys(s.gatheringIDs) {
		if g := s.gatheringIDs[id]; g.wake != 0 {
			s.timers.push(timer{g.wake, wakeGathering, id})
		}
	}
	for _, n := range sortedKeys(s.windows.all) {
		if m := s.windows.all[n]; m.wake != 0 {
			s.timers.push(timer{m.wake, wakeWindow, uint64(n)})
		}
	}
	for _, sc := range s.scopeList {
		if sc.wake != 0 {
			s.timers.push(timer{sc.wake, wakeScope, uint64(sc.index)})
		}
	}
	if s.pages.wake != 0 {
		s.timers.push(timer{s.pages.wake, wakePages, 0})
	}
	if s.silences.wake != 0 {
		s.timers.push(timer{s.silences.wake, wakeSilences, 0})
	}
	for _, n := range sortedKeys(s.problems.list) {
		if t := s.problems.list[n]; t.wake != 0 {
			s.timers.push(timer{t.wake, wakeProblem, uint64(n)})
		}
	}
}
