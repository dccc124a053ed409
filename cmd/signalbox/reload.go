package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest"
)

// reloader puts a changed configuration into effect without a restart, as far as
// that is safe at any moment: the sources with their credentials and limits, the certificate,
// and the level of the log.
type reloader struct {
	o        serveOptions
	explicit bool
	door     *ingest.Door
	pair     *servedPair // nil: HTTP
	level    *slog.LevelVar
	log      *slog.Logger
	running  *conf.File // what the rest of the program runs with
}

// run reloads at each SIGHUP until ctx ends.
func (r *reloader) run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
		}
		if err := r.reload(); err != nil {
			r.log.Error("the configuration was not reloaded; the old one stays", "err", err)
		}
	}
}

func (r *reloader) reload() error {
	set, err := readSettings(r.o, r.explicit, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := r.door.Reload(set.sources); err != nil {
		return err
	}
	if r.pair != nil && set.cert != nil && r.pair.use(set.cert) {
		r.log.Info("new connections get another certificate", "cert_file", set.file.TLS.CertFile, "expires", set.cert.Leaf.NotAfter)
	}
	defer setLevel(r.level, set.file.Log.Level) // after what is said here at the old level
	later, err := r.later(set.file)
	if err != nil {
		return err
	}
	if len(later) > 0 {
		r.log.Warn("the configuration was reloaded; changes of these take effect at the next start", "keys", strings.Join(later, ", "))
		return nil
	}
	r.log.Info("the configuration was reloaded")
	return nil
}

// later names what a file changes that a reload leaves alone.
func (r *reloader) later(f *conf.File) ([]string, error) {
	was, now := r.running.Core(), f.Core()
	before, err := was.Canonical()
	if err != nil {
		return nil, err
	}
	after, err := now.Canonical()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range []struct {
		key      string
		old, new any
	}{
		{"listen", r.running.Listen, f.Listen}, {"external_url", r.running.ExternalURL, f.ExternalURL}, {"data_dir", r.running.DataDir, f.DataDir},
		{"tls", r.running.TLS.CertFile != "", f.TLS.CertFile != ""}, {"auth", r.running.Auth, f.Auth}, {"connectors", r.running.Connectors, f.Connectors}, {"console", r.running.Console, f.Console},
		{"correlation, cmdb, stale_after and episode_gap", string(before), string(after)}, {"journal", r.running.Journal, f.Journal}, {"log.format", r.running.Log.Format, f.Log.Format},
		{"audit", r.running.Audit, f.Audit}, {"heartbeat", r.running.Heartbeat, f.Heartbeat}, {"watchdogs", r.running.Watchdogs, f.Watchdogs}, {"self_alerts", r.running.SelfAlerts, f.SelfAlerts},
	} {
		if !reflect.DeepEqual(c.old, c.new) {
			out = append(out, c.key)
		}
	}
	return out, nil
}

func setLevel(v *slog.LevelVar, name string) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		level = slog.LevelInfo // conf has refused anything else
	}
	v.Set(level)
}
