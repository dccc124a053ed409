package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/itsm"
	reporting "signalbox/itsm/report"
)

// pagerKinds are the kinds of connectors whose partner calls people.
var pagerKinds = map[string]bool{"pagerduty": true, "opsgenie": true}

// pagers are the connectors by which people are woken: those of a pager, and where
// there is none, all that tell people anything at all.
func pagers(f *conf.File) (out []string) {
	for _, name := range conf.SortedKeys(f.Connectors) {
		if pagerKinds[f.Connectors[name].Kind] {
			out = append(out, name)
		}
	}
	if out != nil {
		return out
	}
	for _, c := range f.Core().Connectors {
		if !c.Pageless {
			out = append(out, c.Name)
		}
	}
	return out
}

func reportsCommand() *cobra.Command {
	var c client
	var format string
	var services []string
	filters := map[string]*string{"from": new(string), "to": new(string), "team": new(string)}
	cmd := &cobra.Command{
		Use:   "reports [NAME]",
		Short: "How it goes: time to acknowledge and resolve, service level, noise, recurrence, …",
		Long: `Prints the figures of every report, or one report with its definition and table. A
report is about incidents opened in a range of time, 30 days unless told otherwise, and
can be narrowed to services or a team. The names are those of the first column.

CSV is safe to open in a spreadsheet: what would be a formula is a text there.`,
		Example: "  signalbox reports --from 2026-11-01 --to 2026-11-30 --team payments\n  signalbox reports noise\n  signalbox reports sla --format csv >sla.csv",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			for name, v := range filters {
				if *v != "" {
					q.Set(name, *v)
				}
			}
			if len(services) > 0 {
				q.Set("service", strings.Join(services, ","))
			}
			path := "/api/v1/reports"
			if len(args) > 0 {
				path += "/" + url.PathEscape(args[0])
			}
			switch format {
			case "csv":
				q.Set("format", "csv")
			case "json", "text":
			default:
				return itsm.Errorf(itsm.Invalid, "format %q: expected text, json or csv", format)
			}
			if len(q) > 0 {
				path += "?" + q.Encode()
			}
			_, b, err := c.call(cmd.Context(), http.MethodGet, path, "", nil)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case format == "csv":
				_, err = out.Write(b)
			case format == "json":
				_, err = fmt.Fprintf(out, "%s\n", b)
			case len(args) > 0:
				err = printTable(out, b)
			default:
				err = printFigures(out, b)
			}
			return err
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(filters["from"], "from", "", "first day, such as 2026-11-01, or a moment; default 30 days before --to")
	cmd.Flags().StringVar(filters["to"], "to", "", "last day, or a moment; default now")
	cmd.Flags().StringVar(filters["team"], "team", "", "only incidents of this team and its services")
	cmd.Flags().StringSliceVar(&services, "service", nil, "only incidents that affect one of these services, by id")
	cmd.Flags().StringVar(&format, "format", "text", "text, json or csv")
	return cmd
}

// toldReport is a report as the API tells it; of the overview it has the front only.
type toldReport struct {
	Name, Title, Definition string
	From, To                itsm.Time
	Figures                 []toldFigure
	Columns                 []reporting.Column
	Rows                    [][]reporting.Cell
	LeftOut                 int `json:"left_out"`
}

type toldFigure struct {
	Label string
	Unit  reporting.Unit
	Value reporting.Cell
}

func printFigures(w io.Writer, b []byte) error {
	var v struct {
		From, To itsm.Time
		Items    []toldReport
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("what the server answered cannot be read: %w", err)
	}
	fmt.Fprintf(w, "From %s to %s\n\n", v.From, v.To)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, r := range v.Items {
		fmt.Fprintf(t, "%s\t%s\t%s\n", plain(r.Name), plain(r.Title), plain(figuresText(r.Figures)))
	}
	return t.Flush()
}

func figuresText(list []toldFigure) string {
	words := make([]string, len(list))
	for i, f := range list {
		words[i] = f.Label + " " + reporting.Say(f.Unit, f.Value)
	}
	return strings.Join(words, ", ")
}

func printTable(w io.Writer, b []byte) error {
	var r toldReport
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("what the server answered cannot be read: %w", err)
	}
	fmt.Fprintf(w, "%s, from %s to %s\n%s\n\n%s\n", plain(r.Title), r.From, r.To, plain(r.Definition), plain(figuresText(r.Figures)))
	if len(r.Rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		row[i] = plain(strings.ToUpper(c.Label))
	}
	fmt.Fprintln(t, strings.Join(row, "\t"))
	for _, cells := range r.Rows {
		row = row[:0]
		for i, c := range cells[:min(len(cells), len(r.Columns))] {
			row = append(row, plain(strings.ReplaceAll(reporting.Say(r.Columns[i].Unit, c), "\t", " ")))
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(t, "and %d more\n", r.LeftOut)
	}
	return t.Flush()
}
