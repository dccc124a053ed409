package badgerkv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTableCutShortIsRefusedByName: Badger itself would end the process.
func TestTableCutShortIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	db := openIn(t, dir)
	fill(t, db, 3000)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	whole, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(whole) / 997 {
		if err := os.WriteFile(tables[0], whole[:at*997], 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(Options{Dir: dir})
		if err == nil {
			db.Close()
			t.Fatalf("cut at %d of %d: opened", at*997, len(whole))
		}
		if !strings.Contains(err.Error(), dir) {
			t.Errorf("cut at %d: %v, want the directory named", at*997, err)
		}
	}
	if err := os.WriteFile(tables[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	// One that a killed process was writing is in nobody's way.
	if err := os.WriteFile(filepath.Join(dir, "009999.sst"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(Options{Dir: dir}); err != nil {
		t.Fatalf("the whole table: %v", err)
	}
	db.Close()
}
