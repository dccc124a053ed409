package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/correlate/backtest"
	"signalbox/correlate/engine"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/api"
	"signalbox/rules"
)

// suggestPoll is how long to wait before a server that still computes is asked again.
const suggestPoll = time.Second

type suggestOptions struct {
	from, to, events, config, out string
	cmdb                          []string
	asJSON, tries                 bool
}

// suggested is what both the server and a recording answer.
type suggested struct {
	State       string          `json:"state"`
	From        itsm.Time       `json:"from"`
	To          itsm.Time       `json:"to"`
	Events      int             `json:"events"`
	Alerts      int             `json:"alerts"`
	Bounds      []string        `json:"bounds_met"`
	Suggestions []suggestedItem `json:"items"`
}

type suggestedItem struct {
	ID       string             `json:"id"`
	Kind     learn.Kind         `json:"kind"`
	Title    string             `json:"title"`
	Why      string             `json:"why"`
	Figures  []learn.Figure     `json:"figures"`
	Examples []suggestedExample `json:"examples"`
	Rule     *rules.File        `json:"rule"`
	Relation *string            `json:"relation"`
	Backtest *suggestedTry      `json:"backtest"`
}

// suggestedTry is what a suggestion would have done to history, in short.
type suggestedTry struct {
	ID        string         `json:"id"`
	State     string         `json:"state"`
	Incidents *suggestedDiff `json:"incidents"`
	Pages     *suggestedDiff `json:"pages"`
	P1        *backtest.Lost `json:"p1"`
	P2        *backtest.Lost `json:"p2"`
}

type suggestedDiff struct {
	Before int `json:"before"`
	After  int `json:"after"`
}

type suggestedExample struct {
	At       itsm.Time `json:"at"`
	Alerts   []string  `json:"alerts"`
	Incident *string   `json:"incident"`
}

func rulesSuggest(c *client) *cobra.Command {
	var o suggestOptions
	cmd := &cobra.Command{
		Use:   "suggest",
		Short: "Propose rules and CMDB relations from history, with their evidence",
		Long: `Looks at the last 30 days of a server, or at a recording (lines as 'replay' takes them),
for alerts that nearly always clear by themselves, that hardly anybody acts on, that begin
together although they are not one incident, and for labels that name a CI the alert is
not bound to. Each suggestion has its numbers, examples and a drafted rule.

Drafts are in shadow mode and nothing is activated: --out writes them as files to read,
check, test and apply. Which alerts nobody acts on is known only where people acknowledge,
so a recording tells nothing of it. Relations are printed as YAML for 'cmdb import'.

With --backtest each drafted rule is tried on the same history as if it were live, one
after the other, and its result stands beside it: P1 and P2 that would page differently,
incidents and pages. A server runs one backtest at a time and keeps the last ten.`,
		Example: "  signalbox rules suggest --backtest --out rules/\n  signalbox rules suggest --events last-month.jsonl --cmdb cmdb.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := o.find(cmd, c)
			if err != nil {
				return err
			}
			if o.tries {
				if err := o.try(cmd, c, found); err != nil {
					return err
				}
			}
			return o.tell(cmd.OutOrStdout(), found)
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "", "begin of the history, such as 2026-01-31T09:00:00Z")
	cmd.Flags().StringVar(&o.to, "to", "", "end of the history")
	cmd.Flags().StringVar(&o.events, "events", "", "a recording in place of a server, JSON lines; - is standard input")
	cmd.Flags().StringArrayVar(&o.cmdb, "cmdb", nil, "with --events, CIs and relations: a YAML, JSON, NDJSON or CSV file; twice for a pair of CSV files")
	cmd.Flags().StringVar(&o.config, "config", "", "with --events, configuration file, for its sources, correlation and cmdb")
	cmd.Flags().BoolVar(&o.tries, "backtest", false, "try each drafted rule on the history, as if it were live; takes from seconds to a minute each")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&o.out, "out", "", "directory to write the drafted rules to")
	return cmd
}

func (o *suggestOptions) find(cmd *cobra.Command, c *client) (*suggested, error) {
	if o.events == "" && (len(o.cmdb) > 0 || o.config != "") {
		return nil, errors.New("--cmdb and --config belong to --events; a server has its own")
	}
	from, to, err := o.span()
	if err != nil {
		return nil, err
	}
	if o.events != "" {
		return o.fromRecording(cmd, from, to)
	}
	return o.fromServer(cmd.Context(), c)
}

// span is the history that is meant; 0 is its own begin or end.
func (o *suggestOptions) span() (from, to itsm.Time, err error) {
	for _, f := range []struct {
		flag, value string
		to          *itsm.Time
	}{{"--from", o.from, &from}, {"--to", o.to, &to}} {
		if f.value == "" {
			continue
		}
		if *f.to, err = itsm.ParseTime(f.value); err != nil {
			return 0, 0, fmt.Errorf("%s %q: expected a moment such as 2026-01-31T09:00:00Z", f.flag, f.value)
		}
	}
	return from, to, nil
}

