package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/entry"
)

// pageOf is a page of the API's lists.
type pageOf[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// pages calls use with every item of a list of the API, at most max of them; 0: all.
func pages[T any](ctx context.Context, c *client, path string, q url.Values, max int, use func(*T) error) error {
	q.Set("limit", "500")
	for n := 0; ; {
		_, b, err := c.call(ctx, http.MethodGet, path+"?"+q.Encode(), "", nil)
		if err != nil {
			return err
		}
		var p pageOf[T]
		if err := json.Unmarshal(b, &p); err != nil {
			return fmt.Errorf("GET %s: what the server answered cannot be read: %w", path, err)
		}
		for i := range p.Items {
			if n++; max > 0 && n > max {
				return nil
			}
			if err := use(&p.Items[i]); err != nil {
				return err
			}
		}
		if p.NextCursor == "" {
			return nil
		}
		q.Set("cursor", p.NextCursor)
	}
}

// change sends v and returns the answer.
func (c *client) change(ctx context.Context, method, path string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	_, b, err := c.call(ctx, method, path, "application/json", strings.NewReader(string(body)))
	return b, err
}

// toldUser is a user as the API tells it.
type toldUser struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Role        itsm.Role `json:"role"`
	Disabled    bool      `json:"disabled"`
	HasPassword bool      `json:"has_password"`
	Issuer      *string   `json:"issuer"`
	SignedInAt  itsm.Time `json:"signed_in_at"`
}

func usersCommand() *cobra.Command {
	var c client
	var offline bool
	cmd := &cobra.Command{
		Use:   "users",
		Short: "Users who sign in with a password: add, list, roles, disable",
		Long: `Users sign in to the console with a name and a password. Roles are viewer, responder,
problem_manager and admin; each includes those before it.

Locked out? On the server's own host the commands find the administrator's token in the
data directory, and a password can be set with it. With the server stopped, --offline
writes the change into the journal; it takes effect at the next start.`,
	}
	c.flags(cmd)
	cmd.PersistentFlags().BoolVar(&offline, "offline", false, "write into the journal of a stopped server (--data-dir); for add, role, enable and password")
	put := func(cmd *cobra.Command, name, method, path string, online any, change itsm.UserChange) error {
		if offline {
			return putOffline(cmd.Context(), cmd.ErrOrStderr(), c.dataDir, itsm.Act{Kind: itsm.ActUserPut, Object: itsm.ObjectUser + "/" + name, Actor: "cli:host"}, change)
		}
		_, err := c.change(cmd.Context(), method, path, online)
		return err
	}
	list := &cobra.Command{Use: "list", Short: "List users", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tROLE\tSIGNS IN\tLAST\tTITLE")
		err := pages(cmd.Context(), &c, "/api/v1/users", url.Values{}, 0, func(u *toldUser) error {
			how := "not yet: no password"
			switch {
			case u.Disabled:
				how = "disabled"
			case u.HasPassword:
				how = "password"
			case u.Issuer != nil:
				how = *u.Issuer
			}
			_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Role.Word(), plain(how), u.SignedInAt, plain(u.Title))
			return err
		})
		return errors.Join(err, w.Flush())
	}}
	able := func(use, short string, disabled bool) *cobra.Command {
		return &cobra.Command{Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return put(cmd, args[0], http.MethodPatch, "/api/v1/users/"+url.PathEscape(args[0]), map[string]any{"disabled": disabled}, itsm.UserChange{Disabled: &disabled})
		}}
	}
	role := &cobra.Command{Use: "role NAME ROLE", Short: "Give a user another role", Args: cobra.ExactArgs(2), RunE: func(cmd *cobra.Command, args []string) error {
		r, err := itsm.ParseRole(args[1])
		if err != nil {
			return err
		}
		return put(cmd, args[0], http.MethodPatch, "/api/v1/users/"+url.PathEscape(args[0]), map[string]any{"role": r}, itsm.UserChange{Role: &r})
	}}
	return group(cmd, usersAdd(put), list, role, able("disable", "Keep a user out, sessions and tokens included", true), able("enable", "Let a user in again", false), usersPassword(put))
}

type putUser func(cmd *cobra.Command, name, method, path string, online any, change itsm.UserChange) error

func usersAdd(put putUser) *cobra.Command {
	var word, title, email string
	var fromStdin bool
	add := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a user; prints a password unless one is given",
		Example: "  signalbox users add ada --role admin\n  pass show ada | signalbox users add ada --role responder --password-stdin",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := itsm.ParseRole(word)
			if err != nil {
				return err
			}
			password, made, err := passwordFor(cmd.InOrStdin(), args[0], fromStdin)
			if err != nil {
				return err
			}
			hash := access.NewPasswordHash(password)
			err = put(cmd, args[0], http.MethodPost, "/api/v1/users", map[string]any{"name": args[0], "title": title, "email": email, "role": r, "password": password},
				itsm.UserChange{New: true, Title: &title, Email: &email, Role: &r, Password: &hash})
			if err == nil && made {
				fmt.Fprintln(cmd.OutOrStdout(), password)
			}
			return err
		},
	}
	add.Flags().StringVar(&word, "role", "viewer", "viewer, responder, problem_manager or admin")
	add.Flags().StringVar(&title, "title", "", "how people call them")
	add.Flags().StringVar(&email, "email", "", "their e-mail address")
	add.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return add
}

func usersPassword(put putUser) *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "Set a user's password and end their sessions; prints one unless it is given",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, made, err := passwordFor(cmd.InOrStdin(), args[0], fromStdin)
			if err != nil {
				return err
			}
			hash := access.NewPasswordHash(password)
			err = put(cmd, args[0], http.MethodPost, "/api/v1/users/"+url.PathEscape(args[0])+"/password", map[string]any{"password": password}, itsm.UserChange{Password: &hash})
			if err == nil && made {
				fmt.Fprintln(cmd.OutOrStdout(), password)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

// passwordFor reads the password, or makes one that is hard to guess.
func passwordFor(in io.Reader, name string, fromStdin bool) (password string, made bool, err error) {
	if !fromStdin {
		return strings.TrimPrefix(access.NewToken(), access.TokenPrefix)[:24], true, nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, access.PasswordBytesMax+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, err
	}
	password = strings.TrimRight(line, "\r\n")
	return password, false, access.CheckPassword(name, password)
}

// putOffline journals an act for the next start, of a server that does not run.
func putOffline(ctx context.Context, out io.Writer, dataDir string, a itsm.Act, change itsm.UserChange) (err error) {
	where, err := journalOf(dataDir)
	if err != nil {
		return err
	}
	if name := strings.TrimPrefix(a.Object, itsm.ObjectUser+"/"); itsm.PersonNameFault(name) != "" {
		return itsm.Errorf(itsm.Invalid, "user %q: expected %s", name, itsm.PersonNameFault(name))
	}
	if a.Body, err = json.Marshal(change); err != nil {
		return err
	}
	j, err := journal.Open(journal.Options{Dir: where, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	off, _, err := j.Append(ctx, entry.EncodeAct(&a))
	if err == nil {
		fmt.Fprintf(out, "entry %d is written; the next start decides about it and the audit says how\n", off)
	}
	return err
}
