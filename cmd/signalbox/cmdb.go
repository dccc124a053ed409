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
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

var cmdbTypes = map[string]string{".yaml": "application/yaml", ".yml": "application/yaml", ".json": "application/json", ".csv": "text/csv", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}

func cmdbCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{Use: "cmdb", Short: "Import and export CIs and relations of a running server"}
	c.flags(cmd)
	cmd.AddCommand(cmdbImport(&c), cmdbExport(&c))
	return cmd
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

// cmdbFiles reads one file, or a CSV pair of CIs and relations as multipart text.
func cmdbFiles(stdin io.Reader, files []string) (body []byte, contentType string, err error) {
	if len(files) == 1 && files[0] == "-" {
		b, err := io.ReadAll(stdin)
		return b, "application/x-ndjson", err
	}
	var all [][]byte
	for _, f := range files {
		ct, ok := cmdbTypes[strings.ToLower(filepath.Ext(f))]
		if !ok {
			return nil, "", fmt.Errorf("%s: unknown kind of file; expected .yaml, .json, .ndjson or .csv", f)
		}
		if contentType != "" && ct != contentType {
			return nil, "", fmt.Errorf("%s: files of one import are of one kind", f)
		}
		contentType = ct
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, "", err
		}
		all = append(all, b)
	}
	if len(all) > 1 && contentType != "text/csv" {
		return nil, "", errors.New("several files are read together only as CSV (one of CIs, one of relations); import the others one by one, or merge them")
	}
	// A blank line parts the CSV tables; each begins with its own header.
	return bytes.Join(all, []byte("\n\n")), contentType, nil
}

func printImport(w io.Writer, status int, b []byte, dryRun bool) error {
	var out struct {
		Problems []struct {
			Line  int    `json:"line"`
			Field string `json:"field"`
			Value string `json:"value"`
			Msg   string `json:"msg"`
		} `json:"problems"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return fmt.Errorf("unexpected answer: %w", err)
	}
	if status == http.StatusUnprocessableEntity {
		for _, p := range out.Problems {
			fmt.Fprintf(w, "line %d: %s %q: %s\n", p.Line, p.Field, p.Value, p.Msg)
		}
		return fmt.Errorf("nothing was imported: %s", out.Detail)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, b, "", "  "); err != nil {
		return err
	}
	fmt.Fprintln(w, pretty.String())
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
