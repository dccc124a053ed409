package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/rules"
)

func rulesApply(c *client) *cobra.Command {
	var note string
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use:   "apply DIR|FILE…",
		Short: "Show what would change in the server, then save and activate it",
		Long: `Checks the rule set, prints the difference to what is active and, after a yes, saves it
as the next revision and activates it. --dry-run ends after the difference; --yes asks
nothing. Alerts that are open keep their incidents; what comes from then on goes by
the new rules.`,
		Example: "  signalbox rules apply --dry-run rules/\n  signalbox rules apply --note 'one incident a namespace' rules/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := readRules(paths)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			_, ps := rules.Compile(files)
			for _, p := range ps {
				fmt.Fprintln(out, p)
			}
			if rules.Blocking(ps) {
				return errors.New("nothing was changed")
			}
			if err := c.warn(cmd.Context(), out, files); err != nil {
				return err
			}
			revision, active, err := c.activeRules(cmd.Context())
			if err != nil {
				return err
			}
			changes := rules.Diff(active, files)
			printRuleDiff(out, changes)
			if len(changes) == 0 {
				fmt.Fprintf(out, "the rules are those of %s already\n", revisionName(revision))
				return nil
			}
			if dryRun {
				fmt.Fprintln(out, "dry run: nothing was changed")
				return nil
			}
			if !yes && !confirmed(cmd, fmt.Sprintf("Activate this in place of %s?", revisionName(revision))) {
				return errors.New("nothing was changed; answer yes, or give --yes")
			}
			return c.saveAndActivate(cmd.Context(), out, files, note)
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, for the history")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what would change")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func revisionName(n uint64) string {
	if n == 0 {
		return "no rules"
	}
	return fmt.Sprintf("revision %d", n)
}

// confirmed asks a person on standard input.
func confirmed(cmd *cobra.Command, question string) bool {
	fmt.Fprintf(cmd.OutOrStdout(), "%s (yes/no) ", question)
	var answer string
	if _, err := fmt.Fscanln(cmd.InOrStdin(), &answer); err != nil {
		fmt.Fprintln(cmd.OutOrStdout())
		return false
	}
	return strings.EqualFold(answer, "yes") || strings.EqualFold(answer, "y")
}

func (c *client) saveAndActivate(ctx context.Context, out io.Writer, files []rules.File, note string) error {
	var saved ruleRevision
	if err := c.post(ctx, http.MethodPut, "/api/v1/rules", map[string]any{"files": files, "note": note}, &saved); err != nil {
		return err
	}
	if saved.State == "draft" { // the server is another version and sees more
		for _, p := range saved.Problems {
			fmt.Fprintln(out, p)
		}
		return fmt.Errorf("saved as revision %d, which the server cannot use; what is active was not changed", saved.Revision)
	}
	return c.activate(ctx, out, saved.Revision, note)
}

func (c *client) activate(ctx context.Context, out io.Writer, revision uint64, note string) error {
	var now ruleRevision
	if err := c.post(ctx, http.MethodPost, fmt.Sprintf("/api/v1/rules/%d/activate", revision), map[string]string{"note": note}, &now); err != nil {
		return err
	}
	fmt.Fprintf(out, "revision %d is active: %d rules\n", now.Revision, now.Rules)
	return nil
}

func printRuleDiff(w io.Writer, changes []rules.Change) {
	for _, ch := range changes {
		fmt.Fprintf(w, "%s %s\n", map[string]string{"added": "+", "removed": "-", "changed": "~", "moved": ">"}[ch.Kind], ch.ID)
		for _, l := range ch.Lines {
			fmt.Fprintf(w, "    %s\n", l)
		}
	}
}

// warn prints what only the server can see: names of sources and connectors that
// it does not have.
func (c *client) warn(ctx context.Context, out io.Writer, files []rules.File) error {
	var checked struct {
		Problems []apiProblem `json:"problems"`
	}
	if err := c.post(ctx, http.MethodPost, "/api/v1/rules/check", map[string]any{"files": files}, &checked); err != nil {
		return err
	}
	for _, p := range checked.Problems {
		if p.Warning {
			fmt.Fprintln(out, p)
		}
	}
	return nil
}
