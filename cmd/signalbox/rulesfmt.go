package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/ruletest"
	"signalbox/rules"
)

func rulesFmt() *cobra.Command {
	var write, check bool
	cmd := &cobra.Command{
		Use:   "fmt [-w] [--check] DIR|FILE…",
		Short: "Lay rules out as everybody does: one order of keys, one indent",
		Long: `Prints the rules in their canonical form; with -w writes them back, with --check names
the files that are not in it and exits with 1. Comments and meaning are kept, and a
second run changes nothing. Tables and test files are left alone.`,
		Example: "  signalbox rules fmt -w rules/\n  signalbox rules fmt --check rules/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := ruleFiles(paths)
			if err != nil {
				return err
			}
			differ, bad := 0, 0
			for _, path := range files {
				changed, text, err := formatFile(path, write && !check)
				switch {
				case err != nil:
					bad++
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", path, err)
				case check || write:
					if changed {
						differ++
						fmt.Fprintln(cmd.OutOrStdout(), path)
					}
				default:
					fmt.Fprint(cmd.OutOrStdout(), text)
				}
			}
			switch {
			case bad > 0:
				return fmt.Errorf("%d files could not be formatted", bad)
			case check && differ > 0:
				return errors.New("not formatted; 'signalbox rules fmt -w' does it")
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "write the files back")
	cmd.Flags().BoolVar(&check, "check", false, "only name the files that are not formatted")
	return cmd
}

// ruleFiles lists the YAML files of rules that paths name or that lie below them.
func ruleFiles(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != p:
				return filepath.SkipDir
			case d.IsDir() || strings.HasSuffix(path, ruletest.Suffix) || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)):
				return nil
			}
			out = append(out, path)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// formatFile formats one file and, if asked to, writes it back.
func formatFile(path string, write bool) (changed bool, text string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return false, "", err
	}
	text, err = rules.Format(string(b))
	if err != nil || text == string(b) {
		return false, text, err
	}
	if !write {
		return true, text, nil
	}
	return true, text, os.WriteFile(path, []byte(text), 0o644)
}
