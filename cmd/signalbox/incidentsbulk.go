package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/itsm/api"
)

// bulkFields are the flags of a bulk action with the fields of the body they fill.
var bulkFields = []struct{ flag, says string }{
	{"close-code", "of resolve: fixed (the default), workaround, known_error, duplicate, not_reproducible or no_action"},
	{"note", "of resolve: what fixed it; of cancel: why"},
	{"assignee", "of assign: person"},
	{"group", "of assign: group"},
	{"reason", "of hold: caller, change, problem or vendor"},
	{"priority", "of priority: P1 to P5, or computed"},
	{"text", "of notes: the note"},
	{"into", "of merge: the incident they become part of"},
	{"parent", "of parent: the incident they become children of, or none"},
	{"who", "of watch and unwatch: another person than you"},
}

// bulkNulls are the words that stand for null.
var bulkNulls = map[string]string{"priority": "computed", "parent": "none"}

func incidentsBulk(c *client, asJSON *bool) *cobra.Command {
	values := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "bulk ACTION NUMBER...",
		Short: "Do one thing to up to 200 incidents",
		Long: `ACTION is acknowledge, unacknowledge, resolve, reopen, hold, resume, assign, priority, notes, merge, cancel,
parent, watch or unwatch. Each incident is an act of its own: what one refuses keeps nothing from happening to
the others. It is told by itself, and the command then ends with an error.`,
		Example: "  signalbox incidents bulk resolve INC0000001 INC0000002 --close-code fixed --note 'restarted the pool'\n" +
			"  signalbox incidents bulk merge INC0000002 INC0000003 --into INC0000001",
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			with := map[string]any{}
			for _, f := range bulkFields {
				switch v := *values[f.flag]; {
				case !cmd.Flags().Changed(f.flag):
				case bulkNulls[f.flag] == v && v != "":
					with[f.flag] = nil
				default:
					with[strings.ReplaceAll(f.flag, "-", "_")] = v
				}
			}
			b, err := json.Marshal(map[string]any{"action": args[0], "incidents": args[1:], "body": with})
			if err != nil {
				return err
			}
			_, answer, err := c.call(cmd.Context(), http.MethodPost, api.Prefix+"/incidents/bulk", "application/json", bytes.NewReader(b))
			if err != nil {
				return err
			}
			return tellBulk(cmd.OutOrStdout(), answer, *asJSON)
		},
	}
	for _, f := range bulkFields {
		values[f.flag] = cmd.Flags().String(f.flag, "", f.says)
	}
	return cmd
}

// tellBulk prints what became of each; it is an error that one was refused.
func tellBulk(w io.Writer, answer []byte, asJSON bool) error {
	var v struct {
		Done, Unchanged, Refused int
		Results                  []struct{ Incident, Result, Detail string }
	}
	if err := json.Unmarshal(answer, &v); err != nil {
		return err
	}
	if asJSON {
		fmt.Fprintln(w, string(answer))
	} else {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, r := range v.Results {
			fmt.Fprintf(t, "%s\t%s\t%s\n", r.Incident, r.Result, r.Detail)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if v.Refused > 0 {
		return fmt.Errorf("%d of %d were refused", v.Refused, len(v.Results))
	}
	return nil
}
