package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/backup"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/api"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv/badgerkv"
)

const (
	backupWithin = 12 * time.Hour // the longest a backup over HTTP may take
	partSuffix   = ".part"        // of a backup that is not complete yet
)

func backupCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write everything that was acknowledged into one file",
		Long: `Asks the running server for a backup and writes it to FILE: the whole journal up to
one entry, the newest snapshot of the state, the CMDB and a dump of the view, each
with its checksum. The server goes on accepting and folding; while segments are
copied, retention waits. FILE appears only when it is complete and checked.

With --data-dir the same is made from the directory of a stopped server.

Not in it: the configuration, the admin token and other secrets. Keep those too.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write := c.downloadBackup
			if cmd.Flags().Changed("data-dir") {
				log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
				write = func(_ context.Context, w io.Writer) error { return backupOffline(w, c.dataDir, log) }
			}
			m, err := backupTo(cmd.Context(), args[0], write)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], describeBackup(m))
			return nil
		},
	}
	c.flags(cmd)
	cmd.PersistentFlags().Lookup("data-dir").Usage = "back up the data directory of a stopped server; without this flag the running server is asked"
	cmd.AddCommand(&cobra.Command{
		Use:   "verify FILE",
		Short: "Check every byte of a backup",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := backup.Verify(args[0])
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is whole: %s\n", args[0], describeBackup(m))
			}
			return err
		},
	})
	return cmd
}

func describeBackup(m backup.Manifest) string {
	return fmt.Sprintf("entries %d to %d, up to %s, %d files of %d bytes, made at %s by %s", m.First, m.Last, m.LastAt, len(m.Parts), m.Bytes(), m.MadeAt, m.Program)
}

// backupTo writes beside path, checks what was written and only then gives it
// its name. A file of that name is never replaced.
func backupTo(ctx context.Context, path string, write func(context.Context, io.Writer) error) (m backup.Manifest, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s exists already; a backup does not replace a file, choose another name", path)
	}
	tmp := path + partSuffix
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return m, err
	}
	err = write(ctx, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		m, err = backup.Verify(tmp)
	}
	if err != nil {
		return m, errors.Join(err, os.Remove(tmp))
	}
	return m, errors.Join(os.Rename(tmp, path), syncDir(filepath.Dir(path)))
}

// downloadBackup asks the running server.
func (c *client) downloadBackup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, &http.Client{Timeout: backupWithin}, http.MethodGet, api.Prefix+"/backup", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(resp.Body, refusalBytesMax))
		return errors.Join(refused(http.MethodGet, api.Prefix+"/backup", resp.StatusCode, b), err)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the backup broke off: %w", err)
	}
	return nil
}

// liveBackup is one backup of a running server.
type liveBackup struct {
	pin   *journal.Pin
	check *engine.Checkpoint
}

// startBackup returns the source of the API's backups. The journal is pinned
// before the checkpoint is made, so that nothing it needs can go.
func startBackup(j *journal.Log, eng *engine.Engine) func(context.Context) (api.Backup, error) {
	return func(ctx context.Context) (api.Backup, error) {
		b := &liveBackup{pin: j.Pin()}
		var err error
		if b.check, err = eng.Checkpoint(ctx); err != nil {
			b.pin.Release()
			return nil, err
		}
		return b, nil
	}
}

// Write implements api.Backup.
func (b *liveBackup) Write(w io.Writer) error {
	_, err := backup.Write(w, backup.Source{Journal: b.pin, Checkpoint: b.check, Program: version(), Now: time.Now()})
	return err
}

// Close implements api.Backup.
func (b *liveBackup) Close() error {
	b.pin.Release()
	return b.check.Close()
}

// backupOffline writes the directory of a stopped server, after folding what a
// crash left unfolded.
func backupOffline(w io.Writer, dir string, log *slog.Logger) (err error) {
	from, err := journalOf(dir)
	if err != nil {
		return err
	}
	j, err := journal.Open(journal.Options{Dir: from, Log: log})
	if err != nil {
		if itsm.CodeOf(err) == itsm.Conflict {
			return fmt.Errorf("%w, or leave out --data-dir to back up the running server", err)
		}
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	eng, closeView, err := openFolded(j, dir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeView()) }()
	b, err := startBackup(j, eng)(context.Background())
	if err != nil {
		return err
	}
	return errors.Join(b.Write(w), b.Close())
}

// openFolded opens the view of a directory and folds the journal's rest into it.
func openFolded(j *journal.Log, dir string, log *slog.Logger) (*engine.Engine, func() error, error) {
	db, err := badgerkv.Open(badgerkv.Options{Dir: filepath.Join(dir, viewDir), Log: log})
	if err != nil {
		return nil, nil, err
	}
	eng, err := foldInto(j, db, dir, log)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return eng, db.Close, nil
}

func foldInto(j *journal.Log, db *badgerkv.DB, dir string, log *slog.Logger) (*engine.Engine, error) {
	d, err := desk.Open(db)
	if err != nil {
		return nil, err
	}
	snaps, err := engine.OpenSnapshots(filepath.Join(dir, snapshotsDir))
	if err != nil {
		return nil, err
	}
	eng := engine.New(engine.Options{Journal: j, Desk: d, Snapshots: snaps, Log: log})
	if err := eng.CatchUp(); err != nil {
		return nil, err
	}
	return eng, d.Sync()
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
