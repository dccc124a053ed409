package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/rules/starter"
)

func rulesStarter() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "starter --out DIR",
		Short: "Write a rule set to begin with: Kubernetes, nodes, databases, Datadog",
		Long: `Writes one file for each kind of alert, and its tests beside it. Keep what fits, delete the rest: a rule that
never matches costs nothing. Without any rules Signalbox works too. Files that are
there already are left as they are.`,
		Example: "  signalbox rules starter --out rules/\n  signalbox rules check rules/\n  signalbox rules test rules/",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			for _, f := range append(starter.Files(), starter.Tests()...) {
				path := filepath.Join(dir, f.Name)
				out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
				if errors.Is(err, fs.ErrExist) {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is there already\n", path)
					continue
				}
				if err != nil {
					return err
				}
				_, err = out.WriteString(f.Body)
				if err = errors.Join(err, out.Close()); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "out", "", "directory to write to")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err) // a flag defined one line above
	}
	return cmd
}
