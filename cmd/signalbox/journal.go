package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest/journal"
	"signalbox/itsm"
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
	var o catOptions
	var from uint64
	cat := &cobra.Command{
		Use:   "cat",
		Short: "Print entries as JSON lines",
		Long: `Prints each entry with its offset, time, kind and content. Entries of deliveries show
the decoded events; --raw adds the body as received.

With --deliveries a line is {"at","source","body"}, which 'signalbox replay' takes.
Left out are retries, what was not decodable, and what came while journal.keep_raw
was false.`,
		Example: "  signalbox journal cat --from 100 --limit 20\n  signalbox journal cat --deliveries >last-month.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.from = itsm.Offset(from)
			return journalCat(cmd.OutOrStdout(), dir, o)
		},
	}
	cat.Flags().Uint64Var(&from, "from", 0, "first offset; 0 is the oldest kept")
	cat.Flags().IntVar(&o.limit, "limit", 0, "entries at most; 0 is all")
	cat.Flags().BoolVar(&o.raw, "raw", false, "include bodies as received")
	cat.Flags().BoolVar(&o.deliveries, "deliveries", false, "print deliveries only, as replay takes them")
	var heads string
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Check every frame and the hash chain; name what is damaged",
		Long: `Checks every frame and that each one carries the hash of the one before. Nobody can
change or leave out an entry without changing every hash after it, and with --heads not
even then: the file holds heads that a running server noted (audit.head_file), which a
journal written anew does not have.`,
		Example: "  signalbox journal verify --heads /mnt/elsewhere/signalbox-heads.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return journalVerify(cmd.OutOrStdout(), dir, heads)
		},
	}
	verify.Flags().StringVar(&heads, "heads", "", "file of heads noted by audit.head_file to hold the journal against")
	return group(c, cat, verify)
}

func journalVerify(w io.Writer, dir, heads string) error {
	from, err := journalOf(dir)
	if err != nil {
		return err
	}
	rep, err := journal.Verify(journal.Options{Dir: from})
	if err != nil {
		return err
	}
	printReport(w, &rep)
	if n := len(rep.Damage); n > 0 {
		return fmt.Errorf("the journal is damaged in %d %s; nothing was changed", n, plural(n, "place", "places"))
	}
	if heads != "" {
		return checkHeads(w, from, heads)
	}
	return nil
}

// printReport is the report for people: a line a segment, the whole, and what is
// damaged.
func printReport(w io.Writer, r *journal.Report) {
	for _, s := range r.Segments {
		if s.Last < s.First {
			fmt.Fprintf(w, "%s  no entries yet  %d bytes\n", s.File, s.Bytes)
			continue
		}
		fmt.Fprintf(w, "%s  offsets %d to %d  %s to %s  %d bytes\n", s.File, s.First, s.Last, s.FirstAt, s.LastAt, s.Bytes)
	}
	fmt.Fprintf(w, "entries    %d in %d %s\n", r.Records, len(r.Segments), plural(len(r.Segments), "segment", "segments"))
	if r.Records > 0 {
		fmt.Fprintf(w, "head       offset %d at %s\n", r.Head, r.HeadAt)
	}
	fmt.Fprintf(w, "head hash  %x\n", r.HeadHash)
	switch {
	case r.Torn > 0:
		fmt.Fprintf(w, "torn       %d unreadable bytes after the last entry, never acknowledged; the next start drops them\n", r.Torn)
	case r.Clean:
		fmt.Fprintln(w, "clean      the last run ended in order")
	default:
		fmt.Fprintln(w, "not clean  the last run did not end in order (it was killed, or the power failed); nothing is missing")
	}
	for i := range r.Damage {
		fmt.Fprintf(w, "damaged    %s\n", r.Damage[i].Error())
	}
	if len(r.Damage) == 0 {
		fmt.Fprintln(w, "whole      every frame and the hash chain are as written")
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// journalOf is the journal's directory in a data directory, which must hold one:
// a mistyped path is not an empty journal.
func journalOf(dataDir string) (string, error) {
	dir := filepath.Join(dataDir, journalDir)
	st, err := os.Stat(dir)
	switch {
	case err == nil && st.IsDir():
		return dir, nil
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return "", itsm.Errorf(itsm.NotFound, "data directory %s: there is no journal in it, expected the directory %s; give the --data-dir of the server whose journal you mean", dataDir, dir)
	}
	return "", fmt.Errorf("data directory %s: %w", dataDir, err)
}
