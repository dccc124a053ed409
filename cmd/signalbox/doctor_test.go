package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/ingest/journal"
	"signalbox/itsm"
)

// healthy are probes that find nothing wrong.
func healthy() probes {
	return probes{
		now: func() time.Time { return time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC) },
		get: func(context.Context, string, string) (int, []byte, error) {
			return 0, nil, errors.New("connection refused")
		},
		listen:   func(string) error { return nil },
		writable: func(string) error { return nil },
		owner:    func(string) int { return os.Getuid() },
		room:     func(string) (int64, int64, error) { return 1 << 40, 1 << 20, nil },
		reserve:  func(string) int64 { return 256 << 20 },
		files:    func() (uint64, error) { return 1 << 20, nil },
		memory:   func() (int64, int64) { return 0, 0 },
		synced:   func() (bool, time.Duration, error) { return true, 20 * time.Millisecond, nil },
		verify:   func(journal.Options) (journal.Report, error) { return journal.Report{}, nil },
		dial:     func(context.Context, string, connectors.Reach) error { return nil },
		resolve:  func(context.Context, string) error { return nil },
	}
}

// TestDoctor: each thing that can be wrong is named under its check, at its level,
// and nothing else is.
func TestDoctor(t *testing.T) {
	no := errors.New("no")
	answers := func(status int, body string) func(context.Context, string, string) (int, []byte, error) {
		return func(_ context.Context, url, _ string) (int, []byte, error) {
			if strings.HasSuffix(url, "/metrics") {
				return http.StatusOK, []byte(`signalbox_ingest_last_accepted_timestamp_seconds{source="am"} 0
signalbox_ingest_last_accepted_timestamp_seconds{source="generic"} 1.7e+09
signalbox_outbox_dead_letters{connector="pd"} 3
`), nil
			}
			return status, []byte(body), nil
		}
	}
	const am = "sources: {am: {kind: alertmanager, auth: {bearer: ['env:DOCTOR_AM']}}}\n"
	t.Setenv("DOCTOR_AM", "s3cr3t-of-am")
	t.Setenv("DOCTOR_EMPTY", "")
	for name, c := range map[string]struct {
		config string
		sick   func(*probes)
		inDir  string // file that the data directory holds
		want   string // check, level and a word of it; "" is all ok
	}{
		"well":                {config: "listen: 10.0.0.1:1\nexternal_url: https://x.example\n" + am},
		"unknown key":         {config: "listne: x\n", want: "configuration FAIL listne"},
		"secret missing":      {config: am + "auth: {admin_token: 'env:DOCTOR_EMPTY'}\nheartbeat: {url: 'env:DOCTOR_EMPTY'}\n", want: "settings FAIL DOCTOR_EMPTY"},
		"address in use":      {config: am, sick: func(p *probes) { p.listen = func(string) error { return no } }, want: "server FAIL cannot be listened on"},
		"not ready":           {config: am, sick: func(p *probes) { p.get = answers(503, `{"ready":false,"because":["the disk is full"]}`) }, want: "server FAIL the disk is full"},
		"nothing heard":       {config: am, sick: func(p *probes) { p.get = answers(200, `{"ready":true}`) }, want: "deliveries warn nothing from am"},
		"silent for long":     {config: am, sick: func(p *probes) { p.get = answers(200, `{"ready":true}`) }, want: "deliveries warn the last from generic"},
		"dead letters":        {config: am, sick: func(p *probes) { p.get = answers(200, `{"ready":true}`) }, want: "dead letters warn by pd"},
		"directory read-only": {config: am, sick: func(p *probes) { p.writable = func(string) error { return no } }, want: "data directory FAIL cannot be written"},
		"wrong owner":         {config: am, sick: func(p *probes) { p.owner = func(string) int { return os.Getuid() + 1 } }, want: "data directory warn belongs to user"},
		"disk full":           {config: am, sick: func(p *probes) { p.room = func(string) (int64, int64, error) { return 1 << 20, 99, nil } }, want: "disk FAIL 1 MiB"},
		"disk nearly full":    {config: am, sick: func(p *probes) { p.room = func(string) (int64, int64, error) { return 300 << 20, -1, nil } }, want: "disk warn 300 MiB"},
		"no inodes":           {config: am, sick: func(p *probes) { p.room = func(string) (int64, int64, error) { return 1 << 40, 3, nil } }, want: "disk FAIL 3 files"},
		"few files":           {config: am, sick: func(p *probes) { p.files = func() (uint64, error) { return 128, nil } }, want: "open files FAIL 128"},
		"some files":          {config: am, sick: func(p *probes) { p.files = func() (uint64, error) { return 1024, nil } }, want: "open files warn 1024"},
		"little memory":       {config: am, sick: func(p *probes) { p.memory = func() (int64, int64) { return 64 << 20, 0 } }, want: "memory FAIL 64 MiB"},
		"no GOMEMLIMIT":       {config: am, sick: func(p *probes) { p.memory = func() (int64, int64) { return 1 << 30, 0 } }, want: "memory warn GOMEMLIMIT"},
		"GOMEMLIMIT too high": {config: am, sick: func(p *probes) { p.memory = func() (int64, int64) { return 1 << 30, 2 << 30 } }, want: "memory FAIL 2048 MiB"},
		"damaged journal": {config: am, inDir: "journal/x", sick: func(p *probes) {
			p.verify = damage(journal.Report{Damage: []journal.Damage{{File: "1.seg", Why: "rot"}}})
		}, want: "journal FAIL rot"},
		"clock behind": {config: am, inDir: "journal/x", sick: func(p *probes) {
			p.verify = damage(journal.Report{Head: 1, Oldest: 1, HeadAt: itsm.TimeOf(time.Date(2026, 11, 3, 11, 0, 0, 0, time.UTC))})
		}, want: "clock FAIL 2h0m0s later"},
		"clock not kept":  {config: am, sick: func(p *probes) { p.synced = func() (bool, time.Duration, error) { return false, 0, nil } }, want: "clock warn nothing keeps it right"},
		"clock drifts":    {config: am, sick: func(p *probes) { p.synced = func() (bool, time.Duration, error) { return true, 16 * time.Second, nil } }, want: "clock warn 16s off"},
		"clock not asked": {config: am, sick: func(p *probes) { p.synced = func() (bool, time.Duration, error) { return false, 0, no } }, want: "clock warn cannot be asked"},
		"clock set back": {config: am, sick: func(p *probes) {
			p.get = answers(200, `{"ready":true}`)
			p.now = func() time.Time { return time.Unix(1_700_000_000-3600, 0) }
		}, want: "clock FAIL generic was answered 1h0m0s in the future"},
		"view missing": {config: am, inDir: "journal/x", sick: func(p *probes) { p.verify = damage(journal.Report{Head: 1, Oldest: 1}) }, want: "records warn rebuild"},
		"no snapshot":  {config: am, inDir: "journal/x", sick: func(p *probes) { p.verify = damage(journal.Report{Head: 9, Oldest: 5}) }, want: "snapshots FAIL 5"},
		"journal held": {config: am, inDir: "journal/x", sick: func(p *probes) {
			p.verify = func(journal.Options) (journal.Report, error) {
				return journal.Report{}, itsm.Errorf(itsm.Conflict, "in use")
			}
		}, want: "journal warn in use"},
		"open source":          {config: "listen: 0.0.0.0:1\nexternal_url: http://x.example\nsources: {g: {kind: generic}}\n", want: "sources FAIL credentials"},
		"no source":            {config: "listen: 0.0.0.0:1\nexternal_url: http://x.example\n", want: "settings FAIL no source has credentials"},
		"open on loopback":     {config: "listen: 127.0.0.1:1\n", want: "sources warn generic"},
		"partner unheard":      {config: am + "connectors: {pd: {kind: pagerduty, routing_key: 'env:DOCTOR_AM', webhook_secrets: ['env:DOCTOR_AM']}}\n", want: "connectors warn api_token"},
		"partner out of reach": {config: am + "connectors: {pd: {kind: pagerduty, routing_key: 'env:DOCTOR_AM'}}\n", sick: func(p *probes) { p.dial = func(context.Context, string, connectors.Reach) error { return no } }, want: "connectors FAIL events.pagerduty.com"},
		"dead man's away":      {config: am + "heartbeat: {url: 'https://beat.example/s3cr3t'}\n", sick: func(p *probes) { p.dial = func(context.Context, string, connectors.Reach) error { return no } }, want: "heartbeat FAIL beat.example"},
		"no external_url":      {config: "listen: 10.0.0.1:1\n" + am, want: "external_url warn not set"},
		"no such name":         {config: am + "external_url: https://x.example\n", sick: func(p *probes) { p.resolve = func(context.Context, string) error { return no } }, want: "external_url warn x.example"},
		"restored":             {config: am, inDir: restoreMarkFile + "=" + `{"quiet":"1h","started_at":"2026-11-03T08:30:00Z"}`, want: "restore warn until 2026-11-03T09:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.MkdirAll(filepath.Join(dir, journalDir), 0o700); err != nil {
				t.Fatal(err)
			}
			if c.inDir != "" {
				file, text, _ := strings.Cut(c.inDir, "=")
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			config := filepath.Join(t.TempDir(), "signalbox.yml")
			if err := os.WriteFile(config, []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			p := healthy()
			if c.sick != nil {
				c.sick(&p)
			}
			d := &doctor{o: serveOptions{config: config, dataDir: dir}, explicit: true, probes: p}
			found := d.examine(t.Context())
			hit := c.want == ""
			for _, f := range found {
				line := fmt.Sprintf("%s %s %s %s", f.Check, f.Level, f.Says, f.Do)
				if strings.Contains(line, "s3cr3t") {
					t.Errorf("a secret is shown: %s", line)
				}
				if c.want == "" && f.Level != fine && f.Check != "sources" {
					t.Errorf("nothing is wrong, but: %s", line)
				}
				words := strings.SplitAfterN(c.want, string(f.Level)+" ", 2)
				if c.want != "" && len(words) == 2 && strings.HasPrefix(line, words[0]) && strings.Contains(line, words[1]) {
					hit = true
				}
				if f.Level == bad && f.Do == "" {
					t.Errorf("what to do is not said: %s", line)
				}
			}
			if !hit {
				t.Errorf("want %q among\n%+v", c.want, found)
			}
		})
	}
}

