package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"signalbox/itsm"
)

// Checkpoint is a state snapshot, its CMDB graph and a dump of the view beside
// it, as open files: they can be read whatever becomes of their names.
type Checkpoint struct {
	Offset itsm.Offset // of the state snapshot
	Files  []*os.File  // with the names they have in the snapshot directory
}

// Checkpoint makes the files of this moment while the engine runs; or, of an
// engine that has caught up and does not run, of where it stands. Everything up
// to Offset is in them; what came later is in the journal.
func (e *Engine) Checkpoint(ctx context.Context) (*Checkpoint, error) {
	e.dumping.Lock()
	defer e.dumping.Unlock()
	dump := e.dump
	if !e.ready.Load() {
		dump = func(context.Context) (itsm.Offset, error) { return e.o.Snapshots.writeView(e.o.Desk) }
	}
	k, err := dump(ctx)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return e.o.Snapshots.open(k)
}

// open opens the files of the dump at k before anything can trim them.
func (s *Snapshots) open(k itsm.Offset) (c *Checkpoint, err error) {
	s.trimming.Lock()
	defer s.trimming.Unlock()
	c = &Checkpoint{Offset: k}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	state := fmt.Sprintf("%s%020d%s", statePrefix, k, snapshotSuffix)
	names := []string{state, fmt.Sprintf("%s%020d%s", viewPrefix, k, snapshotSuffix)}
	if err := s.read(state, func(m snapshotMeta, _ io.Reader) error {
		if m.Graph != "" {
			names = append(names, m.Graph)
		}
		return nil
	}); err != nil {
		return c, err
	}
	for _, n := range names {
		f, err := os.Open(filepath.Join(s.dir, n))
		if err != nil {
			return c, err
		}
		c.Files = append(c.Files, f)
	}
	return c, nil
}

// Close closes the files.
func (c *Checkpoint) Close() error {
	var err error
	for _, f := range c.Files {
		err = errors.Join(err, f.Close())
	}
	return err
}
