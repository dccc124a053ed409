package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/correlate/backtest"
	"signalbox/correlate/engine"
	"signalbox/ingest"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/api"
	"signalbox/itsm/console"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv/badgerkv"
	reporting "signalbox/itsm/report"
	"signalbox/rules"
)

const (
	gcEvery     = 10 * time.Minute       // value-log collection of the view
	tellFor     = 300 * time.Millisecond // between "not ready" and closing the door, for balancers that look
	importRead  = 30 * time.Minute       // a CMDB of a million CIs over a slow line
	importWrite = 5 * time.Minute
)

type serveOptions struct {
	config, dataDir, listen string
	cpuprofile              string
	check                   bool
}

func serveCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs the server. Without any configuration it listens on loopback, keeps its data in
./data and accepts the built-in sources without credentials; on any other address
every source has credentials or it refuses to start.

Every flag is also an environment variable: SIGNALBOX_LISTEN, SIGNALBOX_DATA_DIR,
SIGNALBOX_CONFIG; and so are the configuration's single values, SIGNALBOX_EXTERNAL_URL
and SIGNALBOX_SELF_ALERTS. SIGNALBOX_ADMIN_TOKEN sets an API token with the admin role;
without one a token is created in the data directory.

SIGHUP reads the configuration, its secrets and the TLS certificate again and puts the
sources, the certificate and the log level into effect; a fault in any of them, such as
a key that is not the certificate's, changes nothing and is named in the log. Everything
else takes effect at the next start. Connectors that are configured in the console are
read from the data directory.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnv(cmd); err != nil {
				return err
			}
			return serve(cmd.Context(), o, cmd.Flags().Changed("config"), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&o.config, "config", conf.DefaultFile, "configuration file")
	c.Flags().StringVar(&o.dataDir, "data-dir", "", "data directory (default "+conf.DefaultDataDir+")")
	c.Flags().StringVar(&o.listen, "listen", "", "address (default "+conf.DefaultListen+")")
	c.Flags().StringVar(&o.cpuprofile, "cpuprofile", "", "write a CPU profile of the whole run to this file")
	c.Flags().BoolVar(&o.check, "check", false, "read the configuration and its secrets, say what is wrong, and exit")
	return c
}

// settings is the configuration with flags applied and secrets read.
type settings struct {
	file     *conf.File
	base     string // how people and senders reach us
	loopback bool
	sources  []ingest.Source
	partners partnerSet

	heartbeat   string           // address of the dead-man service; "": none
	token, hint string           // of the administrator, and where it stands; "": the data directory has it
	cert        *tls.Certificate // nil: HTTP
}

func readSettings(o serveOptions, explicit bool, log *slog.Logger) (*settings, error) {
	f, err := readFile(o, explicit)
	if err != nil {
		return nil, err
	}
	if err := f.AddStored(f.DataDir); err != nil {
		return nil, err
	}
	return settingsOf(f, log)
}

// readFile reads the configuration file, with flags applied.
func readFile(o serveOptions, explicit bool) (*conf.File, error) {
	f, err := conf.Load(o.config, explicit)
	if err != nil {
		return nil, err
	}
	if o.dataDir != "" {
		f.DataDir = o.dataDir
	}
	if o.listen != "" {
		f.Listen = o.listen
	}
	return f, nil
}

// settingsOf reads what a configuration refers to.
func settingsOf(f *conf.File, log *slog.Logger) (*settings, error) {
	if why := conf.AddressFault(f.Listen); why != "" {
		return nil, itsm.Errorf(itsm.Invalid, "listen: %q: expected %s", f.Listen, why)
	}
	host, _, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return nil, err
	}
	ip := net.ParseIP(host)
	s := &settings{file: f, base: baseOf(f), loopback: host == "localhost" || (ip != nil && ip.IsLoopback())}
	if s.sources, err = sourcesOf(f); err != nil {
		return nil, err
	}
	if !s.loopback {
		if s.sources = withCredentials(s.sources, f); len(s.sources) == 0 {
			return nil, itsm.Errorf(itsm.Invalid, "listen: %s is not a loopback address and no source has credentials; set sources.NAME.auth for every sender, or listen on %s", f.Listen, conf.DefaultListen)
		}
	}
	if s.heartbeat, err = heartbeatURL(f); err != nil {
		return nil, err
	}
	if s.token, s.hint, err = givenToken(f); err != nil {
		return nil, err
	}
	if s.cert, err = certificate(f.TLS); err != nil {
		return nil, err
	}
	s.partners, err = partnersOf(f, s.base, log)
	return s, err
}

