package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/ingest/source/kind"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
	rulesexplain "signalbox/rules/explain"
)

type explainOptions struct {
	alert, rules, source, at string
	cmdb                     []string
	json                     bool
}

func rulesExplain(c *client) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain --alert FILE [--rules DIR]",
		Short: "Say of every rule whether it matches an alert, and why not",
		Long: `Reads an alert, a generic event or a body of Alertmanager, and tells for every rule, stage
by stage, whether it matches, or the first part of its condition that does not hold with
the values it asked for. Without --rules the rules are those active in the server.
Stages from suppress on know the CI when --cmdb is given; what depends on the incident
(priority, share) is what one alert alone would have.`,
		Example: "  signalbox rules explain --alert alert.json --rules rules/ --cmdb cmdb.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explain(cmd, c, o)
		},
	}
	cmd.Flags().StringVar(&o.alert, "alert", "", "file with the alert; - is standard input")
	cmd.Flags().StringVar(&o.rules, "rules", "active", "directory or file of rules, or the number of a revision")
	cmd.Flags().StringArrayVar(&o.cmdb, "cmdb", nil, "CIs and relations, as for replay")
	cmd.Flags().StringVar(&o.source, "source", "", "name of the source that the alert comes from; that of its kind when missing")
	cmd.Flags().StringVar(&o.at, "at", "", "when it comes, as in 2026-11-27T08:00:00Z; now when missing")
	cmd.Flags().BoolVar(&o.json, "json", false, "for programs")
	if err := cmd.MarkFlagRequired("alert"); err != nil {
		panic(err) // a flag defined some lines above
	}
	return cmd
}

func explain(cmd *cobra.Command, c *client, o explainOptions) error {
	now := time.Now()
	if o.at != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, o.at); err != nil {
			return fmt.Errorf("--at %q: expected a time such as 2026-11-27T08:00:00Z", o.at)
		}
	}
	files, err := c.ruleSet(cmd.Context(), o.rules)
	if err != nil {
		return err
	}
	set, ps := rules.Compile(files)
	if rules.Blocking(ps) {
		return fmt.Errorf("the rules cannot be used: %s", ps[0])
	}
	changes, err := replayCMDB(cmd.ErrOrStderr(), o.cmdb, cmdb.Settings{})
	if err != nil {
		return err
	}
	graph := cmdb.Empty(cmdb.Settings{}.Types())
	if changes != nil {
		graph = graph.Apply(*changes)
	}
	events, err := readAlert(cmd.InOrStdin(), o, itsm.TimeOf(now))
	if err != nil {
		return err
	}
	for i := range events {
		x := explainEvent(set, graph, &events[i], itsm.TimeOf(now))
		if err := x.print(cmd.OutOrStdout(), o.json); err != nil {
			return err
		}
	}
	return nil
}

// alertBytesMax bounds the file with the alert.
const alertBytesMax = 8 << 20

// readAlert decodes the alerts of a file: a body of Alertmanager has a list of
// alerts, all else is a generic event.
func readAlert(stdin io.Reader, o explainOptions, now itsm.Time) ([]itsm.Event, error) {
	in := stdin
	if o.alert != "-" {
		f, err := os.Open(o.alert)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(io.LimitReader(in, alertBytesMax))
	if err != nil {
		return nil, err
	}
	var shape struct {
		Alerts json.RawMessage `json:"alerts"`
	}
	name := kind.Generic
	if json.Unmarshal(body, &shape) == nil && len(shape.Alerts) > 0 {
		name = kind.Alertmanager
	}
	decode, err := kind.Decoder(name, kind.Options{})
	if err != nil {
		return nil, err
	}
	res, err := decode(body, now)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: as a body of %s: %s", o.alert, name, itsm.MessageOf(err))
	case len(res.Bad) > 0:
		return nil, fmt.Errorf("%s: as a body of %s: %s", o.alert, name, res.Bad[0].Error)
	case len(res.Events) == 0:
		return nil, errors.New(o.alert + ": there is no alert in it")
	}
	if o.source != "" {
		name = o.source
	}
	for i := range res.Events {
		res.Events[i].Source = name
	}
	return res.Events, nil
}

// explained is what the rules say about one alert.
type explained struct {
	Title string       `json:"title"`
	CI    string       `json:"ci"`
	Bound string       `json:"bound_by"`
	Rules []triedRule  `json:"rules"`
	Event *itsm.Labels `json:"labels"` // after the stage normalise
}

type triedRule struct {
	Stage   string        `json:"stage"`
	ID      string        `json:"id"`
	About   string        `json:"about"`
	Shadow  bool          `json:"shadow,omitempty"`
	Matched bool          `json:"matched"`
	Why     string        `json:"why,omitempty"`
	Failed  string        `json:"failed,omitempty"` // first part of the condition that does not hold
	Values  []rules.Value `json:"values,omitempty"`
}

// explainEvent tries the rules; what the stages from incident on ask for is what
// the alert has alone.
func explainEvent(set *rules.Set, g *cmdb.Graph, e *itsm.Event, now itsm.Time) explained {
	alone := &rules.IncidentFacts{Severity: e.Severity, Priority: itsm.P3, Alerts: 1, Firing: 1, Labels: e.Labels}
	a := rulesexplain.Alert(set, g, rulesexplain.Case{Event: e, Now: now, Incident: alone})
	x := explained{Title: a.Event.Title, CI: a.CI.ID, Bound: a.Bound, Event: &a.Event.Labels}
	for _, s := range a.Steps {
		for _, t := range s.Tried {
			x.Rules = append(x.Rules, triedRule{s.Stage.String(), t.Rule.ID, t.Rule.About, t.Rule.Shadow, t.Matched, t.Why, t.Failed, t.Values})
		}
	}
	return x
}

func (x explained) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(x)
	}
	fmt.Fprintf(w, "%s\n  on %s (%s)\n", x.Title, x.CI, x.Bound)
	stage := ""
	for _, r := range x.Rules {
		if r.Stage != stage {
			stage = r.Stage
			fmt.Fprintf(w, "%s\n", stage)
		}
		fmt.Fprintf(w, "  %s %s%s\n", map[bool]string{true: "+", false: "-"}[r.Matched], r.ID, map[bool]string{true: " (shadow)", false: ""}[r.Shadow])
		if why := strings.TrimSpace(r.Failed + " " + r.Why); why != "" {
			fmt.Fprintf(w, "      %s\n", why)
		}
		for _, v := range r.Values {
			fmt.Fprintf(w, "      %s = %q\n", v.Name, v.Value)
		}
	}
	if len(x.Rules) == 0 {
		fmt.Fprintln(w, "  there are no rules")
	}
	return nil
}
