package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/ruletest"
)

// exitUnreadable is the exit code when there are test files that cannot be run,
// so that CI tells a broken file from a broken rule.
const exitUnreadable = 2

func rulesUnitTest() *cobra.Command {
	var o ruleTestOptions
	cmd := &cobra.Command{
		Use:   "test FILE|DIR…",
		Short: "Run the unit tests of a rule set",
		Long: `Runs test files, and in directories all files below them whose names end in _test.yaml.
A test tells a story of alerts in time and which incidents must come of it; it runs
with the fold of the server, needs none and reads no clock. Exits with 1 when a test
fails and with 2 when a file cannot be read.

  rules: [.]                # rule files and directories; the test file's own when missing
  cmdb: ../cmdb.yaml        # or {cis: [...], relations: [...]}
  config: ../signalbox.yml  # its sources, correlation and cmdb settings; optional
  connectors: [pager]       # who can be told, also {name: pager, min_priority: P3}
  defaults: {source: alertmanager, severity: warning, labels: {cluster: prod}}
  tests:
    - name: pods of one namespace are one incident
      start: 2026-01-05T09:00:00+01:00   # for rules with hours; optional
      steps:
        - at: 0s
          fire: [{alertname: PodDown, namespace: shop, pod: web-1}]
        - at: 1m
          fire: [{labels: {alertname: PodDown, namespace: shop, pod: web-2}, severity: critical}]
        - at: 2m
          act: {acknowledge: INC0000001, by: ann}
        - at: 5m
          want:
            incidents: [{priority: P2, alerts: 2, members: [{pod: web-1}, {pod: web-2}]}]
            told: {pager: [trigger, update, acknowledge]}
        - at: 6m
          clear: all
        - at: 30m
          want: {incidents: [{state: resolved, firing: 0}]}

A step does what it says in the order it says it. An alert is its labels, or {labels,
annotations, severity, title, ci, source, key, group}. clear takes all, or labels that
every alert to clear has. Acts: acknowledge, unacknowledge, resolve, reopen, hold (reason),
resume, cancel, assign, priority (to), note (text), merge, unrelated and parent (into),
major.propose, major.accept, major.reject and major.demote (reason); the incident is a
number or a title. By number: maintenance.end, maintenance.cancel, change.cancel, and
problem.accept, dismiss, assign, state, root_cause, workaround, known_error and
communicate. A step can also say change: {id, state, cis, …}, as a pipeline would, and
maintenance: {for: 2h, cis, services, classes or labels, after, zone, rrule, reason}.

A want asks only for what it names: incidents (in the order they opened; all of them,
unless more: true), none: true, suppressed: [{labels…, by: text}], dropped: number,
problems: [{number, title, state, signature, cause, owner, team, workaround, known_error,
effect, tests, incidents}], and told: {connector: [trigger, update, acknowledge, resolve, note]} since it was asked last.
Of an incident: number, title, state, priority, severity, impact, urgency, alerts, firing,
cause, cis, services, group, assignee, acknowledged, labels, runbook, signature, follows,
parent, children, major, hold, close_code, problem, changes, response and resolution
(none, running, paused, met or breached), notices ("response 50%", "resolution 100%"),
rule, members (labels of all its alerts, unless more: true). * stands for any text.`,
		Example: "  signalbox rules test rules/\n  signalbox rules test --run namespace --coverage rules/shop_test.yaml\n  signalbox rules test --junit report.xml rules/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			return o.run(cmd, paths)
		},
	}
	cmd.Flags().StringVar(&o.only, "run", "", "only tests whose name this regular expression matches")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "name the tests that pass, too")
	cmd.Flags().BoolVar(&o.json, "json", false, "write the report as JSON")
	cmd.Flags().StringVar(&o.junit, "junit", "", "also write it to this file as JUnit XML")
	cmd.Flags().BoolVar(&o.coverage, "coverage", false, "say which rules no test hit")
	return cmd
}

type ruleTestOptions struct {
	only, junit             string
	verbose, json, coverage bool
}

func (o *ruleTestOptions) run(cmd *cobra.Command, paths []string) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return exitError{exitUnreadable, fmt.Errorf("--run %q: expected a regular expression: %w", o.only, err)}
	}
	files, err := ruletest.Find(paths)
	if err != nil {
		return exitError{exitUnreadable, err}
	}
	rep := ruletest.Run(files, ruletest.Options{Run: only, Warnings: cmd.ErrOrStderr(), Rules: readRules, CMDB: replayCMDB})
	if o.coverage {
		rep.Cover()
	}
	if err := o.write(cmd, rep); err != nil {
		return exitError{exitUnreadable, err}
	}
	switch {
	case rep.Broken > 0:
		return exitError{exitUnreadable, fmt.Errorf("%d of %d test files cannot be run", rep.Broken, len(rep.Files))}
	case rep.Failed > 0:
		return fmt.Errorf("%d of %d rule tests failed", rep.Failed, rep.Passed+rep.Failed)
	}
	return nil
}

func (o *ruleTestOptions) write(cmd *cobra.Command, rep *ruletest.Report) error {
	if o.json {
		if err := rep.WriteJSON(cmd.OutOrStdout()); err != nil {
			return err
		}
	} else {
		rep.WriteText(cmd.OutOrStdout(), o.verbose)
	}
	if o.junit == "" {
		return nil
	}
	f, err := os.Create(o.junit)
	if err != nil {
		return err
	}
	return errors.Join(rep.WriteJUnit(f), f.Close())
}
