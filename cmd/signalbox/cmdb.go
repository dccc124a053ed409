package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

func cmdbCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{Use: "cmdb", Short: "Import and export CIs and relations of a running server"}
	c.flags(cmd)
	return group(cmd, cmdbImport(&c), cmdbPull(&c), cmdbExport(&c))
}

func cmdbImport(c *client) *cobra.Command {
	var source, format string
	var prune, dryRun bool
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Show what files would change, and change it",
		Long: `Reads CIs and relations from a YAML, JSON, NDJSON or CSV file, or from a pair of CSV
files, prints the differences and applies them. - is standard input, NDJSON unless
--format says otherwise. With anything wrong in a file nothing is applied and every
problem is listed with its file and line. Look first with --dry-run. A CI is updated
when it exists and added when it does not; --prune retires what the same --source
listed before and no longer lists.`,
		Example: "  signalbox cmdb import --dry-run cmdb.yaml\n  signalbox cmdb import --source netbox --prune cis.csv relations.csv\n  inventory | signalbox cmdb import --format yaml -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			in, err := readCMDB(cmd.InOrStdin(), files, format)
			if err != nil {
				return fmt.Errorf("nothing was imported: %w", err)
			}
			q := url.Values{"source": {source}}
			if prune {
				q.Set("prune", "true")
			}
			if dryRun {
				q.Set("dry_run", "true")
			}
			status, b, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/cmdb/import?"+q.Encode(), cmdbTypes[in.format], bytes.NewReader(in.body), http.StatusUnprocessableEntity)
			if err != nil {
				return err
			}
			return printImport(cmd.OutOrStdout(), in, status, b, dryRun)
		},
	}
	cmd.Flags().StringVar(&source, "source", "cli", "name of the import source the files speak for")
	cmd.Flags().StringVar(&format, "format", "", "yaml, json, ndjson, csv-cis or csv-relations, where the name of the one file does not tell")
	cmd.Flags().BoolVar(&prune, "prune", false, "retire what this source no longer lists")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what would change")
	return cmd
}

// importAnswer is what the CLI shows of an import.
type importAnswer struct {
	Added      int             `json:"cis_added"`
	Changed    int             `json:"cis_changed"`
	Retired    int             `json:"cis_retired"`
	Unchanged  int             `json:"cis_unchanged"`
	RelAdded   int             `json:"relations_added"`
	RelRemoved int             `json:"relations_removed"`
	AddedIDs   []string        `json:"added"`
	RetiredIDs []string        `json:"retired"`
	Changes    []cmdb.CIChange `json:"changed"`
	RelsIn     []itsm.Relation `json:"added_relations"`
	RelsOut    []itsm.Relation `json:"removed_relations"`
	Truncated  bool            `json:"truncated"`
	Warnings   []finding       `json:"warnings"`
	Problems   []finding       `json:"problems"`
	Detail     string          `json:"detail"`
}

// finding is one problem of an import.
type finding struct {
	Line    int    `json:"line"`
	Field   string `json:"field"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

func printImport(w io.Writer, in *cmdbInput, status int, b []byte, dryRun bool) error {
	var a importAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		return fmt.Errorf("unexpected answer: %w", err)
	}
	for _, p := range in.warnings {
		fmt.Fprintln(w, p)
	}
	for _, p := range a.Problems {
		fmt.Fprintln(w, in.tell(cmdb.Problem{Line: p.Line, Field: p.Field, Value: p.Value, Msg: p.Message}))
	}
	for _, p := range a.Warnings {
		fmt.Fprintln(w, in.tell(cmdb.Problem{Line: p.Line, Field: p.Field, Value: p.Value, Msg: p.Message, Warning: true}))
	}
	if status == http.StatusUnprocessableEntity {
		return errors.New(a.Detail)
	}
	for _, id := range a.AddedIDs {
		fmt.Fprintf(w, "+ %s\n", id)
	}
	for _, c := range a.Changes {
		fmt.Fprintf(w, "~ %s\n", c.ID)
		for _, f := range c.Fields {
			fmt.Fprintf(w, "    %s: %v -> %v\n", f.Field, f.Before, f.After)
		}
	}
	for _, id := range a.RetiredIDs {
		fmt.Fprintf(w, "- %s\n", id)
	}
	for _, r := range a.RelsIn {
		fmt.Fprintf(w, "+ %s %s %s\n", r.From, r.Type, r.To)
	}
	for _, r := range a.RelsOut {
		fmt.Fprintf(w, "- %s %s %s\n", r.From, r.Type, r.To)
	}
	if a.Truncated {
		fmt.Fprintln(w, "  … and more")
	}
	fmt.Fprintf(w, "CIs: %d added, %d changed, %d retired, %d as before; relations: %d added, %d removed\n", a.Added, a.Changed, a.Retired, a.Unchanged, a.RelAdded, a.RelRemoved)
	if dryRun {
		fmt.Fprintln(w, "dry run: nothing was changed")
	}
	return nil
}

func cmdbExport(c *client) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all CIs and relations",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, b, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/cmdb/export?format="+url.QueryEscape(format), "", nil)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "yaml", "yaml, json, ndjson, csv-cis or csv-relations")
	return cmd
}
