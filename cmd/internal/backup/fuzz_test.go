package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// FuzzRead reads any bytes as the tar of a backup, and as all of it before a right
// trailer: nothing is written but parts, and those as the manifest has them.
func FuzzRead(f *testing.F) {
	seg := file{"journal/00000000000000000001.seg", "entries"}
	for _, files := range [][]file{{seg}, {seg, manifest(f, 1, seg)}, {seg, {manifestName, `{"format": 1}`}}, {{"../x", ""}}} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range files {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.body)), Mode: 0o600}); err != nil {
				f.Fatal(err)
			}
			w.Write([]byte(e.body))
		}
		w.Close()
		f.Add(b.Bytes())
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkRead(t, b)
		checkRead(t, z.EncodeAll(b, nil))
	})
}

// memory is parts as they are unpacked.
type memory struct {
	t     *testing.T
	parts map[string]*bytes.Buffer
}

func (m memory) create(name string) (io.WriteCloser, error) {
	if !partName.MatchString(name) {
		m.t.Fatalf("%q was written", name)
	}
	if m.parts[name] != nil {
		return nil, fs.ErrExist
	}
	b := &bytes.Buffer{}
	m.parts[name] = b
	return struct {
		io.Writer
		io.Closer
	}{b, discard{}}, nil
}

// checkRead stays in memory: with a file to write and sync a mutation took so long
// that a minute was over after five.
func checkRead(t *testing.T, b []byte) {
	sum := sha256.Sum256(b)
	whole := append(bytes.Clone(b), trailer(sum[:])...)
	into := memory{t, map[string]*bytes.Buffer{}}
	m, err := readFrom("b", bytes.NewReader(whole), int64(len(whole)), into.create)
	if err != nil {
		return
	}
	if len(m.Parts) != len(into.parts) {
		t.Fatalf("%d parts in the manifest, %d were unpacked", len(m.Parts), len(into.parts))
	}
	for _, p := range m.Parts {
		if got := sha256.Sum256(into.parts[p.Name].Bytes()); hex.EncodeToString(got[:]) != p.SHA256 {
			t.Fatalf("%s is not what the manifest says, and no error", p.Name)
		}
	}
}