func damage(r journal.Report) func(journal.Options) (journal.Report, error) {
	return func(journal.Options) (journal.Report, error) { return r, nil }
}

// TestDoctorBesideARunningServerAndAfterIt: the real probes, as people run it.
func TestDoctorBesideARunningServerAndAfterIt(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "shop"), nil)
	examine := func(more ...string) (map[string]symptom, error) {
		out, err := cli(t, append([]string{"doctor", "--json", "--config", s.args[2], "--listen", s.args[4], "--data-dir", s.dir, "--token", adminToken}, more...)...)
		var found []symptom
		if e := json.Unmarshal([]byte(out), &found); e != nil {
			t.Fatalf("%v\n%s", e, out)
		}
		byCheck := map[string]symptom{}
		for _, f := range found {
			byCheck[f.Check] = f
		}
		return byCheck, err
	}
	f, err := examine()
	if err != nil || !strings.Contains(f["server"].Says, "running and ready") || !strings.Contains(f["deliveries"].Says, "the last from generic") {
		t.Errorf("beside the server: %v %+v", err, f)
	}
	s.stop()
	f, err = examine()
	if err != nil || !strings.Contains(f["server"].Says, "not running") || !strings.Contains(f["journal"].Says, "as written") || f["snapshots"].Level != fine || f["records"].Level != fine {
		t.Errorf("after it: %v %+v", err, f)
	}
	l, err := net.Listen("tcp", s.args[4])
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if f, err = examine("--quick"); err == nil || f["server"].Level != bad {
		t.Errorf("with somebody else at the address: %v %+v", err, f["server"])
	}
}
