package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/itsm"
	"signalbox/itsm/sheet"
)

func auditCommand() *cobra.Command {
	var c client
	var format string
	var limit int
	filters := map[string]*string{"from": new(string), "to": new(string), "actor": new(string), "object": new(string)}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Who did what, from where, and what it changed; newest first",
		Long: `Prints a line of every act of a person, a token or a partner: when, who, from which
address, on what, the fields before and after, and the reason given. The lines are made
of the journal, whose offsets they name; 'signalbox journal verify' proves its chain, and
with --heads that nobody wrote it anew. Secrets are never in it.

CSV is safe to open in a spreadsheet: what would be a formula is a text there.`,
		Example: "  signalbox audit --from 2026-11-01T00:00:00Z --actor console:ada\n  signalbox audit --object incident/INC0000042 --format csv >audit.csv",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for name, v := range filters {
				if *v != "" {
					q.Set(name, *v)
				}
			}
			out := cmd.OutOrStdout()
			switch format {
			case "json":
				enc := json.NewEncoder(out)
				enc.SetEscapeHTML(false)
				return pages(cmd.Context(), &c, "/api/v1/audit", q, limit, func(l *itsm.AuditLine) error { return enc.Encode(l) })
			case "csv":
				w := sheet.NewWriter(out)
				w.Row(itsm.AuditColumns...)
				if err := pages(cmd.Context(), &c, "/api/v1/audit", q, limit, func(l *itsm.AuditLine) error { w.Row(l.Cells()...); return nil }); err != nil {
					return err
				}
				return w.Flush()
			case "text":
				return pages(cmd.Context(), &c, "/api/v1/audit", q, limit, func(l *itsm.AuditLine) error {
					_, err := fmt.Fprintln(out, plain(auditText(l)))
					return err
				})
			}
			return itsm.Errorf(itsm.Invalid, "format %q: expected text, json or csv", format)
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(filters["from"], "from", "", "not before this moment, such as 2026-11-01T00:00:00Z")
	cmd.Flags().StringVar(filters["to"], "to", "", "before this moment")
	cmd.Flags().StringVar(filters["actor"], "actor", "", "who, such as console:ada or pagerduty:Jane Doe")
	cmd.Flags().StringVar(filters["object"], "object", "", "on what, such as incident/INC0000042 or user/ada")
	cmd.Flags().StringVar(&format, "format", "text", "text, json or csv")
	cmd.Flags().IntVar(&limit, "limit", 0, "lines at most; 0 is all")
	return cmd
}

// auditText is a line for people.
func auditText(l *itsm.AuditLine) string {
	words := []string{l.At.String(), l.Actor}
	if l.RemoteIP != "" {
		words = append(words, "from "+l.RemoteIP)
	}
	words = append(words, l.Act, l.Object)
	if l.Result != itsm.AuditDone {
		words = append(words, l.Result)
	}
	for _, t := range []string{l.Detail, l.Reason} {
		if t != "" {
			words = append(words, "("+t+")")
		}
	}
	for _, c := range l.Changes {
		words = append(words, fmt.Sprintf("%s: %q → %q", c.Field, c.Before, c.After))
	}
	return strings.Join(words, "  ")
}
