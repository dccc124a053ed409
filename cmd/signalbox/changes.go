package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/itsm"
)

func changesCommand() *cobra.Command {
	c := &client{}
	cmd := group(&cobra.Command{
		Use:   "changes",
		Short: "List changes and tell of one",
		Long: `Changes come from deployments and from the tools that plan them. One on the probable
cause of an incident, or upstream of it, shortly before its first alert is listed with the
incident and makes that CI more suspect.`,
	}, changesList(c), changesAdd(c))
	c.flags(cmd)
	return cmd
}

func changesList(c *client) *cobra.Command {
	var state, ci, from, to string
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List changes, newest first",
		Args:    cobra.NoArgs,
		Example: "  signalbox changes list --state in_progress\n  signalbox changes list --ci db-orders-1 --from 2026-11-01T00:00:00Z",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {fmt.Sprint(limit)}}
			for name, v := range map[string]string{"state": state, "ci": ci, "from": from, "to": to} {
				if v != "" {
					q.Set(name, v)
				}
			}
			return listed(c, cmd, "/api/v1/changes?"+q.Encode(), asJSON, "ID\tSTATE\tTYPE\tBEGAN\tTITLE\tCIS", func(w io.Writer, ch itsm.Change) {
				began, _ := ch.Span()
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", ch.ID, ch.State, ch.Type, began, ch.Title, strings.Join(append(ch.CIs, ch.Unknown...), ","))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&state, "state", "", "only these states, separated by commas: planned, in_progress, successful, failed, cancelled")
	f.StringVar(&ci, "ci", "", "only what touches the CI with this id")
	f.StringVar(&from, "from", "", "only what ended or ends at this time or later (RFC 3339)")
	f.StringVar(&to, "to", "", "only what began or begins before this time")
	f.IntVar(&limit, "limit", 50, "how many at most, up to 500")
	f.BoolVar(&asJSON, "json", false, "print the API's answer")
	return cmd
}

func changesAdd(c *client) *cobra.Command {
	var in struct {
		ExternalID  string   `json:"external_id,omitempty"`
		Source      string   `json:"source,omitempty"`
		Type        string   `json:"type,omitempty"`
		State       string   `json:"state,omitempty"`
		Title       string   `json:"title,omitempty"`
		Description string   `json:"description,omitempty"`
		PlannedFrom string   `json:"planned_start,omitempty"`
		PlannedTo   string   `json:"planned_end,omitempty"`
		StartedAt   string   `json:"started_at,omitempty"`
		EndedAt     string   `json:"ended_at,omitempty"`
		Environment string   `json:"environment,omitempty"`
		CIs         []string `json:"cis,omitempty"`
		Services    []string `json:"services,omitempty"`
		Who         string   `json:"who,omitempty"`
		URL         string   `json:"url,omitempty"`
		Risk        string   `json:"risk,omitempty"`
	}
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Tell of a change, or of what became of one",
		Long: `Tells the server of a change and prints its number. With an --external-id that was used
before, by the same --source, it updates that change: a pipeline says in_progress when it
begins and successful or failed when it ends, and the server notes the times.`,
		Args:    cobra.NoArgs,
		Example: "  signalbox changes add --title 'shop 7.2' --external-id \"$CI_PIPELINE_ID\" --state in_progress --ci shop\n  signalbox changes add --external-id \"$CI_PIPELINE_ID\" --state successful",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var ch itsm.Change
			if err := posted(c, cmd, "/api/v1/changes", &in, &ch); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n", ch.ID, ch.State, ch.Title)
			if len(ch.Unknown) > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "not in the CMDB, or in another environment only: %s\n", strings.Join(ch.Unknown, ", "))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Title, "title", "", "what is changed, in a line; needed the first time")
	f.StringVar(&in.ExternalID, "external-id", "", "what you call it, to update it later")
	f.StringVar(&in.Source, "source", "", "in whose name (default api)")
	f.StringVar(&in.Type, "type", "", "standard (default), normal or emergency")
	f.StringVar(&in.State, "state", "", "planned (default), in_progress, successful, failed or cancelled")
	f.StringVar(&in.Description, "description", "", "more words")
	f.StringVar(&in.PlannedFrom, "planned-start", "", "RFC 3339")
	f.StringVar(&in.PlannedTo, "planned-end", "", "RFC 3339")
	f.StringVar(&in.StartedAt, "started-at", "", "RFC 3339; by default when it is said to be in progress")
	f.StringVar(&in.EndedAt, "ended-at", "", "RFC 3339; by default when it is said to be over")
	f.StringVar(&in.Environment, "environment", "", "CIs that the CMDB has in another one are not meant")
	f.StringSliceVar(&in.CIs, "ci", nil, "id, alias or host name of a CI that it touches; repeat or separate by commas")
	f.StringSliceVar(&in.Services, "service", nil, "service that it touches")
	f.StringVar(&in.Who, "who", "", "who does it")
	f.StringVar(&in.URL, "url", "", "where to read more")
	f.StringVar(&in.Risk, "risk", "", "low, moderate, high or your own word")
	return cmd
}

// listed prints a page of the API as a table, or as it came.
func listed[T any](c *client, cmd *cobra.Command, path string, asJSON bool, head string, row func(io.Writer, T)) error {
	_, body, err := c.call(cmd.Context(), "GET", path, "", nil)
	if err != nil {
		return err
	}
	if asJSON {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", body)
		return err
	}
	var page struct {
		Items []T    `json:"items"`
		Next  string `json:"next_cursor"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, it := range page.Items {
		row(w, it)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "there are more; raise --limit")
	}
	return nil
}

// posted sends a body and reads the object that is answered.
func posted(c *client, cmd *cobra.Command, path string, in, out any) error {
	var b []byte
	if in != nil {
		var err error
		if b, err = json.Marshal(in); err != nil {
			return err
		}
	}
	_, body, err := c.call(cmd.Context(), "POST", path, "application/json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}
