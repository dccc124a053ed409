package engine

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules/book"
)

// A snapshot file is one line of JSON (snapshotMeta), the encoded state or graph,
// and 32 bytes of SHA-256 over all before them. It is written under a temporary
// name, synced and renamed, so that a file with a final name is whole; the hash
// finds what rotted since.
const (
	snapshotVersion = 1
	statePrefix     = "state-"
	graphPrefix     = "cmdb-"
	snapshotSuffix  = ".snap"
	writingSuffix   = ".tmp" // after the name a file will have: several may be written at once
	snapshotsKept   = 3
	metaBytesMax    = 1 << 16
)

// When a snapshot is due: under load when the folding since the last took
// snapshotWorth times as long as writing that one, so that snapshots cost a
// twentieth of the fold whatever the size of the state, and a start folds again
// for a few seconds at most; and as soon as nothing comes for a moment.
const (
	snapshotEvents     = 20_000 // events at least between two under load
	snapshotWorth      = 20
	snapshotQuietFor   = time.Second
	snapshotQuietAfter = 1000 // events that make one worth while then
	snapshotRetryAfter = time.Minute
)

type snapshotMeta struct {
	Version int         `json:"version"`
	Offset  itsm.Offset `json:"offset"`
	At      itsm.Time   `json:"at"`
	Graph   string      `json:"graph,omitempty"` // file name of the CMDB revision the state refers to
	Book    book.Head   `json:"book"`            // of the rule sets; missing: none was saved yet
}

// Snapshots is the directory of state snapshots. A nil Snapshots holds none.
type Snapshots struct {
	dir      string
	trimming sync.Mutex // the fold and whoever dumps the view both trim
}

// OpenSnapshots opens, and creates if needed, the snapshot directory.
func OpenSnapshots(dir string) (*Snapshots, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("snapshot directory: %w", err)
	}
	s := &Snapshots{dir: dir}
	return s, s.tidy()
}

