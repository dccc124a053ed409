package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest/journal"
	"signalbox/itsm"
)

const headLineMax = 4096 // bytes of a line of a head file

// noteHeads tells the log, and the file that is configured, the head of the
// journal's chain: at the start, every so often, and at the end. A head that did not
// move is not told again.
func noteHeads(ctx context.Context, j *journal.Log, c conf.Audit, log *slog.Logger) error {
	every := time.NewTicker(time.Duration(c.HeadEvery))
	defer every.Stop()
	var told journal.Seal
	for {
		if s := j.Sealed(); s != told && s.Offset > 0 {
			told = s
			log.Info("journal head", "offset", s.Offset, "at", s.At, "hash", fmt.Sprintf("%x", s.Hash[:]))
			if err := appendHead(c.HeadFile, s); err != nil {
				log.Error("the journal's head was not noted in audit.head_file; the log has it", "err", err)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
		}
	}
}

// appendHead adds a line to a file that is only ever added to.
func appendHead(path string, s journal.Seal) error {
	if path == "" {
		return nil
	}
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// readHeads reads such a file.
func readHeads(path string) ([]journal.Seal, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	defer f.Close()
	var out []journal.Seal
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, headLineMax)
	for n := 1; lines.Scan(); n++ {
		var s journal.Seal
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil || s.Offset == 0 {
			return nil, itsm.Errorf(itsm.Invalid, "heads: %s:%d: expected a line such as {\"offset\":1,\"at\":\"…\",\"hash\":\"…\"}, which audit.head_file has", path, n)
		}
		out = append(out, s)
	}
	return out, lines.Err()
}

// checkHeads holds a journal against the heads that were noted of it.
func checkHeads(w io.Writer, dir, path string) error {
	seals, err := readHeads(path)
	if err != nil {
		return err
	}
	faults, older, err := journal.CheckSeals(journal.Options{Dir: dir}, seals)
	if err != nil {
		return err
	}
	for _, f := range faults {
		fmt.Fprintf(w, "forged     %s\n", f.Error())
	}
	if len(faults) > 0 {
		return fmt.Errorf("the journal is not the one whose heads %s has: %d of %d %s not hold", path, len(faults), len(seals), plural(len(faults), "does", "do"))
	}
	fmt.Fprintf(w, "heads      %d of %d noted in %s hold", len(seals)-older, len(seals), path)
	if older > 0 {
		fmt.Fprintf(w, "; %d are older than what is kept", older)
	}
	fmt.Fprintln(w)
	return nil
}
