package badgerkv

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"

	"signalbox/itsm"
)

// tableEndMax bounds what the checksum at the end of a table may take; Badger's is
// a dozen bytes.
const tableEndMax = 1 << 10

// checkTables looks at the end of every table before Badger does: it reads lengths
// there that it believes, in goroutines of its own, so that a table cut short ends
// the process. From the end, a table is a length (4 bytes, big-endian), that much
// checksum, a length, and that much index. A table that the manifest does not name
// was being written when a process was killed; Badger removes it.
func checkTables(o badger.Options) error {
	f, err := os.Open(filepath.Join(o.Dir, badger.ManifestFilename))
	if err != nil {
		return nil // a new store, or Badger says what is wrong
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	if err != nil {
		return nil // Badger says so as well
	}
	for _, id := range slices.Sorted(maps.Keys(m.Tables)) {
		err := checkTable(table.NewFilename(id, o.Dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func checkTable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	end := st.Size()
	for _, limit := range []int64{tableEndMax, st.Size()} { // checksum, index
		n, err := lengthBefore(f, end)
		if err != nil || n > limit || n > end-4 {
			return itsm.Errorf(itsm.Internal, "%s is damaged: its last bytes are not the end of a table", filepath.Base(name))
		}
		end -= 4 + n
	}
	return nil
}

// lengthBefore reads the four bytes before end.
func lengthBefore(f *os.File, end int64) (int64, error) {
	var b [4]byte
	if _, err := f.ReadAt(b[:], end-4); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint32(b[:])), nil
}
