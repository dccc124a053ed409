package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// toldTeam is a team as the API tells it.
type toldTeam struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Members  []string `json:"members"`
	Services []string `json:"services"`
}

func teamsCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "teams",
		Short: "Teams that own services: set, list, remove",
		Long: `A team has members and owns services. Its name is also the assignment group, so
"my team's incidents" are those of its services and those assigned to it.`,
	}
	c.flags(cmd)
	var t toldTeam
	set := &cobra.Command{
		Use:     "set NAME",
		Short:   "Make a team, or replace its members and services",
		Example: "  signalbox teams set payments --members ada,bob --services svc-checkout,svc-ledger",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := c.change(cmd.Context(), http.MethodPut, "/api/v1/teams/"+url.PathEscape(args[0]), map[string]any{"title": t.Title, "members": t.Members, "services": t.Services})
			return err
		},
	}
	set.Flags().StringVar(&t.Title, "title", "", "how people call it")
	set.Flags().StringSliceVar(&t.Members, "members", nil, "names of users")
	set.Flags().StringSliceVar(&t.Services, "services", nil, "ids of the CIs it owns")
	list := &cobra.Command{Use: "list", Short: "List teams", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tTITLE\tMEMBERS\tSERVICES")
		err := pages(cmd.Context(), &c, "/api/v1/teams", url.Values{}, 0, func(t *toldTeam) error {
			_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, plain(t.Title), strings.Join(t.Members, ","), plain(strings.Join(t.Services, ",")))
			return err
		})
		return errors.Join(err, w.Flush())
	}}
	remove := &cobra.Command{Use: "remove NAME", Short: "Remove a team", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		_, _, err := c.call(cmd.Context(), http.MethodDelete, "/api/v1/teams/"+url.PathEscape(args[0]), "", nil)
		return err
	}}
	return group(cmd, set, list, remove)
}
