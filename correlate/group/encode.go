package group

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"io"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// encodingVersion is the first thing written. Fields are added at the end of
// their record with a new version.
const encodingVersion = 2

// Encode writes what Append appends.
func (g *Grouper) Encode(w io.Writer) error {
	_, err := w.Write(g.Append(nil))
	return err
}

// Append appends everything that decides anything, in a canonical form: equal
// Groupers encode equally. CIs are written by Ref, which a graph's own snapshot
// keeps, also of CIs that are retired.
func (g *Grouper) Append(dst []byte) []byte {
	e := &encoder{b: slices.Grow(dst, g.series.Len()*seriesBytes), g: g}
	e.uint(encodingVersion)
	e.time(g.clock)
	e.rules()
	e.series()
	e.names()
	e.hot()
	numbers := g.numbers()
	e.uint(uint64(len(numbers)))
	for _, n := range numbers {
		e.group(g.groups[n])
	}
	e.last()
	e.apps()
	return e.b
}

// seriesBytes is about what an alert takes: its history and its place in a group.
const seriesBytes = 72

// encoder appends varints and strings.
type encoder struct {
	b []byte
	g *Grouper
}

// The primitives: unsigned and signed varints, strings with their length, CIs as
// their Ref and one, so that none is 0.
func (e *encoder) uint(v uint64)     { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)       { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) time(t itsm.Time)  { e.int(int64(t)) }
func (e *encoder) text(s string)     { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) ref(r cmdb.Ref)    { e.uint(uint64(r + 1)) }
func (e *encoder) texts(ss []string) { e.uint(uint64(len(ss))); each(ss, e.text) }

func (e *encoder) bool(v bool) {
	if v {
		e.uint(1)
	} else {
		e.uint(0)
	}
}

// each calls fn for every value, in order.
func each[T any](list []T, fn func(T)) {
	for _, v := range list {
		fn(v)
	}
}

// sorted returns the keys of m in order.
func sorted[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, compare)
	return out
}

func (e *encoder) activity(a activity) {
	e.uint(a.slots)
	e.int(a.slot)
	e.uint(uint64(a.known))
}

// rules writes the rules in the order of their numbers, which others refer to.
func (e *encoder) rules() {
	keys := make([]ruleKey, len(e.g.rules))
	for k, i := range e.g.ruleOf {
		keys[i] = k
	}
	e.uint(uint64(len(keys)))
	for i, k := range keys {
		r := &e.g.rules[i]
		e.text(k.source)
		e.text(k.name)
		for _, v := range r.intervals {
			e.uint(uint64(v))
		}
		each([]uint64{uint64(r.n), uint64(r.onsets), uint64(r.resolves), uint64(r.source), uint64(r.placed), uint64(r.unbound), uint64(r.missing)}, e.uint)
		e.time(r.last)
		e.activity(r.busy)
	}
}

// series writes the histories of alerts by number.
func (e *encoder) series() {
	keys := e.g.series.Numbers()
	e.uint(uint64(len(keys)))
	for _, a := range keys {
		s := e.g.series.Get(a)
		e.uint(uint64(a))
		e.activity(s.activity)
		e.uint(uint64(s.incident))
		each([]itsm.Time{s.began, s.changed, s.spellAt, s.halved}, e.time)
		e.uint(uint64(s.spells))
		e.bool(s.firing)
		e.uint(uint64(s.rule))
	}
}

// names writes what was named together.
func (e *encoder) names() {
	keys := sorted(e.g.seen, func(a, b sighted) int { return cmp.Or(cmp.Compare(a.env, b.env), cmp.Compare(a.name, b.name)) })
	e.uint(uint64(len(keys)))
	for _, k := range keys {
		o := e.g.seen[k]
		e.text(k.env)
		e.text(k.name)
		e.bool(o.many)
		e.uint(uint64(len(o.cis)))
		each(o.cis, e.ref)
	}
}

// hot writes who alerted under each hub lately. The order within a hub is that of
// the onsets and decides who is forgotten first, so it is kept.
func (e *encoder) hot() {
	hubs := e.g.locals.that(func(l *local) bool { return l.hot != nil })
	e.uint(uint64(len(hubs)))
	for _, y := range hubs {
		seen := e.g.locals.of(y).hot.seen
		e.ref(y)
		e.uint(uint64(len(seen)))
		for _, s := range seen {
			e.ref(s.ci)
			e.time(s.at)
		}
	}
}

// group writes one group: what its members do not imply, then its members. Counts
// and indexes are made anew when it is read.
func (e *encoder) group(gr *group) {
	e.uint(uint64(gr.n))
	each([]itsm.Time{gr.opened, gr.lastJoin, gr.resolved, gr.pace}, e.time)
	e.texts(gr.senders)
	e.texts(gr.ruleKeys)
	e.texts(gr.tags)
	e.text(gr.title)
	e.text(gr.name)
	e.int(gr.wave.bucket)
	for _, c := range gr.wave.counts {
		e.uint(uint64(c))
	}
	e.uint(uint64(gr.wave.peak))
	e.bool(gr.wave.lull)
	e.bool(gr.wave.spent)
	numbers := gr.numbers()
	e.uint(uint64(len(numbers)))
	for _, a := range numbers {
		m := gr.members.get(a)
		e.uint(uint64(a))
		e.uint(uint64(m.episode))
		e.ref(m.ci)
		e.text(m.key)
		e.time(m.at)
		e.int(m.mass)
		e.bool(m.chronic)
		e.bool(m.firing)
		e.uint(uint64(m.rule))
	}
	e.spots(gr)
}

