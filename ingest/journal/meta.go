package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"signalbox/itsm"
)

// metaName is the file that remembers how far retention has got.
const metaName = "journal.meta"

const (
	metaMagic = "SIGBOXM\n"
	metaSlot  = 64
	metaApart = 512 // the slots stand in different sectors
	metaBytes = 2 * metaApart
)

// meta is the content of journal.meta. Generation 0 means that there is none.
type meta struct {
	generation uint64
	oldest     itsm.Offset
	torn       bool // the slots differ: the newer one may not have reached the disk
}

func (m meta) encode() []byte {
	b := make([]byte, metaSlot)
	copy(b, metaMagic)
	le.PutUint32(b[8:], FormatVersion)
	le.PutUint64(b[16:], m.generation)
	le.PutUint64(b[24:], uint64(m.oldest))
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

func decodeMeta(b []byte) (m meta, version uint32, ok bool) {
	if len(b) < metaSlot || string(b[:8]) != metaMagic || crc32.Checksum(b[:60], castagnoli) != le.Uint32(b[60:]) {
		return m, 0, false
	}
	return meta{generation: le.Uint64(b[16:]), oldest: itsm.Offset(le.Uint64(b[24:]))}, le.Uint32(b[8:]), true
}

// readMeta returns the newer readable slot; the zero meta if there is none, since
// the file can be made again from the segments.
func readMeta(fsys FS, dir string) (meta, error) {
	f, err := fsys.OpenRead(filepath.Join(dir, metaName))
	if errors.Is(err, fs.ErrNotExist) {
		return meta{}, nil
	}
	if err != nil {
		return meta{}, err
	}
	defer f.Close()
	best := meta{}
	for _, pos := range []int64{0, metaApart} {
		b := make([]byte, metaSlot)
		if n, _ := f.ReadAt(b, pos); n < metaSlot {
			continue
		}
		m, version, ok := decodeMeta(b)
		if ok && version > FormatVersion {
			return meta{}, newerFormat(metaName, version)
		}
		torn := best.torn || !ok || pos > 0 && m.generation != best.generation
		if ok && m.generation > best.generation {
			best = m
		}
		best.torn = torn
	}
	return best, nil
}

// writeMeta writes both slots in place, one after the other, so that it needs no space
// and one of them is always whole.
func (l *Log) writeMeta(oldest itsm.Offset) error {
	f, err := l.openMeta()
	if err != nil {
		return fmt.Errorf("write %s: %w", metaName, err)
	}
	defer f.Close()
	m := meta{generation: l.meta.generation + 1, oldest: oldest}
	for _, pos := range []int64{0, metaApart} {
		if _, err := f.WriteAt(m.encode(), pos); err != nil {
			return fmt.Errorf("write %s: %w", metaName, err)
		}
		if err := l.sync(f.Sync); err != nil {
			return final(fmt.Errorf("sync %s: %w", metaName, err))
		}
	}
	l.meta = m
	return nil
}

func (l *Log) openMeta() (File, error) {
	name := l.path(metaName)
	f, err := l.fs.Open(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if f, err = l.fs.Create(name); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Preallocate(metaBytes), final(l.syncDir())); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
