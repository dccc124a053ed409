package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"signalbox/itsm"
)

// restoreMarkFile stays in a restored data directory.
const restoreMarkFile = "restored.json"

// restoreMark says that a data directory came from a backup. The first start
// fills the rest in; later ones go on from there.
type restoreMark struct {
	Backup     string              `json:"backup"`
	BackupAt   itsm.Time           `json:"backup_at"` // of the last entry
	Last       itsm.Offset         `json:"last"`
	RestoredAt itsm.Time           `json:"restored_at"`
	Quiet      string              `json:"quiet"`
	StartedAt  itsm.Time           `json:"started_at"` // first start; 0: none yet
	Known      itsm.IncidentNumber `json:"known"`      // newest incident from before
}

// loadRestoreMark returns nil for a directory that was not restored.
func loadRestoreMark(dir string) (*restoreMark, error) {
	b, err := os.ReadFile(filepath.Join(dir, restoreMarkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &restoreMark{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s in %s: %w; remove it only if it is certain that nobody is paged again", restoreMarkFile, dir, err)
	}
	if _, err := time.ParseDuration(m.Quiet); err != nil {
		return nil, fmt.Errorf("%s in %s: quiet: %w", restoreMarkFile, dir, err)
	}
	return m, nil
}

// quietUntil is when the quiet time of a started server ends.
func (m *restoreMark) quietUntil() time.Time {
	d, _ := time.ParseDuration(m.Quiet) // load has refused anything else
	return m.StartedAt.Std().Add(d)
}

// save replaces the mark in dir.
func (m *restoreMark) save(dir string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, restoreMarkFile)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".tmp", path), syncDir(dir))
}
