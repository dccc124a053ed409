package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/backup"
	"signalbox/cmd/internal/conf"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/kv/badgerkv"
)

// defaultQuiet is how long a restored server pages nobody for what it already knew.
const defaultQuiet = time.Hour

func restoreCommand() *cobra.Command {
	var dir string
	var quiet time.Duration
	c := &cobra.Command{
		Use:   "restore FILE --data-dir DIR",
		Short: "Make a data directory from a backup",
		Long: `Makes DIR from a backup. DIR must be empty or not exist. Everything is checked, built
in DIR.new and only then renamed, so a damaged backup leaves nothing behind.

The restored server does not know what happened after the backup, so it is careful
with incidents from before (those that exist once it has caught up with the clock):

  * what partners had confirmed before the backup is not sent again;
  * at its start it asks partners about every open incident: one that was resolved
    or acknowledged there in the meantime is resolved or acknowledged here too;
  * before it triggers, updates or acknowledges such an incident it asks again, and
    sends only to a record that is still open; resolves are always sent;
  * for the first hour (--quiet), what would open a record, and so page somebody,
    waits. Afterwards it is sent if an alert of the incident has been heard firing
    since the restore. The rest, and what partners cannot be asked about, goes to
    the dead letters, from where a person can send it.

Incidents opened by alerts that arrive after the restore page at once. Numbers given
out between the backup and the loss are given again, so a new incident may meet the
record of a lost one at a partner that keys records by our number.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if quiet < 0 {
				return fmt.Errorf("--quiet %v: expected 0 or more", quiet)
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			return restore(cmd.OutOrStdout(), log, args[0], dir, quiet)
		},
	}
	c.Flags().StringVar(&dir, "data-dir", envOr("SIGNALBOX_DATA_DIR", conf.DefaultDataDir), "data directory to make; empty or missing")
	c.Flags().DurationVar(&quiet, "quiet", defaultQuiet, "how long after its first start the server pages nobody for incidents from before; 0: not at all")
	return c
}

func restore(w io.Writer, log *slog.Logger, file, dir string, quiet time.Duration) error {
	dir = filepath.Clean(dir)
	if err := mustBeEmpty(dir); err != nil {
		return err
	}
	fresh := dir + ".new"
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists: an earlier restore was interrupted, or runs now; remove it if none runs", fresh)
		}
		return err
	}
	m, err := restoreInto(fresh, file, log, quiet)
	if err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	if err := errors.Join(os.Rename(fresh, dir), syncDir(filepath.Dir(dir))); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s restored: %s\n", dir, describeBackup(m))
	fmt.Fprintf(w, "What happened after %s is not in it: senders repeat what still fires. Start the server with\nits configuration; for %v after its first start nobody is paged for incidents from before.\n", m.LastAt, quiet)
	return nil
}

func mustBeEmpty(dir string) error {
	es, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(es) > 0 {
		return fmt.Errorf("%s is not empty (it holds %s): nothing was touched; move it away or name another directory", dir, es[0].Name())
	}
	return err
}

// restoreInto builds a whole data directory and checks that it is the backup's.
func restoreInto(dir, file string, log *slog.Logger, quiet time.Duration) (backup.Manifest, error) {
	m, err := backup.Unpack(file, dir)
	if err != nil {
		return m, err
	}
	if err := rebuildRestored(dir, m, log); err != nil {
		return m, err
	}
	mark := restoreMark{Backup: filepath.Base(file), BackupAt: m.LastAt, Last: m.Last, RestoredAt: itsm.TimeOf(time.Now()), Quiet: quiet.String()}
	return m, mark.save(dir)
}

// rebuildRestored loads the view and folds the journal's rest into it, so that the
// first start finds everything in place.
func rebuildRestored(dir string, m backup.Manifest, log *slog.Logger) (err error) {
	// Silent: a copy has no journal.meta and no mark at its end, and both are made here.
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if head, _ := j.Head(); head != m.Last {
		return itsm.Errorf(itsm.Invalid, "the journal in the backup ends at entry %d, its manifest says %d", head, m.Last)
	}
	snaps, err := engine.OpenSnapshots(filepath.Join(dir, snapshotsDir))
	if err != nil {
		return err
	}
	db, err := badgerkv.Open(badgerkv.Options{Dir: filepath.Join(dir, viewDir), Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := snaps.LoadView(db); err != nil {
		return err
	}
	_, err = foldInto(j, db, dir, log)
	return err
}
