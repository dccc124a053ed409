package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/ruletest"
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
	return group(cmd, rulesCheck(), rulesFmt(), rulesStarter(), rulesExplain(&c), rulesUnitTest(), rulesVars(), rulesApply(&c), rulesDiff(&c), rulesExport(&c), rulesHistory(&c), rulesRollback(&c), rulesImport(), rulesSuggest(&c))
}

// readRules reads the files of a rule set: those named, and in directories all
// .yaml, .yml and .csv below them. Names are relative to their directory.
func readRules(paths []string) ([]rules.File, error) {
	out := []rules.File{} // an empty directory is a set without rules, and the server is told a list
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
			fmt.Fprintf(cmd.OutOrStdout(), "%d %s in %d %s: good\n", len(set.Rules()), plural(len(set.Rules()), "rule", "rules"), len(files), plural(len(files), "file", "files"))
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
