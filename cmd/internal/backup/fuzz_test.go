package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// FuzzRead reads any bytes as the tar of a backup, and as all of it before a right
// trailer: verifying and unpacking agree, and nothing is written but parts.
func FuzzRead(f *testing.F) {
	seg := file{"journal/00000000000000000001.seg", "entries"}
	for _, files := range [][]file{{seg}, {seg, {manifestName, `{"format": 1}`}}, {{"../x", ""}}} {
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

func checkRead(t *testing.T, b []byte) {
	sum := sha256.Sum256(b)
	path, dir := filepath.Join(t.TempDir(), "b"), t.TempDir()
	if err := os.WriteFile(path, append(bytes.Clone(b), trailer(sum[:])...), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Verify(path)
	again, errAgain := Unpack(path, dir)
	if (err == nil) != (errAgain == nil) {
		t.Fatalf("verified: %v; unpacked: %v", err, errAgain)
	}
	if err == nil {
		if d := cmp.Diff(m, again); d != "" {
			t.Fatalf("the manifests differ:\n%s", d)
		}
	}
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(p, dir+string(filepath.Separator)))
		if err == nil && !e.IsDir() && !partName.MatchString(name) {
			t.Fatalf("%q was written", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
