package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/correlate/engine"
	"signalbox/ingest"
	"signalbox/ingest/journal"
	"signalbox/itsm"
)

// What a server needs to be at ease.
const (
	filesMin       = 256 // open files; below it connections are refused soon
	filesEnough    = 4096
	memoryMin      = 128 << 20
	memoryEnough   = 512 << 20
	behindMany     = 2_000_000 // entries to fold at a start: some tens of seconds
	silentFor      = 24 * time.Hour
	clockTolerance = 5 * time.Second
)

// address says whether our server answers at the listen address, or could.
func (d *doctor) address(ctx context.Context) {
	scheme := "http"
	if d.file.TLS.CertFile != "" {
		scheme = "https"
	}
	status, body, err := d.probes.get(ctx, scheme+"://"+d.file.Listen+"/readyz", d.credential())
	var r ready
	if err == nil && json.Unmarshal(body, &r) == nil && (r.Ready || status == http.StatusServiceUnavailable) {
		d.running = &r
		if r.Ready {
			d.say(fine, "server", "", "running and ready at %s, entry %d of %d folded", d.file.Listen, r.Folded, r.Stored)
		} else {
			d.say(bad, "server", "see the reasons; its log says more", "running at %s but not ready: %s", d.file.Listen, strings.Join(r.Because, "; "))
		}
		return
	}
	if err := d.probes.listen(d.file.Listen); err != nil {
		d.say(bad, "server", "stop what listens there, or choose another address with listen", "no Signalbox answers at %s, and it cannot be listened on: %v", d.file.Listen, err)
		return
	}
	d.say(fine, "server", "", "not running; %s is free", d.file.Listen)
}

// credential is the token for a running server, "" when there is none.
func (d *doctor) credential() string {
	c := client{token: d.token, dataDir: d.file.DataDir}
	t, err := c.credential()
	if err != nil && d.file.Auth.AdminToken.IsSet() {
		t, _ = d.file.Auth.AdminToken.Read()
	}
	return t
}

func (d *doctor) directory(context.Context) {
	dir := d.file.DataDir
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := d.probes.writable(filepath.Dir(filepath.Clean(dir))); err != nil {
			d.say(bad, "data directory", "make it and give it to the server's user", "%s does not exist and cannot be made: %v", dir, err)
			return
		}
		d.say(fine, "data directory", "", "%s does not exist yet; the first start makes it", dir)
		return
	case err != nil || !st.IsDir():
		d.say(bad, "data directory", "name a directory with data_dir", "%s is not a directory that can be read: %v", dir, err)
		return
	}
	if err := d.probes.writable(dir); err != nil {
		d.say(bad, "data directory", "give it to the server's user, or run doctor as that user", "%s cannot be written: %v", dir, err)
		return
	}
	if owner, me := d.probes.owner(dir), os.Getuid(); owner >= 0 && owner != me {
		d.say(warn, "data directory", "run doctor as the server's user; a server run by another leaves files that its own user cannot open", "%s belongs to user %d, this is user %d", dir, owner, me)
		return
	}
	if st.Mode().Perm()&0o077 != 0 {
		d.say(warn, "data directory", "chmod 700 "+dir, "%s can be entered by other users (%v); alerts and the admin token are in it", dir, st.Mode().Perm())
		return
	}
	d.say(fine, "data directory", "", "%s is ours and writable", dir)
}

func (d *doctor) space(context.Context) {
	dir := existing(d.file.DataDir)
	bytes, inodes, err := d.probes.room(dir)
	reserve := d.probes.reserve(dir)
	switch {
	case err != nil:
		d.say(bad, "disk", "see whether the file system is mounted", "%v", err)
	case bytes < reserve || inodes >= 0 && inodes < inodesMin:
		d.say(bad, "disk", "free some space; deliveries are answered 503 until then", "%d MiB and %d files are left on the disk of %s, %d MiB are needed", bytes>>20, inodes, dir, reserve>>20)
	case bytes < 4*reserve:
		d.say(warn, "disk", "free some space, or bound the journal with journal.retention and journal.max_bytes", "%d MiB are left on the disk of %s; below %d MiB nothing is accepted", bytes>>20, dir, reserve>>20)
	default:
		d.say(fine, "disk", "", "%d MiB are left on the disk of %s", bytes>>20, dir)
	}
}

// existing is the nearest directory above path that there is.
func existing(path string) string {
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			return p
		}
	}
}

