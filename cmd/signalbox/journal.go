package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// The data directory's parts.
const (
	journalDir   = "journal"
	viewDir      = "view"
	snapshotsDir = "snapshots"
)

func journalCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{Use: "journal", Short: "Look at the journal of a stopped server"}
	c.PersistentFlags().StringVar(&dir, "data-dir", envOr("SIGNALBOX_DATA_DIR", conf.DefaultDataDir), "data directory")
	var from uint64
	var limit int
	var raw bool
	cat := &cobra.Command{
		Use:   "cat",
		Short: "Print entries as JSON lines",
		Long:  "Prints each entry with its offset, time, kind and content. Entries of deliveries show the decoded events; --raw adds the body as received.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return journalCat(cmd.OutOrStdout(), dir, itsm.Offset(from), limit, raw)
		},
	}
	cat.Flags().Uint64Var(&from, "from", 0, "first offset; 0 is the oldest kept")
	cat.Flags().IntVar(&limit, "limit", 0, "entries at most; 0 is all")
	cat.Flags().BoolVar(&raw, "raw", false, "include bodies as received")
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Check every frame and the hash chain; name what is damaged",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return journalVerify(cmd.OutOrStdout(), dir)
		},
	}
	c.AddCommand(cat, verify)
	return c
}

func journalVerify(w io.Writer, dir string) error {
	rep, err := journal.Verify(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil {
		return err
	}
	fmt.Fprint(w, rep)
	if len(rep.Damage) > 0 {
		return fmt.Errorf("the journal is damaged in %d places; nothing was changed", len(rep.Damage))
	}
	return nil
}

// catLine is one entry as journal cat prints it.
type catLine struct {
	Offset  itsm.Offset `json:"offset"`
	At      itsm.Time   `json:"at"`
	Kind    string      `json:"kind"`
	Content any         `json:"content,omitempty"`
	Raw     string      `json:"raw,omitempty"`
	Error   string      `json:"error,omitempty"`
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

func journalCat(w io.Writer, dir string, from itsm.Offset, limit int, raw bool) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	n := 0
	err := journal.Iterate(journal.Options{Dir: filepath.Join(dir, journalDir)}, from, func(r journal.Record) error {
		if limit > 0 && n >= limit {
			return errEnough
		}
		n++
		l := catLine{Offset: r.Offset, At: r.At, Kind: entry.KindOf(r.Body).String()}
		v, err := entry.Decode(r.Body)
		if err != nil {
			l.Error = err.Error()
			return enc.Encode(l)
		}
		if d, ok := v.(*entry.Delivery); ok {
			if raw {
				l.Raw = string(d.Raw)
			}
			d.Raw = nil
		}
		l.Content = v
		return enc.Encode(l)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
