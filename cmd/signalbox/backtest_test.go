package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

const (
	dropRule  = "id: noise\nabout: nobody wants it\nwhen: title == \"Noise\"\nsuppress: drop\n"
	recording = `{"status": "firing", "severity": "critical", "title": "Noise", "ci": "a", "startsAt": "2026-11-02T09:00:00Z", "labels": {"alertname": "Noise"}}
{"status": "firing", "severity": "critical", "title": "Down", "ci": "b", "startsAt": "2026-11-02T09:01:00Z", "labels": {"alertname": "Down"}}
`
)

func TestBacktestOfARecording(t *testing.T) {
	dir := ruleDir(t, map[string]string{"a.yaml": dropRule})
	for _, c := range []struct {
		args []string
		want string // in the output
		err  string // "": none
	}{
		{nil, "1 suppressed", ""},
		{[]string{"--json"}, `"suppressed": {`, ""},
		{[]string{"--fail-on", "suppressed,split"}, "1 suppressed", "the rules do not pass: suppressed: 1 incidents suppressed"},
		{[]string{"--fail-on", "split"}, "1 suppressed", ""},
		{[]string{"--fail-on", "nonsense"}, "", "expected some of"},
		{[]string{"--against", dir}, "Incidents: 1 the same", ""},
		{[]string{"--against", "active"}, "", "give a directory or none"},
		{[]string{"--from", "yesterday"}, "", "expected a time such as"},
		{[]string{"--from", "2026-11-02T09:00:30Z"}, "0 suppressed", ""},
		{[]string{"--data-dir", "x"}, "", "none of the others can be"},
	} {
		out, err := cliFrom(t, recording, append([]string{"backtest", "--rules", dir, "--events", "-"}, c.args...)...)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || !strings.Contains(out, c.want) {
			t.Errorf("%v: %v\n%s\nwant %q, %q", c.args, err, out, c.want, c.err)
		}
	}
}

// The journal of a server that runs is read beside it, and its active rules are today's.
func TestBacktestBesideAServer(t *testing.T) {
	dir := t.TempDir()
	l, err := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	put := func(body []byte) {
		if _, _, err := l.Append(t.Context(), body); err != nil {
			t.Fatal(err)
		}
	}
	c, err := correlate.DefaultConfig().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	put(entry.EncodeConfig(&entry.Config{Body: c}))
	put(entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "s", Body: []byte(`[{"name": "a.yaml", "body": "id: noise\nabout: x\nwhen: title == \"Noise\"\nsuppress: drop\n"}]`)}))
	put(entry.EncodeRulesActivate(&entry.RulesActivate{SetID: "s", Chunks: 1, Revision: 7}))
	for _, title := range []string{"Noise", "Down"} {
		put(entry.EncodeDelivery(nil, &entry.Delivery{Source: "generic", Events: []itsm.Event{{Source: "generic", Identity: title, Title: title, CIName: title,
			Status: itsm.Firing, Severity: itsm.Critical, StartsAt: itsm.TimeOf(time.Now())}}}))
	}
	empty := t.TempDir()
	out, err := cli(t, "backtest", "--rules", empty, "--data-dir", dir)
	if err != nil || !strings.Contains(out, "against revision 7 (before)") || !strings.Contains(out, "1 opened") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := cli(t, "backtest", "--rules", empty, "--data-dir", dir, "--against", "none"); err != nil || !strings.Contains(out, "Incidents: 2 the same") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, viewDir)); err == nil {
		t.Error("it made a view")
	}
}
