package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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

func manifest(t testing.TB, format int, files ...file) file {
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

// TestPartsAreBounded: what claims to unpack to more than the file can hold fills
// no disk: neither a sparse file, whose zeros are not even packed, nor one that is.
func TestPartsAreBounded(t *testing.T) {
	name := "journal/00000000000000000001.seg"
	sparse := fmt.Sprintf("%d\n", unpackedBytesMin<<10)
	for what, h := range map[string]tar.Header{
		"large": {Typeflag: tar.TypeReg, Name: name, Size: unpackedBytesMin + 1, Mode: 0o600},
		"sparse": {Typeflag: tar.TypeReg, Name: "GNUSparseFile.0/x", Size: 512, Mode: 0o600, PAXRecords: map[string]string{
			"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": strings.TrimSpace(sparse)}},
	} {
		t.Run(what, func(t *testing.T) {
			into := memory{t, map[string]*bytes.Buffer{}}
			whole := packedHeader(t, h, "1\n"+strings.TrimSpace(sparse)+"\n0\n")
			_, err := readFrom("b", bytes.NewReader(whole), int64(len(whole)), into.create)
			if err == nil || !strings.Contains(err.Error(), "that may come of a file of this size") || len(into.parts) > 0 {
				t.Errorf("%v, %d parts written", err, len(into.parts))
			}
		})
	}
}

// packedHeader is a backup that begins with a header and a block, and goes no further.
func packedHeader(t *testing.T, h tar.Header, block string) []byte {
	t.Helper()
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	records := h.PAXRecords
	h.PAXRecords = nil
	if records != nil { // the writer refuses to write sparse files, so it is done by hand
		var body strings.Builder
		for k, v := range records {
			line := " " + k + "=" + v + "\n"
			n := len(line) + 2
			fmt.Fprintf(&body, "%d%s", n, line)
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: int64(body.Len())}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, body.String())
		w.Flush()
		asPAX(raw.Bytes()[:512])
	}
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	raw.WriteString(block + strings.Repeat("\x00", 512-len(block)))
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := z.EncodeAll(raw.Bytes(), nil)
	sum := sha256.Sum256(b)
	return append(b, trailer(sum[:])...)
}

// asPAX makes a header's type that of an extended header, with the checksum to it.
func asPAX(header []byte) {
	header[156] = 'x'
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
}