func (d *doctor) descriptors(context.Context) {
	n, err := d.probes.files()
	const do = "raise it: LimitNOFILE=65536 in the unit, or ulimit -n"
	switch {
	case err != nil:
		d.say(warn, "open files", "", "the limit is unknown: %v", err)
	case n < filesMin:
		d.say(bad, "open files", do, "at most %d; every sender's connection takes one, and the records take dozens", n)
	case n < filesEnough:
		d.say(warn, "open files", do, "at most %d; many senders at once would be refused", n)
	default:
		d.say(fine, "open files", "", "at most %d", n)
	}
}

func (d *doctor) memory(context.Context) {
	limit, soft := d.probes.memory()
	switch {
	case limit > 0 && limit < memoryMin:
		d.say(bad, "memory", "give it 512 MiB or more", "this control group has %d MiB", limit>>20)
	case limit > 0 && soft <= 0:
		d.say(warn, "memory", "set GOMEMLIMIT="+strconv.FormatInt(limit>>20*9/10, 10)+"MiB, so that it collects before it is killed", "this control group has %d MiB and GOMEMLIMIT is not set", limit>>20)
	case limit > 0 && soft > limit:
		d.say(bad, "memory", "set GOMEMLIMIT below it", "GOMEMLIMIT is %d MiB, this control group has %d", soft>>20, limit>>20)
	case limit > 0 && limit < memoryEnough:
		d.say(warn, "memory", "", "this control group has %d MiB: enough for some 100,000 open alerts, not for a large CMDB", limit>>20)
	default:
		d.say(fine, "memory", "", "no limit that hurts")
	}
}

// journalFiles reads a stopped server's journal; of a running one /readyz speaks.
func (d *doctor) journalFiles(context.Context) {
	dir := filepath.Join(d.file.DataDir, journalDir)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		d.say(fine, "journal", "", "there is none yet")
		return
	}
	if d.running != nil {
		l, do := fine, ""
		if d.running.Stored > d.running.Folded+uint64(behindMany) {
			l, do = warn, "wait, or look at the log for why folding is slow"
		}
		d.say(l, "journal", do, "held by the running server, %d entries, %d not folded", d.running.Stored, d.running.Stored-min(d.running.Stored, d.running.Folded))
		return
	}
	if d.quick {
		d.say(fine, "journal", "", "not read (--quick)")
		return
	}
	r, err := d.probes.verify(journal.Options{Dir: dir})
	switch {
	case itsm.CodeOf(err) == itsm.Conflict:
		d.locked = true
		d.say(warn, "journal", "give --listen or --config of the server that holds it", "%v", err)
	case err != nil:
		d.say(bad, "journal", "see whether the disk can be read", "%v", err)
	case len(r.Damage) > 0:
		d.say(bad, "journal", "keep the directory as it is; 'signalbox restore' of the newest backup, then senders repeat what fires", "damaged in %d places, first: %v", len(r.Damage), r.Damage[0])
	default:
		d.journal = &r
		d.say(fine, "journal", "", "every byte of %d entries in %d files is as written", r.Records, len(r.Segments))
	}
}

// clock asks whether something keeps the clock right, and compares it with the newest
// entry of a stopped server's journal, behind which it must not run. Beside a running
// server, deliveries looks for an answer that lies in the future.
func (d *doctor) clock(context.Context) {
	now := d.probes.now()
	const sync = "let chrony or systemd-timesyncd keep it (timedatectl says whether one does), or the host of this container"
	switch ok, off, err := d.probes.synced(); {
	case err != nil:
		d.say(warn, "clock", sync, "%s; whether anything keeps it right cannot be asked here: %v", now.UTC().Format(time.RFC3339), err)
	case !ok:
		d.say(warn, "clock", sync, "%s, but nothing keeps it right: signatures with a time-stamp are refused once it is %v off, and timers run by it", now.UTC().Format(time.RFC3339), ingest.SignatureSkew)
	case off > clockTolerance:
		d.say(warn, "clock", sync, "%s; it was not compared for so long that it may be %v off", now.UTC().Format(time.RFC3339), off.Round(time.Second))
	default:
		d.say(fine, "clock", "", "%s, kept right to %v", now.UTC().Format(time.RFC3339), off.Round(time.Millisecond))
	}
	if d.journal == nil || d.journal.HeadAt == 0 {
		return
	}
	if ahead := d.journal.HeadAt.Std().Sub(now); ahead > clockTolerance {
		d.say(bad, "clock", "set the clock (timedatectl, chrony); if the journal's time was wrong, timers stand still until it is reached", "it says %s, but the newest journal entry is from %v later", now.UTC().Format(time.RFC3339), ahead.Round(time.Second))
		return
	}
	d.say(fine, "clock", "", "%s, %v after the newest journal entry", now.UTC().Format(time.RFC3339), now.Sub(d.journal.HeadAt.Std()).Round(time.Second))
}

