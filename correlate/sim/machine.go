package sim

import (
	"bytes"
	"errors"
	"fmt"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// machine is our process and its disk: the journal, the view, the snapshots, and
// in memory the folder. A crash takes what is in memory.
type machine struct {
	w *World

	log   []journal.Record // durable
	meta  []meta           // what each entry is, for the laws
	disk  *disk
	snaps []snapshot

	waiting []waiting // handed to the journal, not durable yet
	desk    *desk.Desk
	folder  *engine.Folder
	folded  itsm.Offset // what the desk covers
	commits itsm.Offset // an import is complete only from this entry on
	encoded int         // bytes of the state encoded last, for room for the next
}

// meta is what the simulation knows of a journal entry beyond its bytes.
type meta struct {
	parcel *parcel
	act    *itsm.Act
	repeat *repeatedAct // the act is a repetition of this one
}

// waiting is one body between the door and the disk.
type waiting struct {
	body []byte
	meta meta
}

// snapshot is an encoded state, with the graph it refers to.
type snapshot struct {
	off   itsm.Offset
	state []byte
	graph *cmdb.Graph
}

// snapshotsKept is how many snapshots a restart may choose from.
const snapshotsKept = 3

func newMachine(w *World) *machine {
	m := &machine{w: w, disk: &disk{DB: kv.Mem(), left: -1}}
	m.open()
	m.use(engine.NewFolder())
	return m
}

func (m *machine) open() {
	d, err := desk.Open(m.disk)
	if err != nil {
		m.w.fail("I3", "the desk does not open after a crash: %v", err)
	}
	m.desk = d
}

func (m *machine) use(f *engine.Folder) {
	f.OnDelivery = m.w.onDelivery
	m.folder = f
}

// put hands a body to the journal. It is durable, and answered, with the next sync.
func (m *machine) put(body []byte, mt meta) {
	if mt.parcel != nil && faultAckEarly {
		mt.parcel.acked = true
	}
	m.waiting = append(m.waiting, waiting{body, mt})
}

// sync makes everything handed over durable and answers its senders.
func (m *machine) sync() {
	for _, p := range m.waiting {
		m.log = append(m.log, journal.Record{Offset: itsm.Offset(len(m.log) + 1), At: m.at(), Body: p.body})
		m.meta = append(m.meta, p.meta)
		if p.meta.parcel != nil {
			p.meta.parcel.acked = true
		}
	}
	clear(m.waiting)
	m.waiting = m.waiting[:0]
}

// at is the time the journal gives an entry: our clock, never going back.
func (m *machine) at() itsm.Time {
	now := m.w.now + m.w.skew
	if n := len(m.log); n > 0 {
		return max(now, m.log[n-1].At)
	}
	return now
}

func (m *machine) head() itsm.Offset { return itsm.Offset(len(m.log)) }
func (m *machine) backlog() int      { return len(m.log) - int(m.folded) }

// fold folds at most limit entries as one batch.
func (m *machine) fold(limit int) {
	n := min(limit, m.backlog())
	if n == 0 {
		return
	}
	if err := m.tryFold(n); err != nil {
		m.w.again()
		m.w.fail("fold", "entries %d to %d: %v", m.folded+1, int(m.folded)+n, err)
	}
}

func (m *machine) tryFold(n int) error {
	b, err := m.folder.Fold(m.log[m.folded : int(m.folded)+n])
	if err != nil {
		return err
	}
	if err := m.desk.Apply(*b); err != nil {
		return err
	}
	before := m.folded
	m.folded = b.Cursor
	m.w.mirror.apply(m.w, b, before)
	return nil
}

// catchUp folds everything durable.
func (m *machine) catchUp() {
	m.sync()
	for m.backlog() > 0 {
		m.fold(1 + m.w.rng.IntN(m.w.batchMax))
	}
}

// snapshot keeps the state at the cursor, as the engine would.
func (m *machine) snapshot() {
	if m.folded == 0 || m.folded < m.commits {
		return // an import is half journaled
	}
	m.snaps = append(m.snaps, snapshot{m.folded, m.encode(), m.folder.Graph})
	if len(m.snaps) > snapshotsKept {
		m.snaps = m.snaps[1:]
	}
}

func (m *machine) encode() []byte {
	b := bytes.NewBuffer(make([]byte, 0, m.encoded+m.encoded/8+1<<12))
	if err := m.folder.State.Encode(b); err != nil {
		m.w.fail("I4", "encode at entry %d: %v", m.folded, err)
	}
	m.encoded = b.Len()
	return b.Bytes()
}

// crash takes the process down at some point of its work and starts it again.
func (m *machine) crash() {
	m.w.note("crash", int64(m.folded), int64(m.head()))
	m.lose()
	var before []byte
	switch m.w.rng.IntN(4) {
	case 0: // in the middle of storing a batch
		m.tear()
	case 1: // the disk lost an entry: folding on would be silent loss
		m.gap()
	default:
		before = m.encode()
	}
	m.folder = nil
	m.open()
	m.recover()
	if before != nil && !bytes.Equal(before, m.encode()) {
		m.w.fail("I4", "after a restart at entry %d the state is another one than before it", m.folded)
	}
	m.w.restarted()
}

// lose drops what was not durable: its senders were not answered and try again.
func (m *machine) lose() {
	for _, p := range m.waiting {
		if p.meta.parcel != nil {
			m.w.unanswered(p.meta.parcel)
		}
	}
	clear(m.waiting)
	m.waiting = m.waiting[:0]
}

// tear stores only the first few writes of a batch.
func (m *machine) tear() {
	n := min(m.backlog(), 1+m.w.rng.IntN(m.w.batchMax))
	if n == 0 {
		return
	}
	m.disk.left = m.w.rng.IntN(6 + 4*n)
	err := m.tryFold(n)
	m.w.again()
	if err != nil && !errors.Is(err, errTorn) {
		m.w.fail("fold", "entries from %d: %v", m.folded+1, err)
	}
	m.disk.left = -1
}

// gap shows the folder the journal with an entry missing. It must refuse.
func (m *machine) gap() {
	if m.backlog() < 2 {
		return
	}
	f := m.folder
	f.OnDelivery = nil
	if c, _ := f.Cursor(); c == 0 {
		return
	}
	if _, err := f.Fold(m.log[m.folded+1 : m.folded+2]); err == nil {
		m.w.fail("I3", "entry %d was folded although entry %d is missing", m.folded+2, m.folded+1)
	}
}

// recover brings a folder to the desk's cursor: a snapshot, then the journal
// stepped without applying.
func (m *machine) recover() {
	m.folded, _ = m.desk.Cursor()
	f, from := engine.NewFolder(), itsm.Offset(0)
	if n := len(m.snaps); n > 0 && m.w.rng.IntN(24) != 0 {
		s := m.snaps[m.w.rng.IntN(n)]
		if s.off <= m.folded {
			f, from = m.restore(s), s.off
		}
	}
	m.use(f)
	for from < m.folded {
		n := min(1+m.w.rng.IntN(m.w.batchMax), int(m.folded-from))
		if _, err := f.Fold(m.log[from : int(from)+n]); err != nil {
			m.w.fail("I4", "recovering from entry %d: %v", from, err)
		}
		from += itsm.Offset(n)
	}
}

func (m *machine) restore(s snapshot) *engine.Folder {
	st, err := correlate.Decode(bytes.NewReader(s.state), s.graph)
	if err != nil {
		m.w.fail("I4", "the snapshot at entry %d does not decode: %v", s.off, err)
	}
	f := engine.NewFolder()
	f.State, f.Graph = st, s.graph
	return f
}

// disk is a kv.DB that can die in the middle of a large update: what was written
// before that moment stays.
type disk struct {
	kv.DB
	left int // writes until it dies; negative: it does not
}

var errTorn = errors.New("sim: the process died here")

// UpdateLarge implements kv.DB.
func (d *disk) UpdateLarge(fn func(kv.Tx) error) error {
	if d.left < 0 {
		return d.DB.UpdateLarge(fn)
	}
	var died error
	err := d.DB.Update(func(tx kv.Tx) error {
		err := fn(&dyingTx{tx, d})
		if errors.Is(err, errTorn) {
			died = err
			return nil // what was written before stays
		}
		return err
	})
	return errors.Join(died, err)
}

type dyingTx struct {
	kv.Tx
	d *disk
}

func (t *dyingTx) alive() error {
	if t.d.left == 0 {
		return errTorn
	}
	t.d.left--
	return nil
}

// Set implements kv.Tx.
func (t *dyingTx) Set(key, value []byte) error {
	if err := t.alive(); err != nil {
		return err
	}
	return t.Tx.Set(key, value)
}

// Delete implements kv.Tx.
func (t *dyingTx) Delete(key []byte) error {
	if err := t.alive(); err != nil {
		return err
	}
	return t.Tx.Delete(key)
}

// replay folds the whole journal cold, in batches of n, into d unless that is nil.
func replay(log []journal.Record, n int, d *desk.Desk) (*engine.Folder, error) {
	f := engine.NewFolder()
	for from := 0; from < len(log); from += n {
		b, err := f.Fold(log[from:min(from+n, len(log))])
		if err == nil && d != nil {
			err = d.Apply(*b)
		}
		if err != nil {
			return nil, fmt.Errorf("cold replay: %w", err)
		}
	}
	return f, nil
}
