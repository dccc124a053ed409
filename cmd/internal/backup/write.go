package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
)

// Format is the version of the file that is written, and the newest that is read.
const Format = 1

// Names in the tar.
const (
	journalDir   = "journal/"
	snapshotsDir = "snapshots/"
	manifestName = "manifest.json"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format   int         `json:"format"`
	Program  string      `json:"program"` // version of the Signalbox that wrote it
	MadeAt   itsm.Time   `json:"made_at"`
	First    itsm.Offset `json:"first"` // oldest journal entry
	Last     itsm.Offset `json:"last"`  // newest: the moment of the backup
	LastAt   itsm.Time   `json:"last_at"`
	Snapshot itsm.Offset `json:"snapshot"` // where the state snapshot stands
	Parts    []Part      `json:"parts"`
}

// Part is one file of the backup.
type Part struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bytes is the size of all parts.
func (m Manifest) Bytes() (n int64) {
	for _, p := range m.Parts {
		n += p.Bytes
	}
	return n
}

// Source is what is written. The journal is listed when writing starts, after
// the checkpoint was made, so that it reaches at least as far.
type Source struct {
	Journal    *journal.Pin
	Checkpoint *engine.Checkpoint
	Program    string
	Now        time.Time
}

// Write writes a backup. Without an error the file is complete; otherwise its end
// is missing and Verify refuses it.
func Write(w io.Writer, s Source) (Manifest, error) {
	file := &summed{w: w, h: sha256.New()}
	z, err := zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return Manifest{}, err
	}
	p := &packer{tar: tar.NewWriter(z), m: Manifest{Format: Format, Program: s.Program, MadeAt: itsm.TimeOf(s.Now), Snapshot: s.Checkpoint.Offset}}
	err = p.all(s)
	if err == nil {
		err = p.tar.Close()
	}
	if err == nil {
		err = z.Close()
	} else {
		z.Reset(nil) // gives its buffers back without writing an end
	}
	if err != nil {
		return p.m, fmt.Errorf("write the backup: %w", err)
	}
	if _, err := w.Write(trailer(file.h.Sum(nil))); err != nil {
		return p.m, fmt.Errorf("write the backup: %w", err)
	}
	return p.m, nil
}

// The trailer is a skippable frame of zstd: what unpacks the tar passes over it.
const (
	skippable     = 0x184D2A5B
	trailerMagic  = "signalbox backup 1\n"
	trailerLength = 8 + len(trailerMagic) + sha256.Size
)

func trailer(sum []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(trailerLength-8))
	return append(append(b, trailerMagic...), sum...)
}

type packer struct {
	tar *tar.Writer
	m   Manifest
}

func (p *packer) all(s Source) error {
	for i, seg := range s.Journal.Segments() {
		if i == 0 {
			p.m.First = seg.First
		}
		p.m.Last, p.m.LastAt = seg.Last, seg.LastAt
		r, err := s.Journal.Open(seg)
		if err != nil {
			return err
		}
		if err := errors.Join(p.add(journalDir+seg.Name, seg.Size, r), r.Close()); err != nil {
			return err
		}
	}
	for _, f := range s.Checkpoint.Files {
		st, err := f.Stat()
		if err != nil {
			return err
		}
		if err := p.add(snapshotsDir+filepath.Base(f.Name()), st.Size(), f); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(p.m, "", "  ")
	if err != nil {
		return err
	}
	if err := p.tar.WriteHeader(header(manifestName, int64(len(b)), p.m.MadeAt)); err != nil {
		return err
	}
	_, err = p.tar.Write(b)
	return err
}

func header(name string, size int64, at itsm.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at.Std()}
}

func (p *packer) add(name string, size int64, r io.Reader) error {
	if err := p.tar.WriteHeader(header(name, size, p.m.MadeAt)); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(p.tar, h), r, size); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.m.Parts = append(p.m.Parts, Part{Name: name, Bytes: size, SHA256: hex.EncodeToString(h.Sum(nil))})
	return nil
}

// summed passes writes on and sums them.
type summed struct {
	w io.Writer
	h interface {
		io.Writer
		Sum([]byte) []byte
	}
}

// Write implements io.Writer.
func (s *summed) Write(b []byte) (int, error) {
	s.h.Write(b)
	return s.w.Write(b)
}
