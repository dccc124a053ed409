package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

var cmdbTypes = map[cmdb.Format]string{cmdb.YAML: "application/yaml", cmdb.JSON: "application/json", cmdb.NDJSON: "application/x-ndjson", cmdb.CSVCIs: "text/csv", cmdb.CSVRelations: "text/csv"}

func cmdbCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{Use: "cmdb", Short: "Import and export CIs and relations of a running server"}
	c.flags(cmd)
	return group(cmd, cmdbImport(&c), cmdbExport(&c))
}

func cmdbImport(c *client) *cobra.Command {
	var source string
	var prune, dryRun bool
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Show what files would change, and change it",
		Long: `Reads CIs and relations from YAML, JSON, NDJSON or CSV files (- is standard input, as
NDJSON), prints the differences and applies them. With anything wrong in a file
nothing is applied and every problem is listed with its line. Look first with
--dry-run. A CI is updated when it exists and added when it does not; --prune
retires what the same --source listed before and no longer lists.`,
		Example: "  signalbox cmdb import --dry-run cmdb.yaml\n  signalbox cmdb import --source netbox --prune cis.csv relations.csv",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			body, contentType, err := cmdbFiles(cmd.InOrStdin(), files)
			if err != nil {
				return err
			}
			q := url.Values{"source": {source}}
			if prune {
				q.Set("prune", "true")
			}
			if dryRun {
				q.Set("dry_run", "true")
			}
			status, b, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/cmdb/import?"+q.Encode(), contentType, bytes.NewReader(body), http.StatusUnprocessableEntity)
			if err != nil {
				return err
			}
			return printImport(cmd.OutOrStdout(), status, b, dryRun)
		},
	}
	cmd.Flags().StringVar(&source, "source", "cli", "name of the import source the files speak for")
	cmd.Flags().BoolVar(&prune, "prune", false, "retire what this source no longer lists")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what would change")
	return cmd
}

// cmdbFiles reads one file of any kind, or a pair of CSV files as one import.
func cmdbFiles(stdin io.Reader, files []string) (body []byte, contentType string, err error) {
	if len(files) == 1 && files[0] == "-" {
		b, err := io.ReadAll(stdin)
		return b, cmdbTypes[cmdb.NDJSON], err
	}
	if len(files) == 1 {
		f, ok := cmdb.FormatOf(files[0])
		if !ok {
			return nil, "", fmt.Errorf("%s: unknown kind of file; expected .yaml, .json, .ndjson or .csv", files[0])
		}
		b, err := os.ReadFile(files[0])
		return b, cmdbTypes[f], err
	}
	var pair bytes.Buffer
	for _, want := range []cmdb.Format{cmdb.CSVCIs, cmdb.CSVRelations} {
		i := slices.IndexFunc(files, func(f string) bool { got, _ := cmdb.FormatOf(f); return got == want })
		if i < 0 || len(files) != 2 {
			return nil, "", errors.New("several files make one import only as CSV: one of CIs and one of relations, the latter with \"relation\" in its name; import the others one by one")
		}
		if err := csvLines(&pair, want, files[i]); err != nil {
			return nil, "", err
		}
	}
	return pair.Bytes(), cmdbTypes[cmdb.NDJSON], nil
}

// csvLines appends a CSV file as NDJSON, so that a pair is one import and nothing
// is half applied. What is wrong in a file is reported here, by its own lines.
func csvLines(w *bytes.Buffer, f cmdb.Format, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	doc, problems := cmdb.Parse(f, bytes.NewReader(b))
	if cmdb.Blocking(problems) {
		errs := []error{fmt.Errorf("nothing was imported")}
		for _, p := range problems {
			errs = append(errs, fmt.Errorf("%s: %s", path, p))
		}
		return errors.Join(errs...)
	}
	if f == cmdb.CSVCIs {
		changes, _, _ := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(doc, "csv", false)
		return cmdb.Empty(cmdb.DefaultRelationTypes()).Apply(changes).Write(cmdb.NDJSON, w)
	}
	enc := json.NewEncoder(w)
	for _, r := range doc.RelationList() {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
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

func printImport(w io.Writer, status int, b []byte, dryRun bool) error {
	var a importAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		return fmt.Errorf("unexpected answer: %w", err)
	}
	for _, p := range append(a.Problems, a.Warnings...) {
		fmt.Fprintln(w, cmdb.Problem{Line: p.Line, Field: p.Field, Value: p.Value, Msg: p.Message})
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
