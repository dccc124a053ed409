package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/correlate/backtest"
	"signalbox/itsm"
)

type backtestOptions struct {
	rules                   []string
	against, from, to       string
	dataDir, events, config string
	cmdb                    []string
	failOn                  string
	warmUp                  string
	json                    bool
	examples                int
}

func backtestCommand() *cobra.Command {
	var o backtestOptions
	c := &cobra.Command{
		Use:   "backtest --rules DIR",
		Short: "Say what a rule set would have done to recorded history",
		Long: `Folds recorded history with the rules of today and with the proposed ones, side by
side, and reports the difference: first every P1 or P2 that would page nobody any
more, or later; then incidents opened, merged, split, suppressed and lost with
examples, and pages more or fewer by connector and team.

The history is the journal of a data directory, whether its server runs or not, or
with --events a recorded stream as 'replay' takes it. --against says what is in force
today: active (of the journal; the default), none (the default with --events), or a
directory. Times are RFC 3339. With --from both sides begin with what came in the time of
--warm-up before it, which is not counted; what fired before that is known from its
first repeat.

With --fail-on it exits with 1 when one of the conditions holds:
  ` + strings.Join(backtest.Conditions(), ", "),
		Example: `  signalbox backtest --rules rules/ --from 2026-11-01T00:00:00Z
  signalbox backtest --rules rules/ --events last-month.jsonl --cmdb cmdb.yaml --fail-on lost-p1,lost-p2,lost,more-pages=10%`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBacktest(cmd, o) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.rules, "rules", nil, "proposed rule set: a directory, or files")
	f.StringVar(&o.against, "against", "", "what to compare with: active, none or a directory")
	f.StringVar(&o.from, "from", "", "begin of the range; empty is the oldest entry")
	f.StringVar(&o.to, "to", "", "end of the range; empty is now")
	f.StringVar(&o.warmUp, "warm-up", "24h", "how long before --from both sides fold without counting; 0 for none, at most 31d")
	f.StringVar(&o.dataDir, "data-dir", envOr("SIGNALBOX_DATA_DIR", conf.DefaultDataDir), "data directory whose journal is the history")
	f.StringVar(&o.events, "events", "", "recorded stream, JSON lines, instead of a journal; - is standard input")
	f.StringArrayVar(&o.cmdb, "cmdb", nil, "with --events: CIs and relations; twice for a pair of CSV files")
	f.StringVar(&o.config, "config", "", "with --events: configuration file, for its sources, connectors, correlation and cmdb")
	f.StringVar(&o.failOn, "fail-on", "", "exit with 1 when one of these holds")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	f.IntVar(&o.examples, "examples", 0, "examples of each kind of difference, at most 1000; 0 is 10")
	c.MarkFlagsMutuallyExclusive("events", "data-dir")
	if err := c.MarkFlagRequired("rules"); err != nil {
		panic(err) // a flag defined above
	}
	return c
}

func runBacktest(cmd *cobra.Command, o backtestOptions) error {
	var conditions []backtest.Condition
	bo := backtest.Options{Examples: o.examples}
	var err error
	if o.failOn != "" {
		if conditions, err = backtest.ParseConditions(o.failOn); err != nil {
			return fmt.Errorf("--fail-on: %w", err)
		}
	}
	for _, t := range []struct {
		flag, value string
		to          *itsm.Time
	}{{"--from", o.from, &bo.From}, {"--to", o.to, &bo.To}} {
		if t.value == "" {
			continue
		}
		if *t.to, err = itsm.ParseTime(t.value); err != nil {
			return fmt.Errorf("%s %q: expected a time such as 2026-11-01T00:00:00Z", t.flag, t.value)
		}
	}
	if o.warmUp != "0" {
		if bo.WarmUp, err = conf.ParseDuration(o.warmUp); err != nil || bo.WarmUp < 0 || bo.WarmUp > backtest.WarmUpMax {
			return fmt.Errorf("--warm-up %q: expected 0, or a time such as 12h or 7d, at most 31d", o.warmUp)
		}
	}
	bo.After.Name = strings.Join(o.rules, ", ")
	if bo.After.Files, err = readRules(o.rules); err != nil {
		return err
	}
	closeHistory, err := o.history(cmd, &bo)
	if err != nil {
		return err
	}
	defer closeHistory()
	if bo.Before, err = o.before(bo.History); err != nil {
		return err
	}
	bar := newBar(cmd.ErrOrStderr())
	bo.Progress = bar.show
	rep, err := backtest.Run(cmd.Context(), bo)
	bar.end()
	if err != nil {
		return err
	}
	if err := printBacktest(cmd.OutOrStdout(), rep, o.json); err != nil {
		return err
	}
	if failed := rep.Failed(conditions); len(failed) > 0 {
		return errors.New("the rules do not pass: " + strings.Join(failed, "; "))
	}
	return nil
}

func printBacktest(w io.Writer, rep *backtest.Report, asJSON bool) error {
	if !asJSON {
		return rep.WriteText(w)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(rep)
}

// history opens what is folded.
func (o *backtestOptions) history(cmd *cobra.Command, bo *backtest.Options) (func(), error) {
	if o.events == "" {
		if len(o.cmdb) > 0 || o.config != "" {
			return nil, errors.New("--cmdb and --config go with --events; a journal has its own")
		}
		dir, err := journalOf(o.dataDir)
		bo.History = backtest.Directory(dir)
		return func() {}, err
	}
	file := conf.DefaultFile
	if o.config != "" {
		file = o.config
	}
	cfg, err := conf.Load(file, o.config != "")
	if err != nil {
		return nil, err
	}
	s := &backtest.Stream{Config: cfg.Core(), Events: cmd.InOrStdin()}
	if s.CMDB, err = replayCMDB(cmd.ErrOrStderr(), o.cmdb, s.Config.CMDB); err != nil {
		return nil, err
	}
	var d lineDecoder
	if d.sources, err = decoders(cfg); err != nil {
		return nil, err
	}
	s.Decode, bo.History = d.line, s
	if o.events == "-" {
		return func() {}, nil
	}
	f, err := os.Open(o.events)
	if err != nil {
		return nil, err
	}
	s.Events = f
	if st, err := f.Stat(); err == nil {
		s.Size = st.Size()
	}
	return func() { f.Close() }, nil
}

// before is the rule set to compare with.
func (o *backtestOptions) before(h backtest.History) (backtest.RuleSet, error) {
	switch {
	case o.against == "none" || o.against == "" && h.Once():
		return backtest.RuleSet{Name: "no rules"}, nil
	case o.against == "active" && h.Once():
		return backtest.RuleSet{}, errors.New("--against active: a recorded stream has no active rules; give a directory or none")
	case o.against == "" || o.against == "active":
		return backtest.Active(h)
	}
	files, err := readRules([]string{o.against})
	return backtest.RuleSet{Name: o.against, Files: files}, err
}

// bar is a progress bar on a terminal, and nothing elsewhere.
type bar struct{ w io.Writer }

func newBar(w io.Writer) *bar {
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			return &bar{w}
		}
	}
	return &bar{}
}

// barCells is the width of the bar.
const barCells = 40

func (b *bar) show(milli int) {
	if b.w != nil {
		full := milli * barCells / 1000
		fmt.Fprintf(b.w, "\r[%s%s] %3d %%", strings.Repeat("#", full), strings.Repeat(".", barCells-full), milli/10)
	}
}

// end clears the line.
func (b *bar) end() {
	if b.w != nil {
		fmt.Fprintf(b.w, "\r%s\r", strings.Repeat(" ", barCells+10))
	}
}