// check reports what else would keep a server with these settings from starting.
func (s *settings) check(log *slog.Logger) error {
	if _, err := ingest.New(ingest.Options{Sources: s.sources, Open: s.loopback, Journal: noJournal{}, Log: log}); err != nil {
		return err
	}
	_, err := providerOf(s, log)
	return err
}

// baseOf is how people and senders reach a server.
func baseOf(f *conf.File) string {
	switch {
	case f.ExternalURL != "":
		return f.ExternalURL
	case f.TLS.CertFile != "":
		return "https://" + f.Listen
	}
	return "http://" + f.Listen
}

// withCredentials leaves out the built-in sources nobody configured: away from
// loopback they would be open doors. Configured ones without credentials stay, so
// that the door refuses to start and names them.
func withCredentials(all []ingest.Source, f *conf.File) []ingest.Source {
	var out []ingest.Source
	for _, s := range all {
		_, configured := f.Sources[s.Name]
		if configured || s.Connector != "" {
			out = append(out, s)
		}
	}
	return out
}

// newLog makes the log; its level follows the variable.
func newLog(w io.Writer, c conf.Log, level *slog.LevelVar) *slog.Logger {
	setLevel(level, c.Level)
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// serve wires everything in dependency order and runs it until ctx ends. It is
// one straight function on purpose: this is the picture of the program.
func serve(ctx context.Context, o serveOptions, explicit bool, stdout, stderr io.Writer) (err error) {
	set, err := readSettings(o, explicit, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	level := &slog.LevelVar{}
	log := newLog(stderr, set.file.Log, level)
	stopProfile, err := profile(o.cpuprofile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	if o.check {
		if err := set.check(log); err != nil {
			return err
		}
		for _, w := range set.warnings() {
			fmt.Fprintln(stdout, "warning:", w)
		}
		fmt.Fprintln(stdout, "the configuration is good")
		return nil
	}
	for _, w := range set.warnings() {
		log.Warn(w)
	}
	askHugePages()
	dir := set.file.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	token, hint, err := set.adminToken()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", set.file.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()

	space, err := openDisk(dir, log)
	if err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir), Log: log, Metrics: journal.NewMetrics(reg), FreeBytesMin: space.reserve, SegmentBytes: space.segmentFor(int64(set.file.Journal.MaxBytes))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	snaps, err := engine.OpenSnapshots(filepath.Join(dir, snapshotsDir))
	if err != nil {
		return err
	}
	db, err := openView(filepath.Join(dir, viewDir), space, log)
	if errors.Is(err, badgerkv.ErrUnfinished) {
		log.Error("the view cannot be opened and is made again from the journal; this may take minutes", "err", err)
		if _, err := remake(j, snaps, dir, log); err != nil {
			return fmt.Errorf("make the view again from the journal: %w", err)
		}
		db, err = openView(filepath.Join(dir, viewDir), space, log)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Verify(); err != nil {
		return fmt.Errorf("the view is damaged; 'signalbox rebuild' makes it again from the journal: %w", err)
	}
	d, err := desk.Open(db)
	if err != nil {
		return fmt.Errorf("records in %s, which 'signalbox rebuild' makes again from the journal: %w", filepath.Join(dir, viewDir), err)
	}
	eng := engine.New(engine.Options{Journal: j, Desk: d, Config: set.file.Core(), Snapshots: snaps, Room: space.roomToFold, Log: log, Metrics: engine.NewMetrics(reg)})
	if err := eng.Recover(); err != nil {
		return err
	}

	secure := set.file.TLS.CertFile != "" || strings.HasPrefix(set.base, "https://")
	provider, err := providerOf(set, log)
	if err != nil {
		return err
	}
	people, err := access.New(access.Options{Tokens: []access.Token{{Secret: token, Name: itsm.AdminName, Role: access.Admin}}, Secure: secure, ExternalURL: set.file.ExternalURL, Records: d, Do: eng.Do, OIDC: provider})
	if err != nil {
		return err
	}
	admit := &gate{disk: space, eng: eng}
	door, err := ingest.New(ingest.Options{Sources: set.sources, Open: set.loopback, Journal: j, Quarantine: deskView{d}, Partners: set.partners, Alerts: deskView{d},
		Gate: admit.check, Pace: newPace(func() time.Duration { return eng.Status().Lag }, time.Now), OmitRaw: set.file.Journal.KeepRaw != nil && !*set.file.Journal.KeepRaw, Log: log, Metrics: ingest.NewMetrics(reg), Version: version()})
	if err != nil {
		return err
	}
	again := retrier{d, door}
	after, err := afterRestore(dir, d, eng, j)
	if err != nil {
		return err
	}
	set.partners.read(d)
	monitors := monitorsOf(set.partners, d, eng, door, after.restored(), log)
	senders, wakes := sendersOf(set.partners, d, eng, after.restored(), log)
	health := &healthReport{eng: eng, admit: admit, journal: j, disk: space, dir: dir, sources: door.Sources, open: set.loopback, senders: senders, started: time.Now(), metrics: reg}
	reg.MustRegister(&stateMetrics{eng: eng, desk: d, senders: senders, dir: dir, ready: health.ready})
	shown := board{set.partners, senders, d, eng, log}
	told := ledgerOf(d, j, eng)
	kept := newKeeper(o, explicit, set.file, eng.Do)
	tries := backtest.NewJobs(backtest.Journal{Log: j}, time.Now)
	defer tries.Close() // before the journal
	learner := engine.NewLearner(eng.Learn, time.Now)
	defer learner.Close() // before the journal
	figures := reporting.New(d, func() []string { return pagers(set.file) }, time.Now)
	rest, err := api.New(api.Options{Records: d, Reports: figures, Engine: eng, Gate: people, Connectors: shown, Keeper: kept, Retry: again.retry, Subscribe: subscribe(eng), Ledger: told, Rules: eng, Learner: learner, Known: func() rules.Known { return knownNames(door, set.file) }, Backtests: tries,
		Backup: startBackup(j, eng), Explainer: eng, RuleCounts: func() []api.RuleCount { return apiRuleCounts(eng.RuleCounts()) },
		Status: health.api, Metrics: metricsHandler(reg), Open: set.loopback, Log: log})
	if err != nil {
		return err
	}
	pages, err := console.New(console.Options{Records: d, Reports: figures, Engine: eng, Graph: eng.Graph, Gate: people, Ledger: told, Partners: shown, Keeper: kept, Health: health.console, ExternalURL: set.base, TokenHint: hint, Version: version(), Log: log,
		Rules: eng, ImportCMDB: eng.ImportCMDB, Learner: learner, Explainer: eng, Known: func() rules.Known { return knownNames(door, set.file) }, ActiveRules: func() (uint64, *rules.Set) { r := eng.Rules(); return r.Revision, r.Set }, RuleCounts: func() []console.RuleCount { return ruleCounts(eng.RuleCounts()) }, Backtests: tries,
		Retry: func(ctx context.Context, id, actor string) error { _, err := again.retry(ctx, id, actor); return err }})
	if err != nil {
		return err
	}
	app := ingest.NewApp(ingest.AppOptions{Log: log, Long: []ingest.LongRoute{{Prefix: api.Prefix + "/cmdb/import", Read: importRead, Write: importWrite}, {Prefix: api.Prefix + "/backup", Read: ingest.ReadTimeout, Write: backupWithin}}})
	door.Routes(app)
	rest.Routes(app)
	pages.Routes(app)

	var pair *servedPair
	if set.cert != nil {
		pair = &servedPair{}
		pair.use(set.cert)
	}
	fmt.Fprint(stdout, welcome(set, hint))
	log.Info("listening", "address", l.Addr().String(), "data", dir, "version", version())
	return runAll(ctx, parts{set: set, listener: l, app: app, admit: admit, disk: space, eng: eng, journal: j, db: db, senders: senders, wakes: wakes, monitors: monitors, after: after, kept: kept,
		watching:     watchingOf(set, j, d, space, eng, after, health.ready, reg, log),
		reload:       &reloader{o: o, explicit: explicit, door: door, pair: pair, level: level, log: log, running: set.file},
		closeStreams: func() { rest.Close(); pages.Close() }}, log)
}

// parts are what runs at the same time.
type parts struct {
	set          *settings
	listener     net.Listener
	app          *fiber.App
	admit        *gate
	disk         *disk
	eng          *engine.Engine
	journal      *journal.Log
	db           *badgerkv.DB
	senders      []*connectors.Sender
	wakes        []chan struct{}
	monitors     []*connectors.MonitorSweep
	after        *restoredStart
	kept         *keeper
	watching     watching
	reload       *reloader
	closeStreams func()
}

// runAll runs every part until ctx ends or one fails, and stops them in the order
// that loses nothing: first the door, then the fold, which finishes what is
// durable, then the senders.
func runAll(ctx context.Context, p parts, log *slog.Logger) error {
	c := p.set.file
	l := p.listener
	if p.reload.pair != nil {
		l = tls.NewListener(l, p.reload.pair.config())
	}
	group, gctx := errgroup.WithContext(ctx)
	foldCtx, stopFold := context.WithCancel(context.Background())
	defer stopFold()
	group.Go(func() error { return p.eng.Run(foldCtx) })
	if err := p.after.begin(gctx, log); err != nil {
		stopFold()
		return errors.Join(err, group.Wait())
	}
	group.Go(func() error {
		return p.eng.Retain(gctx, p.journal, journal.RetainPolicy{MaxAge: time.Duration(c.Journal.Retention), MaxBytes: int64(c.Journal.MaxBytes)})
	})
	group.Go(func() error { return noteHeads(gctx, p.journal, c.Audit, log) })
	group.Go(func() error { return p.disk.watch(foldCtx) })
	group.Go(func() error { return p.reload.run(gctx) })
	group.Go(func() error { return p.kept.wait(gctx) })
	group.Go(func() error { return collect(gctx, p.db, log) })
	group.Go(func() error { return tuneGC(gctx) })
	group.Go(func() error { return wakeSenders(gctx, p.eng, p.wakes) })
	p.watching.start(gctx, group)
	for _, s := range p.senders {
		group.Go(func() error { return s.Run(gctx) })
	}
	for _, m := range p.monitors {
		group.Go(func() error { return m.Run(gctx) })
	}
	for _, c := range p.set.partners.inOrder() {
		if puller, ok := c.Connector.(connectors.Puller); ok {
			group.Go(func() error { return connectors.Poll(gctx, puller, p.eng, log) })
		}
	}
	group.Go(func() error { return p.app.Listener(l) })
	group.Go(func() error {
		<-gctx.Done()
		log.Info("stopping")
		p.admit.stop()
		time.Sleep(tellFor)
		p.closeStreams()
		err := p.app.ShutdownWithTimeout(stopWithin)
		stopFold()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil // a connection that would not end; everything acknowledged is on disk
		}
		return err
	})
	return group.Wait()
}

// openView opens the records once there is room for what that writes.
func openView(dir string, d *disk, log *slog.Logger) (*badgerkv.DB, error) {
	need, err := badgerkv.RoomToOpen(dir)
	if err != nil {
		return nil, err
	}
	if err := d.roomToOpen(need); err != nil {
		return nil, err
	}
	return badgerkv.Open(badgerkv.Options{Dir: dir, Log: log})
}

// collect frees the view's old values from time to time.
func collect(ctx context.Context, db *badgerkv.DB, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(gcEvery):
		}
		if err := db.RunGC(); err != nil {
			log.Warn("collecting old values of the view", "err", err)
		}
	}
}

// noJournal stands in where only the configuration is checked.
type noJournal struct{}

// Append implements ingest.Appender.
func (noJournal) Append(context.Context, ...[]byte) (itsm.Offset, itsm.Time, error) {
	return 0, 0, itsm.Errorf(itsm.Unavailable, "checking the configuration")
}

// welcome is what a person who starts the server reads first.
func welcome(set *settings, hint string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nSignalbox\n  console      %s/\n  admin token  %s\n\n", strings.TrimSuffix(set.base, "/"), hint)
	for _, s := range snippets(set.base) {
		fmt.Fprintf(&b, "# %s\n%s\n", s.title, s.text)
	}
	return b.String()
}
