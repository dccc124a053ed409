package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/itsm"
)

// inventory is a partner that keeps CIs.
type inventory struct {
	estate connectors.Estate
	err    error
}

func (i *inventory) Inventory(context.Context) (connectors.Estate, error) { return i.estate, i.err }

// TestCMDBPull: what a partner lists is imported as a file would be: nothing by a
// dry run, all or nothing, and pruned by its own import source alone.
func TestCMDBPull(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "")
	inv := &inventory{estate: connectors.Estate{CIs: []itsm.CI{{ID: "dd:a", Name: "a", Class: "Service"}, {ID: "dd:b", Name: "b", Class: "Database"}},
		Relations: []itsm.Relation{{From: "dd:a", Type: "depends_on", To: "dd:b"}}, LeftOut: []string{"team:x is no CI"}}}
	var warned []string
	pulled := func(dryRun, prune bool) (string, error) {
		p := pull{server: &client{server: s.url, token: adminToken}, dryRun: dryRun, prune: prune, warn: func(l string) { warned = append(warned, l) },
			inventoryOf: func(*conf.File, string) (connectors.Inventory, error) { return inv, nil }}
		in, status, b, err := p.run(t.Context(), "dd")
		if err != nil {
			return "", err
		}
		var out strings.Builder
		err = printImport(&out, in, status, b, dryRun)
		return out.String(), err
	}
	out, err := pulled(true, false)
	if err != nil || !strings.Contains(out, "+ dd:a depends_on dd:b") || !strings.Contains(out, "nothing was changed") || !slices.Equal(warned, inv.estate.LeftOut) {
		t.Errorf("dry run: %v, warned %v\n%s", err, warned, out)
	}
	if out, err = pulled(false, false); err != nil || !strings.Contains(out, "CIs: 2 added") {
		t.Errorf("pull: %v\n%s", err, out)
	}
	inv.estate.CIs, inv.estate.Relations = inv.estate.CIs[:1], nil
	if out, err = pulled(false, true); err != nil || !strings.Contains(out, "- dd:b\n") {
		t.Errorf("pull with --prune: %v\n%s", err, out)
	}
	inv.estate.CIs = append(inv.estate.CIs, itsm.CI{ID: "dd:c", Name: "c"})
	if out, err = pulled(false, true); err == nil || !strings.Contains(out, "connector dd: line 2") {
		t.Errorf("a CI without a class: %v\n%s", err, out)
	}
	inv.err = errors.New("half of it")
	if _, err = pulled(false, true); err == nil || !strings.Contains(err.Error(), "nothing was imported: half of it") {
		t.Errorf("a failed inventory: %v", err)
	}
}

// TestCMDBPullNeedsAnInventory: what is wrong with the connector is said before
// anybody is asked.
func TestCMDBPullNeedsAnInventory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "signalbox.yml")
	if err := os.WriteFile(file, []byte("connectors:\n  am: {kind: alertmanager, urls: ['http://127.0.0.1:1'], sources: [alertmanager]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"nobody": `connector "nobody": expected one of the configuration file, which has am`, "am": `connector "am" is of kind alertmanager, which keeps no CIs; expected a connector of kind`} {
		if out, err := cli(t, "cmdb", "pull", name, "--config", file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s\n%s", name, err, want, out)
		}
	}
}