// tidy removes what a crash left half written.
func (s *Snapshots) tidy() error {
	left, err := filepath.Glob(filepath.Join(s.dir, "*"+writingSuffix))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// list returns the state snapshots' names, newest first. Names hold the offset
// with leading zeros, so their order is that of the offsets.
func (s *Snapshots) list(prefix string) ([]string, error) {
	es, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var names []string
	for _, e := range es {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), snapshotSuffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// Newest loads the newest whole snapshot at or before limit. A damaged one is
// named in the log and passed over. Without any it returns nil.
func (s *Snapshots) Newest(limit itsm.Offset, log *slog.Logger) (*Folder, itsm.Offset, error) {
	if s == nil {
		return nil, 0, nil
	}
	names, err := s.list(statePrefix)
	if err != nil {
		return nil, 0, err
	}
	for _, n := range names {
		f, err := s.load(n, limit)
		if err != nil {
			log.Warn("snapshot passed over; an older one is used", "file", n, "err", err)
			continue
		}
		if f != nil {
			return f, f.cursor, nil
		}
	}
	return nil, 0, nil
}

// load reads one state snapshot with its graph; nil when it lies beyond limit.
func (s *Snapshots) load(name string, limit itsm.Offset) (*Folder, error) {
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	f := &Folder{Graph: g, pending: map[string][]*entry.CMDBChunk{}, ruleChunks: map[string][]*entry.RulesChunk{}}
	beyond := false
	err := s.read(name, func(m snapshotMeta, r io.Reader) (err error) {
		if m.Offset > limit {
			beyond = true
			return nil
		}
		f.cursor, f.at, f.Book = m.Offset, m.At, m.Book
		if m.Graph != "" {
			if err := s.read(m.Graph, func(_ snapshotMeta, r io.Reader) (err error) {
				f.Graph, err = cmdb.Decode(r)
				return err
			}); err != nil {
				return err
			}
		}
		f.State, err = correlate.Decode(r, f.Graph)
		return err
	})
	if beyond || err != nil {
		return nil, err
	}
	return f, nil
}

// read checks the whole file before anything of it is used.
func (s *Snapshots) read(name string, use func(snapshotMeta, io.Reader) error) error {
	path := filepath.Join(s.dir, name)
	if err := checkSum(path); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.LimitReader(file, st.Size()-sha256.Size), 1<<16)
	line, err := r.ReadSlice('\n')
	if err != nil || len(line) > metaBytesMax {
		return itsm.Errorf(itsm.Invalid, "snapshot %s: no header line", name)
	}
	var m snapshotMeta
	if err := json.Unmarshal(line, &m); err != nil {
		return itsm.Wrap(itsm.Invalid, err, "snapshot %s: damaged header", name)
	}
	if m.Version > snapshotVersion {
		return itsm.Errorf(itsm.Invalid, "snapshot %s has version %d, this Signalbox reads up to %d", name, m.Version, snapshotVersion)
	}
	return use(m, r)
}

func checkSum(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() <= sha256.Size {
		return itsm.Errorf(itsm.Invalid, "snapshot %s: only %d bytes", filepath.Base(path), st.Size())
	}
	h := sha256.New()
	if _, err := io.CopyN(h, f, st.Size()-sha256.Size); err != nil {
		return err
	}
	var want [sha256.Size]byte
	if _, err := io.ReadFull(f, want[:]); err != nil {
		return err
	}
	if string(h.Sum(nil)) != string(want[:]) {
		return itsm.Errorf(itsm.Invalid, "snapshot %s: checksum does not match, the file is damaged", filepath.Base(path))
	}
	return nil
}

// frozen is what a snapshot holds, as of the moment it was taken down.
type frozen struct {
	meta   snapshotMeta
	state  *correlate.Frozen
	graph  *cmdb.Graph
	events int // folded since the snapshot before
}

func freeze(f *Folder) (*frozen, error) {
	state, err := f.State.Freeze()
	if err != nil {
		return nil, err
	}
	m := snapshotMeta{Version: snapshotVersion, Offset: f.cursor, At: f.at, Book: f.Book}
	if f.Graph.Revision() != 0 {
		m.Graph = fmt.Sprintf("%s%020d%s", graphPrefix, f.Graph.Revision(), snapshotSuffix)
	}
	return &frozen{meta: m, state: state, graph: f.Graph, events: f.events}, nil
}

// Write stores the folder's state and, when its revision has no file yet, its
// graph; then it removes what is beyond snapshotsKept.
func (s *Snapshots) Write(f *Folder) error {
	z, err := freeze(f)
	if err != nil {
		return err
	}
	return s.put(z)
}

func (s *Snapshots) put(z *frozen) error {
	if m := z.meta; m.Graph != "" {
		if _, err := os.Stat(filepath.Join(s.dir, m.Graph)); errors.Is(err, fs.ErrNotExist) {
			if err := s.write(m.Graph, snapshotMeta{Version: snapshotVersion, Offset: m.Offset, At: m.At}, z.graph.Encode); err != nil {
				return err
			}
		}
	}
	if err := s.write(fmt.Sprintf("%s%020d%s", statePrefix, z.meta.Offset, snapshotSuffix), z.meta, z.state.Encode); err != nil {
		return err
	}
	return s.trim()
}

func (s *Snapshots) write(name string, m snapshotMeta, encode func(io.Writer) error) (err error) {
	tmp := filepath.Join(s.dir, name+writingSuffix)
	file, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(tmp) // frees the space at once when the disk is full
		}
	}()
	h := sha256.New()
	w := bufio.NewWriterSize(&tee{w: file, h: h}, 1<<18)
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(head, '\n')); err != nil {
		return err
	}
	if err := encode(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := file.Write(h.Sum(nil)); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(s.dir, name)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// trim removes old state snapshots and the graphs that no kept one needs.
func (s *Snapshots) trim() error {
	s.trimming.Lock()
	defer s.trimming.Unlock()
	states, err := s.list(statePrefix)
	if err != nil || len(states) <= snapshotsKept {
		return err
	}
	views, err := s.trimViews()
	if err != nil {
		return err
	}
	var kept []string
	for i, n := range states {
		if i < snapshotsKept || views[offsetOf(n)] {
			kept = append(kept, n)
		} else if err := os.Remove(filepath.Join(s.dir, n)); err != nil {
			return err
		}
	}
	return s.trimGraphs(kept)
}

// trimGraphs removes the graphs that none of the states needs. Which they need
// is read from files that may be large, so only when there is something to gain.
func (s *Snapshots) trimGraphs(states []string) error {
	graphs, err := s.list(graphPrefix)
	if err != nil || len(graphs) <= 1 {
		return err
	}
	needed := map[string]bool{}
	for _, n := range states {
		if err := s.read(n, func(m snapshotMeta, _ io.Reader) error { needed[m.Graph] = true; return nil }); err != nil {
			return nil // a damaged snapshot must not cost the graphs of the good ones
		}
	}
	for _, n := range graphs {
		if !needed[n] {
			if err := os.Remove(filepath.Join(s.dir, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// trimViews removes all dumps of the view but the newest and returns the offset of that one.
func (s *Snapshots) trimViews() (map[itsm.Offset]bool, error) {
	views, err := s.list(viewPrefix)
	if err != nil {
		return nil, err
	}
	kept := map[itsm.Offset]bool{}
	for i, n := range views {
		if i == 0 {
			kept[offsetOf(n)] = true
		} else if err := os.Remove(filepath.Join(s.dir, n)); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

type tee struct {
	w io.Writer
	h hash.Hash
}

func (t *tee) Write(b []byte) (int, error) {
	t.h.Write(b)
	return t.w.Write(b)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// snapshotIfDue has a snapshot written, while the fold goes on, when enough was
// folded since the last.
func (e *Engine) snapshotIfDue() {
	if e.writing != nil {
		select {
		case err := <-e.writing.done:
			e.complain(e.wrote(err))
		default:
			return
		}
	}
	if e.folder.events < snapshotEvents || e.pace.folding < snapshotWorth*e.pace.took || e.o.Clock().Before(e.pace.retry) {
		return
	}
	err := e.o.Room()
	if err == nil {
		err = e.beginSnapshot()
	}
	e.complain(err)
}

// quiet is how long to wait for more before a snapshot; 0: none is worth while.
func (e *Engine) quiet() time.Duration {
	if e.o.Snapshots == nil || e.folder.events < snapshotQuietAfter || e.halfJournaled() || e.o.Clock().Before(e.pace.retry) {
		return 0
	}
	return snapshotQuietFor
}

// snapshotIfAsked writes the snapshot that a dump waits for, and reports whether
// one did. It is asked after every batch too: a fold that never catches up must
// not keep a backup or retention waiting for ever.
func (e *Engine) snapshotIfAsked() bool {
	select {
	case reply := <-e.snapshotNow:
		reply <- e.Snapshot()
		return true
	default:
		return false
	}
}

// trySnapshot writes a snapshot; one that fails is tried again later, for the
// fold can do without.
func (e *Engine) trySnapshot() {
	if e.o.Clock().Before(e.pace.retry) {
		return
	}
	err := e.o.Room()
	if err == nil {
		err = e.Snapshot()
	}
	e.complain(err)
}

// complain notes that a snapshot failed and when to try again.
func (e *Engine) complain(err error) {
	if err != nil {
		e.pace.retry = e.o.Clock().Add(snapshotRetryAfter)
		e.log.Warn("snapshot not written; the next start will fold more", "err", err)
	}
}

// snapshotPace is what decides when the next snapshot is due; the fold's own.
type snapshotPace struct {
	folding time.Duration // spent folding since the last
	took    time.Duration // the last
	retry   time.Time     // not before, after one failed
}

// Snapshot writes the state at the cursor, unless an import is half journaled or
// nothing happened since the last one. Only the fold's own goroutine calls it.
func (e *Engine) Snapshot() error {
	e.complain(e.written())
	if err := e.beginSnapshot(); err != nil {
		return err
	}
	return e.written()
}

// writing is a snapshot on its way to the disk.
type writing struct {
	*frozen
	began time.Time
	done  chan error
}

// beginSnapshot is Snapshot without waiting for the disk: the fold pauses only
// while the state is taken down. None may be on its way.
func (e *Engine) beginSnapshot() error {
	if e.o.Snapshots == nil || e.halfJournaled() || e.folder.cursor == e.snapshotAt {
		return nil
	}
	if err := e.stored(); err != nil { // a start looks for state no newer than the desk
		return err
	}
	w := &writing{began: e.o.Clock(), done: make(chan error, 1)}
	var err error
	e.still.Lock()
	w.frozen, err = freeze(e.folder)
	e.still.Unlock()
	if err != nil {
		return err
	}
	e.folder.events = 0
	e.writing = w
	go func() {
		err := e.o.Desk.Sync()
		if err == nil {
			err = e.o.Snapshots.put(w.frozen)
		}
		w.done <- err
	}()
	return nil
}

// written waits for the snapshot on its way, if there is one.
func (e *Engine) written() error {
	if e.writing == nil {
		return nil
	}
	return e.wrote(<-e.writing.done)
}

// wrote notes how the snapshot on its way ended.
func (e *Engine) wrote(err error) error {
	w := e.writing
	e.writing = nil
	if err != nil {
		e.folder.events += w.events
		return err
	}
	e.snapshotAt = w.meta.Offset
	e.pace = snapshotPace{took: e.o.Clock().Sub(w.began)}
	return nil
}
