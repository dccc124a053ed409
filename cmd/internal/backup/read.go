package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/klauspost/compress/zstd"

	"signalbox/itsm"
)

// Bounds of what is read, so that a hostile file cannot ask for memory.
const (
	manifestBytesMax = 16 << 20
	partsMax         = 100_000
	windowBytesMax   = 128 << 20

	// What a backup unpacks to fills a disk. A journal of one alert again and again
	// packs a hundred to one; zeros, tens of thousands to one.
	unpackedBytesMin = 1 << 30 // always allowed: little packs well
	unpackedRatioMax = 1000
)

// unpackedMax is how many bytes a backup of so many may unpack to.
func unpackedMax(packed int64) int64 { return max(unpackedBytesMin, packed*unpackedRatioMax) }

// partName is every name a part may have; nothing else is ever created.
var partName = regexp.MustCompile(`^(journal/[0-9]{20}\.seg|snapshots/(state|view|cmdb)-[0-9]{20}\.snap)$`)

// Verify checks every byte of a backup and changes nothing.
func Verify(path string) (Manifest, error) {
	return read(path, func(string) (io.WriteCloser, error) { return discard{}, nil })
}

// Unpack checks a backup and writes its parts below dir, which must exist and be
// empty. On an error what was written must not be used.
func Unpack(path, dir string) (Manifest, error) {
	m, err := read(path, func(name string) (io.WriteCloser, error) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(full, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		return synced{f}, nil
	})
	return m, err
}

type discard struct{}

// Write implements io.Writer.
func (discard) Write(b []byte) (int, error) { return len(b), nil }

// Close implements io.Closer.
func (discard) Close() error { return nil }

// synced is a file whose Close brings it to the disk.
type synced struct{ *os.File }

// Close implements io.Closer.
func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

func damaged(path, format string, args ...any) error {
	return itsm.Errorf(itsm.Invalid, "backup %s: %s; use another one", path, fmt.Sprintf(format, args...))
}

// read checks the whole file's hash first, so that nothing of a damaged file is
// unpacked, and then each part's.
func read(path string, create func(name string) (io.WriteCloser, error)) (Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Manifest{}, err
	}
	if !st.Mode().IsRegular() {
		return Manifest{}, damaged(path, "it is not a file")
	}
	return readFrom(path, f, st.Size(), create)
}

// readFrom is read from anything of so many bytes.
func readFrom(path string, f io.ReaderAt, bytes int64, create func(name string) (io.WriteCloser, error)) (Manifest, error) {
	size, err := checkTrailer(path, f, bytes)
	if err != nil {
		return Manifest{}, err
	}
	z, err := zstd.NewReader(io.NewSectionReader(f, 0, size), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowBytesMax))
	if err != nil {
		return Manifest{}, err
	}
	defer z.Close()
	u := &unpacker{path: path, tar: tar.NewReader(z), create: create, found: map[string]Part{}, left: unpackedMax(size)}
	if err := u.all(); err != nil {
		return Manifest{}, err
	}
	return u.m, u.compare()
}

// checkTrailer returns the number of bytes before the trailer.
func checkTrailer(path string, f io.ReaderAt, all int64) (int64, error) {
	size := all - int64(trailerLength)
	if size <= 0 {
		return 0, damaged(path, "it is not a backup, or cut short: it has %d bytes", all)
	}
	end := make([]byte, trailerLength)
	if _, err := f.ReadAt(end, size); err != nil {
		return 0, err
	}
	if !bytes.Equal(end[:len(end)-sha256.Size], trailer(nil)) {
		return 0, damaged(path, "its end is missing: it is not a backup, cut short or damaged")
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return 0, err
	}
	if !bytes.Equal(h.Sum(nil), end[len(end)-sha256.Size:]) {
		return 0, damaged(path, "its checksum does not match")
	}
	return size, nil
}

type unpacker struct {
	path   string
	tar    *tar.Reader
	create func(name string) (io.WriteCloser, error)
	found  map[string]Part
	left   int64 // bytes that the parts may still unpack to
	m      Manifest
}

func (u *unpacker) all() error {
	for {
		h, err := u.tar.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return damaged(u.path, "it cannot be read: %v", err)
		case u.m.Format != 0:
			return damaged(u.path, "%q follows the manifest", h.Name)
		case h.Name == manifestName:
			err = u.manifest()
		case !partName.MatchString(h.Name) || h.Typeflag != tar.TypeReg || len(u.found) == partsMax:
			return damaged(u.path, "%q does not belong in a backup", h.Name)
		case h.Size > u.left: // also what a sparse file, of which little is there, says that it is
			return damaged(u.path, "%s has %d bytes, more than the %d that may come of a file of this size", h.Name, h.Size, u.left)
		default:
			err = u.part(h.Name)
		}
		if err != nil {
			return err
		}
	}
}

func (u *unpacker) manifest() error {
	b, err := io.ReadAll(io.LimitReader(u.tar, manifestBytesMax))
	if err != nil {
		return damaged(u.path, "its manifest cannot be read: %v", err)
	}
	if err := json.Unmarshal(b, &u.m); err != nil || u.m.Format < 1 {
		return damaged(u.path, "its manifest is not one")
	}
	if u.m.Format > Format {
		return itsm.Errorf(itsm.Conflict, "backup %s has format %d, this Signalbox reads up to %d: use the version that wrote it (%s) or a newer one", u.path, u.m.Format, Format, u.m.Program)
	}
	return nil
}

func (u *unpacker) part(name string) error {
	w, err := u.create(name)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), u.tar)
	u.left -= n
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("backup %s: unpack %s: %w", u.path, name, err)
	}
	u.found[name] = Part{Name: name, Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}
	return nil
}

// compare holds what was found against what the manifest says.
func (u *unpacker) compare() error {
	if u.m.Format == 0 {
		return damaged(u.path, "it has no manifest")
	}
	for _, p := range u.m.Parts {
		if u.found[p.Name] != p {
			return damaged(u.path, "%s is not what was written", p.Name)
		}
		delete(u.found, p.Name)
	}
	for name := range u.found {
		return damaged(u.path, "%s is not in its manifest", name)
	}
	return nil
}
