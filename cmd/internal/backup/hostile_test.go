package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

type file struct{ name, body string }

// packed makes a backup whose end is right, whatever is in it.
func packed(t *testing.T, files ...file) string {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.body)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	z.Close()
	sum := sha256.Sum256(b.Bytes())
	b.Write(trailer(sum[:]))
	path := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func manifest(t *testing.T, format int, files ...file) file {
	t.Helper()
	m := Manifest{Format: format}
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.body))
		m.Parts = append(m.Parts, Part{Name: f.name, Bytes: int64(len(f.body)), SHA256: hex.EncodeToString(sum[:])})
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return file{manifestName, string(b)}
}

// TestRepackedBackups: a file packed by somebody else with a right checksum at its
// end is held against its manifest, and no name leaves the directory.
func TestRepackedBackups(t *testing.T) {
	seg := file{"journal/00000000000000000001.seg", "entries"}
	other := file{"journal/00000000000000000001.seg", "ENTRIES"}
	for name, c := range map[string]struct {
		files []file
		want  string // "" is accepted
	}{
		"whole":          {[]file{seg, manifest(t, 1, seg)}, ""},
		"changed part":   {[]file{other, manifest(t, 1, seg)}, "is not what was written"},
		"missing part":   {[]file{manifest(t, 1, seg)}, "is not what was written"},
		"part too many":  {[]file{seg, manifest(t, 1)}, "is not in its manifest"},
		"no manifest":    {[]file{seg}, "has no manifest"},
		"after manifest": {[]file{manifest(t, 1), seg}, "follows the manifest"},
		"climbing name":  {[]file{{"journal/../../x", ""}, manifest(t, 1)}, "does not belong in a backup"},
		"absolute name":  {[]file{{"/etc/passwd", ""}, manifest(t, 1)}, "does not belong in a backup"},
		"twice the same": {[]file{seg, seg, manifest(t, 1, seg)}, "file exists"},
		"newer format":   {[]file{seg, manifest(t, Format+1, seg)}, "use the version that wrote it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Unpack(packed(t, c.files...), dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