// spots writes what the members alone do not say: when a CI first alerted and
// which rule spoke last.
func (e *encoder) spots(gr *group) {
	write := func(sp *spot) {
		e.time(sp.first)
		e.uint(uint64(sp.rule))
	}
	for _, ci := range slices.Sorted(slices.Values(gr.cis.keys())) {
		write(gr.cis.get(ci))
	}
	for _, key := range slices.Sorted(slices.Values(gr.keys.keys())) {
		write(gr.keys.get(key))
	}
}

// last writes which incident was the latest on a CI.
func (e *encoder) last() {
	cis := e.g.locals.that(func(l *local) bool { return l.last != 0 })
	e.uint(uint64(len(cis)))
	for _, ci := range cis {
		e.ref(ci)
		e.uint(uint64(e.g.locals.of(ci).last))
	}
	keys := sorted(e.g.lastOnKey, cmp.Compare[string])
	e.uint(uint64(len(keys)))
	for _, k := range keys {
		e.text(k)
		e.uint(uint64(e.g.lastOnKey[k]))
	}
}

// apps writes what is known of applications.
func (e *encoder) apps() {
	refs := sorted(e.g.apps, cmp.Compare[cmdb.Ref])
	e.uint(uint64(len(refs)))
	for _, r := range refs {
		e.ref(r)
		a := e.g.apps[r]
		e.time(a.last)
		e.uint(uint64(a.incident))
		e.time(a.since)
	}
}

// Decode reads what Encode wrote. The graph is the one that was active then.
func Decode(r io.Reader, c Config, graph *cmdb.Graph) (*Grouper, error) {
	g := New(c, graph)
	d := &decoder{r: bufio.NewReader(r), g: g}
	version := d.uint()
	if d.err == nil && (version == 0 || version > encodingVersion) {
		return nil, itsm.Errorf(itsm.Invalid, "grouping state: version %d: expected 1 to %d; rebuild it from the journal", version, encodingVersion)
	}
	g.clock = d.time()
	d.rules()
	d.series()
	d.names()
	d.hot()
	for range d.count() {
		d.group()
	}
	d.last()
	if version > 1 {
		d.apps()
	}
	if d.err != nil {
		return nil, itsm.Wrap(itsm.Invalid, d.err, "grouping state is damaged; rebuild it from the journal")
	}
	return g, nil
}

// decoder reads varints and strings and remembers the first error.
type decoder struct {
	r   *bufio.Reader
	g   *Grouper
	err error
}

// textMax bounds one string of an encoding.
const textMax = 1 << 20

// fail keeps the first error; from then on everything reads as zero.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(d.r)
	if err != nil {
		d.fail(err)
		return 0
	}
	return v
}

func (d *decoder) int() int64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(d.r)
	if err != nil {
		d.fail(err)
		return 0
	}
	return v
}

// count reads a length; after an error it is 0, so that loops end.
func (d *decoder) count() int {
	n := d.uint()
	if n > 1<<31 {
		d.fail(io.ErrUnexpectedEOF)
		return 0
	}
	return int(n)
}

func (d *decoder) time() itsm.Time { return itsm.Time(d.int()) }
func (d *decoder) bool() bool      { return d.uint() != 0 }

func (d *decoder) text() string {
	n := d.count()
	if n > textMax {
		d.fail(io.ErrUnexpectedEOF)
	}
	if n == 0 || d.err != nil {
		return ""
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.fail(err)
		return ""
	}
	return string(b)
}

func (d *decoder) texts() []string {
	var out []string
	for range d.count() {
		if out = append(out, d.text()); d.err != nil {
			return nil
		}
	}
	return out
}

// ref reads a CI; one that the graph never had is damage.
func (d *decoder) ref() cmdb.Ref {
	v := d.uint()
	if v > uint64(d.g.cmdb.Refs()) {
		d.fail(io.ErrUnexpectedEOF)
		return cmdb.NoRef
	}
	return cmdb.Ref(v) - 1
}

// local reads a CI that is one, and returns what is kept of it.
func (d *decoder) local() *local {
	r := d.ref()
	if r == cmdb.NoRef {
		d.fail(io.ErrUnexpectedEOF)
		return &local{} // for the caller to write to
	}
	return d.g.locals.at(r)
}

func (d *decoder) activity() activity {
	return activity{slots: d.uint(), slot: d.int(), known: uint8(d.uint())}
}