// snapshots says from where a stopped server would start.
func (d *doctor) snapshots(context.Context) {
	if d.journal == nil || d.journal.Head == 0 {
		return
	}
	if _, err := os.Stat(filepath.Join(d.file.DataDir, viewDir, "MANIFEST")); err != nil {
		d.say(warn, "records", "'signalbox rebuild' makes them from the journal; a start does it too where the journal reaches back to entry 1", "the view is missing: %v", err)
	} else {
		d.say(fine, "records", "", "the view is there; a start catches it up")
	}
	dir := filepath.Join(d.file.DataDir, snapshotsDir)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && d.journal.Oldest == 1 {
		d.say(warn, "snapshots", "", "there are none: the next start folds all %d entries", d.journal.Head)
		return
	}
	snaps, err := engine.OpenSnapshots(dir)
	if err != nil {
		d.say(bad, "snapshots", "make the directory readable for this user", "%v", err)
		return
	}
	_, at, err := snaps.Newest(d.journal.Head, slog.New(slog.DiscardHandler))
	behind := d.journal.Head - at
	switch {
	case err != nil:
		d.say(bad, "snapshots", "make the directory readable for this user", "%v", err)
	case at+1 < d.journal.Oldest:
		d.say(bad, "snapshots", "'signalbox rebuild', or restore a backup", "none that is whole reaches the oldest journal entry, %d", d.journal.Oldest)
	case behind > behindMany:
		d.say(warn, "snapshots", "", "the newest whole one is %d entries behind: the next start takes a while", behind)
	default:
		d.say(fine, "snapshots", "", "the newest is whole and %d entries behind", behind)
	}
}

func (d *doctor) restored(context.Context) {
	m, err := loadRestoreMark(d.file.DataDir)
	switch {
	case err != nil:
		d.say(bad, "restore", "", "%v", err)
	case m == nil:
	case m.StartedAt == 0:
		d.say(warn, "restore", "", "restored from a backup of %s and not started yet: for %s after the first start nobody is paged for incidents from before", m.BackupAt, m.Quiet)
	case d.probes.now().Before(m.quietUntil()):
		d.say(warn, "restore", "", "restored from a backup of %s: until %s nobody is paged for incidents from before", m.BackupAt, m.quietUntil().UTC().Format(time.RFC3339))
	}
}

// sources asks the door what it would refuse to start with.
func (d *doctor) sources(context.Context) {
	if d.set == nil {
		return
	}
	if _, err := ingest.New(ingest.Options{Sources: d.set.sources, Open: d.set.loopback, Journal: noJournal{}, Log: slog.New(slog.DiscardHandler)}); err != nil {
		d.say(bad, "sources", "give each source credentials (sources.NAME.auth), or listen on loopback", "%v", err)
		return
	}
	var open []string
	for _, s := range d.set.sources {
		if s.IsOpen() {
			open = append(open, s.Name)
		}
	}
	switch {
	case len(d.set.sources) == 0:
		d.say(warn, "sources", "configure sources.NAME with credentials", "none: away from loopback the built-in ones are off")
	case len(open) > 0:
		d.say(warn, "sources", "set sources.NAME.auth before it listens elsewhere", "whoever is on this machine can send as %s", strings.Join(open, ", "))
	default:
		d.say(fine, "sources", "", "%d, all with credentials", len(d.set.sources))
	}
}

