package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/ruletest"
	"signalbox/itsm"
	"signalbox/rules"
)

func rulesCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{Use: "rules", Short: "Say how your alerts become incidents: check, test, apply, diff, roll back",
		Long: `A rule set is a directory of YAML files, one rule a document, and CSV tables. 'check'
and 'test' need no server. 'apply' shows what would change in a running server, then saves the
set as the next revision and activates it; 'history' and 'rollback' undo that.

The language: 'go doc ./rules', and 'signalbox rules vars' for what a condition can ask for.`}
	c.flags(cmd)
	return group(cmd, rulesCheck(), rulesFmt(), rulesStarter(), rulesExplain(&c), rulesUnitTest(), rulesVars(), rulesApply(&c), rulesDiff(&c), rulesExport(&c), rulesHistory(&c), rulesRollback(&c), rulesImport())
}

// readRules reads the files of a rule set: those named, and in directories all
// .yaml, .yml and .csv below them. Names are relative to their directory.
func readRules(paths []string) ([]rules.File, error) {
	var out []rules.File
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			b, err := os.ReadFile(p)
			if err != nil {
				return nil, err
			}
			out = append(out, rules.File{Name: filepath.Base(p), Body: string(b)})
			continue
		}
		found, err := readRuleDir(p)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b rules.File) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func readRuleDir(dir string) ([]rules.File, error) {
	out := []rules.File{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && p != dir {
			return filepath.SkipDir
		}
		if d.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".csv"}, filepath.Ext(p)) || strings.HasSuffix(p, ruletest.Suffix) {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		out = append(out, rules.File{Name: filepath.ToSlash(name), Body: string(b)})
		return err
	})
	return out, err
}

func rulesCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check DIR|FILE…",
		Short:   "Say what is wrong with a rule set, by file and line",
		Long:    "Reads and compiles a rule set. Exits with 1 when it cannot be used.",
		Example: "  signalbox rules check rules/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := readRules(paths)
			if err != nil {
				return err
			}
			set, ps := rules.Compile(files)
			for _, p := range ps {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
			if rules.Blocking(ps) {
				return fmt.Errorf("%s cannot be used", paths[0])
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d rules in %d files are good\n", len(set.Rules()), len(files))
			return nil
		},
	}
}

func rulesVars() *cobra.Command {
	return &cobra.Command{
		Use:   "vars",
		Short: "List what a condition can ask for, and from which stage on",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tTYPE\tFROM STAGE\t")
			for _, v := range rules.Variables() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Name, v.Type, v.Stage, v.About)
			}
			return w.Flush()
		},
	}
}

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
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.rollbackTo(cmd.Context(), args)
			if err != nil {
				return err
			}
			return c.activate(cmd.Context(), cmd.OutOrStdout(), n, note)
		},
	}
	cmd.Flags().StringVar(&note, "note", "rolled back", "why, for the history")
	return cmd
}

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
	if len(list.Items) == 0 || list.Items[0].Before == 0 {
		return 0, errors.New("no other revision was active before; to have no rules, apply an empty directory")
	}
	return list.Items[0].Before, nil
}