func (d *decoder) rules() {
	n := d.count()
	d.g.rules = d.g.rules[:0]
	for i := 0; i < n && d.err == nil; i++ {
		k := ruleKey{d.text(), d.text()}
		var r rule
		for j := range r.intervals {
			r.intervals[j] = uint16(d.uint())
		}
		r.n, r.onsets, r.resolves, r.source = uint32(d.uint()), uint32(d.uint()), uint32(d.uint()), int32(d.uint())
		r.placed, r.unbound, r.missing = uint32(d.uint()), uint32(d.uint()), uint32(d.uint())
		r.last = d.time()
		r.busy = d.activity()
		if int(r.source) >= n {
			d.fail(io.ErrUnexpectedEOF)
		}
		if i > 0 {
			d.g.ruleOf[k] = int32(i)
		}
		d.g.rules = append(d.g.rules, r)
	}
}

// rule reads the number of a rule.
func (d *decoder) rule() int32 {
	n := d.uint()
	if n >= uint64(max(len(d.g.rules), 1)) {
		d.fail(io.ErrUnexpectedEOF)
		return 0
	}
	return int32(n)
}

func (d *decoder) series() {
	n := d.count()
	for i := 0; i < n && d.err == nil; i++ {
		a := itsm.AlertNumber(d.uint())
		s := &series{activity: d.activity(), incident: itsm.IncidentNumber(d.uint()), began: d.time(), changed: d.time(),
			spellAt: d.time(), halved: d.time(), spells: uint32(d.uint()), firing: d.bool(), rule: d.rule()}
		d.g.series.Put(a, s)
	}
}

func (d *decoder) names() {
	n := d.count()
	for i := 0; i < n && d.err == nil; i++ {
		k := sighted{d.text(), d.text()}
		o := &observed{many: d.bool()}
		for range d.count() {
			if o.cis = append(o.cis, d.ref()); d.err != nil {
				return
			}
		}
		d.g.seen[k] = o
	}
}

func (d *decoder) hot() {
	n := d.count()
	for i := 0; i < n && d.err == nil; i++ {
		at, h := d.local(), &hotness{}
		for range d.count() {
			s := sign{d.ref(), d.time()}
			if d.err != nil {
				return
			}
			h.seen = append(h.seen, s)
		}
		at.hot = h
	}
}

func (d *decoder) group() {
	if d.err != nil {
		return
	}
	gr := newGroup(itsm.IncidentNumber(d.uint()))
	gr.opened, gr.lastJoin, gr.resolved, gr.pace = d.time(), d.time(), d.time(), d.time()
	gr.senders, gr.ruleKeys, gr.tags = d.texts(), d.texts(), d.texts()
	gr.title, gr.name = d.text(), d.text()
	gr.wave.bucket = d.int()
	for i := range gr.wave.counts {
		gr.wave.counts[i] = int32(d.uint())
	}
	gr.wave.peak, gr.wave.lull, gr.wave.spent = int32(d.uint()), d.bool(), d.bool()
	d.g.groups[gr.n] = gr
	n := d.count()
	for i := 0; i < n && d.err == nil; i++ {
		a := itsm.AlertNumber(d.uint())
		m := member{episode: uint32(d.uint()), ci: d.ref(), key: d.text(), at: d.time(), mass: d.int(), chronic: d.bool(), firing: d.bool(), rule: d.rule()}
		if gr.members.has(a) {
			d.fail(io.ErrUnexpectedEOF)
			return
		}
		d.g.add(gr, a, m)
	}
	d.spots(gr)
	d.warm(gr)
}

func (d *decoder) spots(gr *group) {
	read := func(sp *spot) { sp.first, sp.rule = d.time(), d.rule() }
	for _, ci := range slices.Sorted(slices.Values(gr.cis.keys())) {
		read(gr.cis.get(ci))
	}
	for _, key := range slices.Sorted(slices.Values(gr.keys.keys())) {
		read(gr.keys.get(key))
	}
}

// warm puts a decoded group into the indexes it was in.
func (d *decoder) warm(gr *group) {
	if d.err != nil || gr.resolved != 0 || gr.wave.spent || d.g.coldAt(gr) < d.g.clock {
		return
	}
	d.g.warmUp(gr)
}

// last reads which incident was the latest on a CI. Reading the members set it
// already; the two differ where members left.
func (d *decoder) last() {
	for _, ci := range d.g.locals.that(func(l *local) bool { return l.last != 0 }) {
		d.g.locals.of(ci).last = 0
	}
	clear(d.g.lastOnKey)
	n := d.count()
	for i := 0; i < n && d.err == nil; i++ {
		d.local().last = itsm.IncidentNumber(d.uint())
	}
	n = d.count()
	for i := 0; i < n && d.err == nil; i++ {
		k := d.text()
		d.g.lastOnKey[k] = itsm.IncidentNumber(d.uint())
	}
	heap.Init(&d.g.deadlines)
}

// apps reads what is known of applications. An encoding of version 1 has none.
func (d *decoder) apps() {
	n := d.count()
	for i := 0; i < n && d.err == nil; i++ {
		r := d.ref()
		d.g.apps[r] = &app{last: d.time(), incident: itsm.IncidentNumber(d.uint()), since: d.time()}
	}
	if d.err == nil {
		d.g.resettle()
	}
}
