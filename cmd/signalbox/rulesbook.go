package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest"
	"signalbox/itsm"
	"signalbox/rules"
)

// ruleRevision is a revision as the API answers it.
type ruleRevision struct {
	Revision uint64       `json:"revision"`
	State    string       `json:"state"`
	Hash     string       `json:"hash"`
	Author   string       `json:"author"`
	Note     string       `json:"note"`
	SavedAt  itsm.Time    `json:"saved_at"`
	Rules    int          `json:"rules"`
	Problems []apiProblem `json:"problems"`
	Files    []rules.File `json:"files"`
}

type apiProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Rule    string `json:"rule"`
	Field   string `json:"field"`
	Message string `json:"message"`
	Warning bool   `json:"warning"`
}

func (p apiProblem) String() string {
	return rules.Problem{File: p.File, Line: p.Line, Rule: p.Rule, Field: p.Field, Msg: p.Message, Warning: p.Warning}.String()
}

// get reads a JSON answer.
func (c *client) get(ctx context.Context, path string, v any) error {
	_, b, err := c.call(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// post sends JSON and reads a JSON answer.
func (c *client) post(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, b, err := c.call(ctx, method, path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// activeRules are the files in force and their revision, 0 for none.
func (c *client) activeRules(ctx context.Context) (uint64, []rules.File, error) {
	var a struct {
		Active *ruleRevision `json:"active"`
	}
	if err := c.get(ctx, "/api/v1/rules", &a); err != nil {
		return 0, nil, err
	}
	if a.Active == nil {
		return 0, nil, nil
	}
	return a.Active.Revision, a.Active.Files, nil
}

func rulesDiff(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "diff FROM TO",
		Short: "Show how two rule sets differ, rule by rule",
		Long: `FROM and TO are each a directory, a file, the number of a revision, or the word active.
+ was added, - removed, ~ changed, > stands in another place.`,
		Example: "  signalbox rules diff active rules/\n  signalbox rules diff 3 7",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var sets [2][]rules.File
			for i, a := range args {
				var err error
				if sets[i], err = c.ruleSet(cmd.Context(), a); err != nil {
					return err
				}
			}
			changes := rules.Diff(sets[0], sets[1])
			printRuleDiff(cmd.OutOrStdout(), changes)
			if len(changes) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no difference")
			}
			return nil
		},
	}
}

// ruleSet reads a rule set by what a person calls it.
func (c *client) ruleSet(ctx context.Context, name string) ([]rules.File, error) {
	if name == "active" {
		_, files, err := c.activeRules(ctx)
		return files, err
	}
	if n, err := strconv.ParseUint(name, 10, 64); err == nil {
		var r ruleRevision
		err := c.get(ctx, fmt.Sprintf("/api/v1/rules/revisions/%d", n), &r)
		return r.Files, err
	}
	return readRules([]string{name})
}

func rulesExport(c *client) *cobra.Command {
	var revision, dir string
	cmd := &cobra.Command{
		Use:     "export --out DIR",
		Short:   "Write a revision's files into a directory",
		Example: "  signalbox rules export --out rules/",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := c.ruleSet(cmd.Context(), revision)
			if err != nil {
				return err
			}
			for _, f := range files {
				if !filepath.IsLocal(f.Name) {
					return fmt.Errorf("the revision names a file %q outside of the directory", f.Name)
				}
				path := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				if old, err := os.ReadFile(path); err == nil && string(old) != f.Body {
					return fmt.Errorf("%s exists and differs; export into an empty directory", path)
				}
				if err := os.WriteFile(path, []byte(f.Body), 0o644); err != nil {
					return err
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d files written to %s\n", len(files), dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&revision, "revision", "active", "number of a revision")
	cmd.Flags().StringVar(&dir, "out", "", "directory to write to")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err) // a flag defined one line above
	}
	return cmd
}

func rulesHistory(c *client) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List revisions and when each was active",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var revisions struct{ Items []ruleRevision }
			var activations struct{ Items []ruleActivation }
			if err := c.get(cmd.Context(), fmt.Sprintf("/api/v1/rules/revisions?limit=%d", limit), &revisions); err != nil {
				return err
			}
			if err := c.get(cmd.Context(), fmt.Sprintf("/api/v1/rules/activations?limit=%d", limit), &activations); err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "REVISION\tSTATE\tRULES\tSAVED\tBY\tNOTE")
			for _, r := range revisions.Items {
				fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\n", r.Revision, r.State, r.Rules, r.SavedAt, r.Author, shortNote(r.Note))
			}
			fmt.Fprintln(w, "\nACTIVATED\tREVISION\tIN PLACE OF\t\tBY\tNOTE")
			for _, a := range activations.Items {
				fmt.Fprintf(w, "%s\t%d\t%s\t\t%s\t%s\n", a.At, a.Revision, revisionName(a.Before), a.Actor, shortNote(a.Note))
			}
			return w.Flush()
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many of each, at most 500")
	return cmd
}

type ruleActivation struct {
	Revision uint64    `json:"revision"`
	Before   uint64    `json:"before"`
	At       itsm.Time `json:"at"`
	Actor    string    `json:"actor"`
	Note     string    `json:"note"`
}

// shortNote keeps a note on its line of a table.
func shortNote(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), 80)]
}

func rulesRollback(c *client) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "rollback [REVISION]",
		Short: "Activate the revision that was active before, or the one named",
		Long: `Activates the revision that was active before, or the one named. Before the first one
there were no rules: going back from it saves and activates a revision without rules.
'signalbox rules history' lists the revisions.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.rollbackTo(cmd.Context(), args)
			if err != nil {
				return err
			}
			if n == 0 { // before the first revision there were no rules, and a set without rules is the same
				return c.saveAndActivate(cmd.Context(), cmd.OutOrStdout(), []rules.File{}, note)
			}
			return c.activate(cmd.Context(), cmd.OutOrStdout(), n, note)
		},
	}
	cmd.Flags().StringVar(&note, "note", "rolled back", "why, for the history")
	return cmd
}

// rollbackTo is the revision to go back to, 0 when there were no rules before.
func (c *client) rollbackTo(ctx context.Context, args []string) (uint64, error) {
	if len(args) == 1 {
		n, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil || n == 0 {
			return 0, fmt.Errorf("revision %q: expected a number such as 7; 'signalbox rules history' lists them", args[0])
		}
		return n, nil
	}
	var list struct{ Items []ruleActivation }
	if err := c.get(ctx, "/api/v1/rules/activations?limit=1", &list); err != nil {
		return 0, err
	}
	if len(list.Items) == 0 {
		return 0, errors.New("no rules were ever active: there is nothing to roll back")
	}
	return list.Items[0].Before, nil
}

// knownNames are the sources and connectors that rules can name.
func knownNames(door *ingest.Door, f *conf.File) rules.Known {
	k := rules.Known{Connectors: append([]string{}, conf.SortedKeys(f.Connectors)...)} // none is not nil: then every name is unknown
	for _, s := range door.Sources() {
		k.Sources = append(k.Sources, s.Name)
	}
	return k
}