// deliveries says when each source was heard last.
func (d *doctor) deliveries(ctx context.Context) {
	if d.running == nil || d.set == nil {
		return
	}
	scheme := "http"
	if d.file.TLS.CertFile != "" {
		scheme = "https"
	}
	status, body, err := d.probes.get(ctx, scheme+"://"+d.file.Listen+"/metrics", d.credential())
	if err != nil || status != http.StatusOK {
		d.say(warn, "deliveries", "give --token", "the server's metrics cannot be read (%d, %v)", status, err)
		return
	}
	m := parseMetrics(body)
	for _, s := range d.set.sources {
		at := m[`signalbox_ingest_last_accepted_timestamp_seconds{source="`+s.Name+`"}`]
		_, configured := d.file.Sources[s.Name]
		ago := d.probes.now().Sub(time.UnixMilli(int64(at * 1000))).Round(time.Second)
		switch {
		case -ago > clockTolerance:
			d.say(bad, "clock", "set the clock (timedatectl, chrony), then restart the server", "%s was answered %v in the future: the clock was set back since, or this is not the server's machine", s.Name, -ago)
		case at == 0 && configured:
			d.say(warn, "deliveries", "see whether the sender is pointed here; 'signalbox snippets' prints what to paste", "nothing from %s since the server started", s.Name)
		case at != 0 && ago > silentFor:
			d.say(warn, "deliveries", "see whether the sender still works", "the last from %s came %v ago", s.Name, ago)
		case at != 0:
			d.say(fine, "deliveries", "", "the last from %s came %v ago", s.Name, ago)
		}
	}
	for name, v := range m {
		if rest, ok := strings.CutPrefix(name, "signalbox_outbox_dead_letters{"); ok && v > 0 {
			d.say(warn, "dead letters", "GET /api/v1/connectors/NAME/dead-letters says why; POST …/retry sends one again", "%.0f were refused for good by %s", v, strings.TrimSuffix(strings.TrimPrefix(rest, `connector="`), `"}`))
		}
	}
}

// parseMetrics reads the text form of Prometheus as far as gauges need it.
func parseMetrics(b []byte) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		i := strings.LastIndexByte(line, ' ')
		if i <= 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64); err == nil {
			out[line[:i]] = v
		}
	}
	return out
}

// partners opens a connection to each and says nothing on it.
func (d *doctor) partners(ctx context.Context) {
	f := d.file
	if d.set != nil {
		f = d.set.file // with those of the console
	}
	for _, name := range conf.SortedKeys(f.Connectors) {
		c := f.Connectors[name]
		hosts := connectorKinds[c.Kind].hosts
		if hosts == nil {
			continue
		}
		for _, u := range hosts(c) {
			d.partner(ctx, name, u, f.ReachOf(name))
		}
	}
	if d.set == nil {
		return
	}
	for _, w := range d.set.doubts() {
		d.say(warn, "connectors", "set it, or take webhook_secrets away if nothing is to be heard", "%s", w)
	}
	if d.set.heartbeat == "" {
		return
	}
	if err := d.probes.dial(ctx, d.set.heartbeat, connectors.Reach{}); err != nil {
		d.say(bad, "heartbeat", "see whether this machine may go out there", "%s is not reached: %v", hostOf(d.set.heartbeat), err)
		return
	}
	d.say(fine, "heartbeat", "", "%s is reached", hostOf(d.set.heartbeat))
}

func (d *doctor) partner(ctx context.Context, name, address string, may connectors.Reach) {
	switch err := d.probes.dial(ctx, address, may); {
	case err == nil:
		d.say(fine, "connectors", "", "%s: %s is reached", name, hostOf(address))
	case connectors.IsRefused(err):
		d.say(bad, "connectors", "give it another address, or, where the message names a key of the configuration file, its place there", "%s: %s is not called: %v", name, hostOf(address), err)
	default:
		d.say(bad, "connectors", "see whether this machine may go out there: name service, firewall, proxy (HTTPS_PROXY)", "%s: %s is not reached: %v", name, hostOf(address), err)
	}
}

func orElse(v, def string) string {
	if v == "" {
		return def
	}
	return v
}

func hostOf(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Host
	}
	return "the host"
}

// outside says whether the address that partners and people are given is one.
func (d *doctor) outside(ctx context.Context) {
	if d.set == nil {
		return
	}
	if d.file.ExternalURL == "" {
		if !d.set.loopback {
			d.say(warn, "external_url", "set external_url to how people reach the console", "not set: links in pages lead to %s", d.set.base)
		}
		return
	}
	u, err := url.Parse(d.file.ExternalURL)
	if err != nil {
		d.say(bad, "external_url", "correct it", "%v", err)
		return
	}
	if u.Scheme == "http" && d.file.TLS.CertFile != "" {
		d.say(warn, "external_url", "write https://", "%s is http, but the server speaks https", d.file.ExternalURL)
		return
	}
	if net.ParseIP(u.Hostname()) == nil {
		if err := d.probes.resolve(ctx, u.Hostname()); err != nil {
			d.say(warn, "external_url", "correct it, or the name service", "%s cannot be resolved here: %v", u.Hostname(), err)
			return
		}
	}
	d.say(fine, "external_url", "", "%s", d.file.ExternalURL)
}
