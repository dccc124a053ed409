package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/importer"
)

func rulesImport() *cobra.Command {
	cmd := &cobra.Command{Use: "import", Short: "Make rules from what other tools are configured with",
		Long: `Writes a rule file into a directory and lists what could not be translated. The rules
start in shadow mode: they show what they would decide and change nothing, unless --live.`}
	return group(cmd, importAlertmanager(), importGroupBy())
}

// importFlags are those that all importers have.
func importFlags(cmd *cobra.Command, dir *string, o *importer.Options) *cobra.Command {
	cmd.Flags().StringVar(dir, "out", "", "directory to write to")
	cmd.Flags().BoolVar(&o.Live, "live", false, "rules decide at once instead of starting in shadow mode")
	cmd.Flags().StringVar(&o.Source, "source", "", "rules are for alerts of this source only")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err) // a flag defined three lines above
	}
	return cmd
}

func importAlertmanager() *cobra.Command {
	var dir string
	var o importer.Options
	return importFlags(&cobra.Command{
		Use:   "alertmanager FILE",
		Short: "Make rules from the routes, inhibitions and time intervals of Alertmanager",
		Long: `Routes become route rules to connectors named like the receivers (those that notify
nobody become 'route: none'), group_by and group_wait become correlate rules, inhibit rules
and time intervals become suppress rules. The file is alertmanager.yaml.

What rules cannot say is listed here and at the top of the file: inhibitions without
equal, time intervals with days of the month, months or years, repeat intervals, and how
receivers are reached.`,
		Example: "  signalbox rules import alertmanager --source prod /etc/alertmanager/alertmanager.yml --out rules/\n  signalbox rules check rules/",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			r, err := importer.Alertmanager(b, filepath.Base(args[0]), o)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return writeImported(cmd, dir, r)
		},
	}, &dir, &o)
}

func importGroupBy() *cobra.Command {
	var dir, when string
	var o importer.Options
	cmd := importFlags(&cobra.Command{
		Use:     "group-by LABEL,LABEL…",
		Short:   "Make the rule that opens one incident for each value of some labels",
		Long:    "The file is group-by.yaml.",
		Example: "  signalbox rules import group-by cluster,namespace --when 'labels.severity != \"info\"' --out rules/",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := importer.GroupBy(strings.Split(args[0], ","), when, o)
			if err != nil {
				return err
			}
			return writeImported(cmd, dir, r)
		},
	}, &dir, &o)
	cmd.Flags().StringVar(&when, "when", "", "condition (CEL) on the alerts to group; 'signalbox rules vars' lists what it can ask for")
	return cmd
}

// writeImported writes the file, unless that would undo what somebody changed.
func writeImported(cmd *cobra.Command, dir string, r *importer.Result) error {
	path := filepath.Join(dir, r.File.Name)
	old, err := os.ReadFile(path)
	if err == nil && string(old) != r.File.Body {
		return fmt.Errorf("%s exists and differs; move it away, or import into another directory and compare with 'signalbox rules diff'", path)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(r.File.Body), 0o644); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%d rules written to %s\n", r.Rules, path)
	if len(r.Left) > 0 {
		fmt.Fprintln(out, "not translated:")
	}
	for _, l := range r.Left {
		fmt.Fprintf(out, "* %s\n", l)
	}
	return nil
}
