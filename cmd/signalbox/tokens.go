package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/itsm"
)

// toldToken is a token as the API tells it.
type toldToken struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Owner     string    `json:"owner"`
	Role      itsm.Role `json:"role"`
	Services  []string  `json:"services"`
	Teams     []string  `json:"teams"`
	ExpiresAt itsm.Time `json:"expires_at"`
	RevokedAt itsm.Time `json:"revoked_at"`
	UsedAt    itsm.Time `json:"used_at"`
	Secret    string    `json:"secret"`
}

func tokenCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "token",
		Short: "API tokens: create, list, revoke",
		Long: `An API token may do what its role says and never more than its owner. Its secret is
printed once; the server keeps its SHA-256 sum. With --services or --teams it reads and
changes the incidents of these and nothing else.`,
	}
	c.flags(cmd)
	return group(cmd, tokenCreate(&c), tokenList(&c), tokenRevoke(&c))
}

func tokenCreate(c *client) *cobra.Command {
	var in struct {
		Name     string   `json:"name"`
		Owner    string   `json:"owner"`
		Role     string   `json:"role"`
		Services []string `json:"services"`
		Teams    []string `json:"teams"`
		Days     int      `json:"days"`
	}
	create := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make a token and print its secret",
		Example: "  signalbox token create grafana --role viewer\n  signalbox token create deploys --role responder --teams payments --days 30",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Name = args[0]
			b, err := c.change(cmd.Context(), http.MethodPost, "/api/v1/tokens", in)
			if err != nil {
				return err
			}
			var t toldToken
			if err := json.Unmarshal(b, &t); err != nil {
				return fmt.Errorf("what the server answered cannot be read: %w", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "token %s of %s, role %s, until %s; its secret is not shown again:\n", t.ID, t.Owner, t.Role.Word(), t.ExpiresAt)
			fmt.Fprintln(cmd.OutOrStdout(), t.Secret)
			return nil
		},
	}
	create.Flags().StringVar(&in.Role, "role", "viewer", "viewer, responder, problem_manager or admin")
	create.Flags().StringVar(&in.Owner, "owner", "", "the user whose token it is; missing: one's own")
	create.Flags().StringSliceVar(&in.Services, "services", nil, "ids of the services it is limited to")
	create.Flags().StringSliceVar(&in.Teams, "teams", nil, "teams whose incidents it is limited to")
	create.Flags().IntVar(&in.Days, "days", 90, "days it is valid")
	return create
}

func tokenList(c *client) *cobra.Command {
	var owner string
	list := &cobra.Command{Use: "list", Short: "List tokens, when they expire and when they were used", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		q := url.Values{}
		if owner != "" {
			q.Set("owner", owner)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tOWNER\tROLE\tSEES\tEXPIRES\tUSED")
		err := pages(cmd.Context(), c, "/api/v1/tokens", q, 0, func(t *toldToken) error {
			sees, until := "everything", t.ExpiresAt.String()
			if len(t.Services)+len(t.Teams) > 0 {
				sees = strings.Join(append(t.Teams, t.Services...), ",")
			}
			if t.RevokedAt != 0 {
				until = "revoked"
			}
			_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, plain(t.Name), t.Owner, t.Role.Word(), plain(sees), until, t.UsedAt)
			return err
		})
		return errors.Join(err, w.Flush())
	}}
	list.Flags().StringVar(&owner, "owner", "", "only the tokens of this user")
	return list
}

func tokenRevoke(c *client) *cobra.Command {
	return &cobra.Command{Use: "revoke ID", Short: "End a token at once", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		_, err := c.change(cmd.Context(), http.MethodPost, "/api/v1/tokens/"+url.PathEscape(args[0])+"/revoke", struct{}{})
		return err
	}}
}