// fromServer asks until the server has computed it.
func (o *suggestOptions) fromServer(ctx context.Context, c *client) (*suggested, error) {
	q := url.Values{}
	for name, v := range map[string]string{"from": o.from, "to": o.to} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for {
		var s suggested
		if err := c.get(ctx, api.Prefix+"/rules/suggestions?"+q.Encode(), &s); err != nil {
			return nil, err
		}
		if s.State != "running" {
			return &s, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(suggestPoll):
		}
	}
}

func (o *suggestOptions) fromRecording(cmd *cobra.Command, from, to itsm.Time) (*suggested, error) {
	file := conf.DefaultFile
	if o.config != "" {
		file = o.config
	}
	cfg, err := conf.Load(file, o.config != "")
	if err != nil {
		return nil, err
	}
	in := cmd.InOrStdin()
	if o.events != "-" {
		f, err := os.Open(o.events)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	ro := engine.ReplayOptions{Config: cfg.Core(), Events: in}
	if ro.CMDB, err = replayCMDB(cmd.ErrOrStderr(), o.cmdb, ro.Config.CMDB); err != nil {
		return nil, err
	}
	var d lineDecoder
	if d.sources, err = decoders(cfg); err != nil {
		return nil, err
	}
	ro.Decode = d.line
	r, err := engine.LearnRecording(ro, from, to)
	if err != nil {
		return nil, err
	}
	return suggestedOf(&r), nil
}

// suggestedOf is a report as the API answers it. The alerts and incidents of a
// recording have numbers in this run only.
func suggestedOf(r *learn.Report) *suggested {
	out := &suggested{State: "ready", From: r.From, To: r.To, Events: r.Events, Alerts: r.Alerts, Bounds: r.Bounds, Suggestions: []suggestedItem{}}
	for i := range r.Suggestions {
		s := &r.Suggestions[i]
		it := suggestedItem{ID: s.ID, Kind: s.Kind, Title: s.Title, Why: s.Why, Figures: s.Figures, Examples: []suggestedExample{}}
		if s.Rule.Body != "" {
			it.Rule = &s.Rule
		}
		if s.Relation != "" {
			it.Relation = &s.Relation
		}
		for _, e := range s.Examples {
			x := suggestedExample{At: e.At}
			for _, n := range e.Alerts {
				x.Alerts = append(x.Alerts, n.String())
			}
			if n := e.Incident.String(); n != "" {
				x.Incident = &n
			}
			it.Examples = append(it.Examples, x)
		}
		out.Suggestions = append(out.Suggestions, it)
	}
	return out
}

func (o *suggestOptions) tell(w io.Writer, s *suggested) error {
	if o.asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(s); err != nil {
			return err
		}
		_, err := o.write(s)
		return err
	}
	fmt.Fprintf(w, "%d events of %d alerts from %s to %s: %d suggestions\n", s.Events, s.Alerts, s.From, s.To, len(s.Suggestions))
	for _, b := range s.Bounds {
		fmt.Fprintf(w, "there are more %s than are looked at\n", b)
	}
	for i := range s.Suggestions {
		s.Suggestions[i].print(w)
	}
	n, err := o.write(s)
	if err == nil && o.out != "" {
		fmt.Fprintf(w, "\n%d drafted rules in %s, all in shadow mode; next: signalbox rules check %s\n", n, o.out, o.out)
	}
	return err
}

func (it *suggestedItem) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s  %s\n  %s\n", it.ID, it.Title, it.Why)
	for _, e := range it.Examples {
		in := ""
		if e.Incident != nil {
			in = " in " + *e.Incident
		}
		fmt.Fprintf(w, "  * %s %s%s\n", e.At, strings.Join(e.Alerts, ", "), in)
	}
	if it.Rule != nil {
		fmt.Fprint(w, indented(it.Rule.Body))
	}
	if it.Backtest != nil {
		it.Backtest.print(w)
	}
	if it.Relation != nil {
		fmt.Fprintf(w, "  or, in the CMDB:\n%s", indented(*it.Relation))
	}
}

func indented(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ") + "\n"
}

// write puts the drafted rules into the directory and undoes nobody's changes.
func (o *suggestOptions) write(s *suggested) (n int, err error) {
	if o.out == "" {
		return 0, nil
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return 0, err
	}
	for _, it := range s.Suggestions {
		if it.Rule == nil {
			continue
		}
		if it.Rule.Name != filepath.Base(it.Rule.Name) {
			return n, fmt.Errorf("the server names a file %q outside of the directory", it.Rule.Name)
		}
		path := filepath.Join(o.out, it.Rule.Name)
		if old, err := os.ReadFile(path); err == nil && string(old) != it.Rule.Body {
			return n, fmt.Errorf("%s exists and differs; move it away, or write to another directory", path)
		}
		if err := os.WriteFile(path, []byte(it.Rule.Body), 0o644); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
