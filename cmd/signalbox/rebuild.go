package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv/badgerkv"
)

func rebuildCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Throw the view away and fold it again from the journal",
		Long: `The journal is the truth; everything else is a view of it. This deletes the view of a
stopped server and makes it again: from the beginning, or where retention has
removed the beginning, from the newest dump of the view. Nothing is sent to
partners: what they were told is in the journal.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return rebuild(cmd.OutOrStdout(), slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)), dir)
		},
	}
	c.Flags().StringVar(&dir, "data-dir", envOr("SIGNALBOX_DATA_DIR", conf.DefaultDataDir), "data directory")
	return c
}

func rebuild(w io.Writer, log *slog.Logger, dir string) (err error) {
	from, err := journalOf(dir)
	if err != nil {
		return err
	}
	j, err := journal.Open(journal.Options{Dir: from, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	snaps, err := engine.OpenSnapshots(filepath.Join(dir, snapshotsDir))
	if err != nil {
		return err
	}
	n, err := remake(j, snaps, dir, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "the view was made again from %d journal entries\n", n)
	return nil
}

// remake puts a view made from the journal in the place of the present one.
func remake(j *journal.Log, snaps *engine.Snapshots, dir string, log *slog.Logger) (itsm.Offset, error) {
	fresh := filepath.Join(dir, viewDir+".new")
	if err := os.RemoveAll(fresh); err != nil {
		return 0, err
	}
	n, err := refold(j, snaps, fresh, log)
	if err != nil {
		return 0, errors.Join(err, os.RemoveAll(fresh))
	}
	if err := os.RemoveAll(filepath.Join(dir, viewDir)); err != nil {
		return 0, err
	}
	return n, os.Rename(fresh, filepath.Join(dir, viewDir))
}

// refold makes a whole view in a new directory, so that the old one stays until
// the new one is complete.
func refold(j *journal.Log, snaps *engine.Snapshots, dir string, log *slog.Logger) (n itsm.Offset, err error) {
	db, err := badgerkv.Open(badgerkv.Options{Dir: dir, Log: log})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	from := itsm.Offset(0)
	if j.Oldest() > 1 {
		if from, err = snaps.LoadView(db); err != nil {
			return 0, err
		}
	}
	if err := snaps.Drop(from); err != nil {
		return 0, err
	}
	d, err := desk.Open(db)
	if err != nil {
		return 0, err
	}
	e := engine.New(engine.Options{Journal: j, Desk: d, Snapshots: snaps, Log: log})
	if err := e.CatchUp(); err != nil {
		return 0, err
	}
	head, _ := j.Head()
	return head - from, d.Sync()
}
