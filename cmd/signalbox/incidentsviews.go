package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/itsm"
	"signalbox/itsm/api"
)

// viewRecord is what of a saved view is printed for people.
type viewRecord struct {
	ID      string              `json:"id"`
	Name    string              `json:"name"`
	Owner   string              `json:"owner"`
	Team    string              `json:"team"`
	Default bool                `json:"default"`
	Filter  itsm.IncidentFilter `json:"filter"`
}

// viewFilters are the flags that say what a view shows.
var viewFilters = []string{"state", "priority", "service", "ci", "assignee", "group", "team-of", "major"}

func incidentsViews(c *client, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "views",
		Short:   "Saved views: filters of the list with a name",
		Example: "  signalbox incidents views save 'Night shift' --priority P1,P2 --team-of mine --share dba\n  signalbox incidents list --view VIW0000001",
	}
	return group(cmd, viewsList(c, asJSON), viewsSave(c, asJSON), viewsChange(c, asJSON),
		viewsDo(c, asJSON, "remove ID", "Remove one", http.MethodDelete, "", nil),
		viewsDo(c, asJSON, "default ID", "Have your list in the console begin with it", http.MethodPost, "/default", map[string]any{"default": true}),
		viewsDo(c, asJSON, "undefault ID", "Have your list in the console begin with it no more", http.MethodPost, "/default", map[string]any{"default": false}))
}

func viewsList(c *client, asJSON *bool) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List those you see", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		_, b, err := c.call(cmd.Context(), http.MethodGet, api.Prefix+"/views", "", nil)
		if err != nil {
			return err
		}
		var page struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(b, &page); err != nil {
			return err
		}
		if *asJSON {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), string(b))
			return err
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tOWNER\tTEAM\tDEFAULT\tSHOWS")
		for _, item := range page.Items {
			if err := tellView(w, item, false); err != nil {
				return err
			}
		}
		return w.Flush()
	}}
}

// tellView prints a view for people, or as it was answered.
func tellView(w io.Writer, answer []byte, asJSON bool) error {
	if asJSON {
		_, err := fmt.Fprintln(w, string(answer))
		return err
	}
	var v viewRecord
	if err := json.Unmarshal(answer, &v); err != nil {
		return err
	}
	said, err := url.QueryUnescape(v.Filter.Values().Encode())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%t\t%s\n", v.ID, v.Name, v.Owner, v.Team, v.Default, said)
	return err
}

// viewFlags adds the flags of a view and returns what they come to.
func viewFlags(cmd *cobra.Command) func() map[string]any {
	values := map[string]*string{"q": cmd.Flags().String("q", "", "text to look for"), "share": cmd.Flags().String("share", "", "team whose members see it as well; '' for none")}
	for _, f := range viewFilters {
		values[f] = cmd.Flags().String(f, "", "only with this "+f+"; several separated by commas")
	}
	return func() map[string]any {
		body, filter := map[string]any{}, map[string]any{}
		for name, v := range values {
			switch {
			case !cmd.Flags().Changed(name):
			case name == "share":
				body["team"] = *v
			case name == "q":
				filter["q"] = *v
			default:
				filter[strings.TrimSuffix(name, "-of")] = strings.Split(*v, ",")
			}
		}
		if len(filter) > 0 {
			body["filter"] = filter
		}
		return body
	}
}

func viewsSave(c *client, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{Use: "save NAME", Short: "Save a view", Args: cobra.ExactArgs(1)}
	said := viewFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body := said()
		body["name"] = args[0]
		return callView(c, cmd, http.MethodPost, "", body, *asJSON)
	}
	return cmd
}

func viewsChange(c *client, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{Use: "change ID", Short: "Rename it, share it, or give it another filter", Args: cobra.ExactArgs(1)}
	said := viewFlags(cmd)
	name := cmd.Flags().String("name", "", "its new name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body := said()
		if cmd.Flags().Changed("name") {
			body["name"] = *name
		}
		return callView(c, cmd, http.MethodPatch, "/"+url.PathEscape(args[0]), body, *asJSON)
	}
	return cmd
}

func viewsDo(c *client, asJSON *bool, use, short, method, path string, body map[string]any) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return callView(c, cmd, method, "/"+url.PathEscape(args[0])+path, body, *asJSON)
	}}
}

func callView(c *client, cmd *cobra.Command, method, path string, body map[string]any, asJSON bool) error {
	var with io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		with = bytes.NewReader(b)
	}
	_, answer, err := c.call(cmd.Context(), method, api.Prefix+"/views"+path, "application/json", with)
	if err != nil {
		return err
	}
	return tellView(cmd.OutOrStdout(), answer, asJSON)
}
