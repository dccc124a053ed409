package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"signalbox/itsm"
)

// toldConnector is a connector as the API tells it.
type toldConnector struct {
	Name        string    `json:"name"`
	Kind        *string   `json:"kind"`
	State       string    `json:"state"`
	SentAt      itsm.Time `json:"sent_at"`
	FailedAt    itsm.Time `json:"failed_at"`
	LastError   *string   `json:"last_error"`
	Pending     int       `json:"pending"`
	OldestAt    itsm.Time `json:"oldest_at"`
	DeadLetters int       `json:"dead_letters"`
	Held        int       `json:"held"`
	Failures    int       `json:"failures"`
	OpenUntil   itsm.Time `json:"open_until"`
	PerMinute   int       `json:"per_minute"`
	Pause       *struct {
		By     string    `json:"by"`
		At     itsm.Time `json:"at"`
		Reason *string   `json:"reason"`
	} `json:"pause"`
	Limit *struct {
		Limit     int       `json:"limit"`
		Remaining int       `json:"remaining"`
		ResetAt   itsm.Time `json:"reset_at"`
	} `json:"limit"`
	Sweep struct {
		Possible bool      `json:"possible"`
		Every    float64   `json:"every_seconds"`
		EndedAt  itsm.Time `json:"ended_at"`
		Compared int       `json:"compared"`
		Differs  int       `json:"differs"`
		Failed   int       `json:"failed"`
		Error    *string   `json:"error"`
	} `json:"sweep"`
	Drift struct{ Found, Adopted, Repaired int } `json:"drift"`
}

// toldIntent is an intent as the API tells it.
type toldIntent struct {
	ID         string    `json:"id"`
	Incident   string    `json:"incident"`
	Object     *string   `json:"object"` // the change or problem, when it is about no incident
	Transition string    `json:"transition"`
	At         itsm.Time `json:"at"`
	Actor      *string   `json:"actor"`
	Text       *string   `json:"text"`
	Status     string    `json:"status"`
	SettledAt  itsm.Time `json:"settled_at"`
	Failure    *string   `json:"failure"`
}

// about names what it is about.
func (in *toldIntent) about() string {
	if in.Object != nil {
		return *in.Object
	}
	return in.Incident
}

func connectorsCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "connectors",
		Short: "Partners such as PagerDuty: how sending goes, test, pause, dead letters",
		Long: `Connectors tell partners about incidents and hear what people do there. What is to be
told waits in the outbox; what a partner refuses for good is a dead letter, with the
partner's answer, and can be sent again.`,
	}
	c.flags(cmd)
	return group(cmd, connectorsList(&c), connectorsShow(&c), connectorsTest(&c), connectorsPause(&c), connectorsResume(&c),
		connectorsIntents(&c, "outbox", "List what waits to be sent or confirmed, oldest first"),
		connectorsIntents(&c, "dead-letters", "List what was given up, with the partner's answer, newest first"), connectorsRetry(&c), connectorsExample())
}

func connectorPath(name string) string { return "/api/v1/connectors/" + url.PathEscape(name) }

func connectorsList(c *client) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List connectors and how sending to them goes", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tKIND\tSTATE\tWAITING\tDEAD\tDIFFER\tLAST SENT")
		_, b, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/connectors", "", nil)
		if err != nil {
			return err
		}
		var p pageOf[toldConnector]
		if err := json.Unmarshal(b, &p); err != nil {
			return fmt.Errorf("what the server answered cannot be read: %w", err)
		}
		for _, k := range p.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", plain(k.Name), plain(orNone(k.Kind)), k.State, k.Pending, k.DeadLetters, k.Sweep.Differs, k.SentAt)
		}
		return w.Flush()
	}}
}

func orNone(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func connectorsShow(c *client) *cobra.Command {
	return &cobra.Command{Use: "show NAME", Short: "Show one connector: state, queue, rate, circuit, sweeps", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		_, b, err := c.call(cmd.Context(), http.MethodGet, connectorPath(args[0]), "", nil)
		if err != nil {
			return err
		}
		return printConnector(cmd.OutOrStdout(), b)
	}}
}

func printConnector(out io.Writer, answer []byte) error {
	var k toldConnector
	if err := json.Unmarshal(answer, &k); err != nil {
		return fmt.Errorf("what the server answered cannot be read: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, plain(fmt.Sprintf(format, args...)))
	}
	line("connector", "%s (%s)", k.Name, orNone(k.Kind))
	line("state", "%s", k.State)
	if p := k.Pause; p != nil {
		line("paused", "by %s at %s: %s", p.By, p.At, orNone(p.Reason))
	}
	line("waiting", "%d, the oldest since %s", k.Pending, k.OldestAt)
	if k.Held > 0 {
		line("held back", "%d incidents by a storm or the page budget", k.Held)
	}
	line("dead letters", "%d", k.DeadLetters)
	line("last sent", "%s", k.SentAt)
	if k.FailedAt != 0 {
		line("last refused", "%s: %s", k.FailedAt, orNone(k.LastError))
	}
	if k.Failures > 0 {
		line("circuit", "%d failures in a row, the next try at %s", k.Failures, k.OpenUntil)
	} else {
		line("circuit", "closed")
	}
	line("rate", "%d calls a minute at most", k.PerMinute)
	if l := k.Limit; l != nil {
		line("partner's limit", "%d of %d left, reset at %s", l.Remaining, l.Limit, l.ResetAt)
	}
	switch s := &k.Sweep; {
	case !s.Possible:
		line("sweeps", "none: this connector cannot ask its partner, or sweep_every is 0")
	case s.Error != nil && s.Compared > 0:
		line("sweeps", "every %s, the last ended at %s: %d compared, %d differ; about %d the partner could not be asked: %s", time.Duration(s.Every)*time.Second, s.EndedAt, s.Compared, s.Differs, s.Failed, *s.Error)
	case s.Error != nil:
		line("sweeps", "every %s; the partner could not be asked: %s", time.Duration(s.Every)*time.Second, *s.Error)
	default:
		line("sweeps", "every %s, the last ended at %s: %d compared, %d differ", time.Duration(s.Every)*time.Second, s.EndedAt, s.Compared, s.Differs)
	}
	line("drift", "%d found ever: %d taken over, %d told again", k.Drift.Found, k.Drift.Adopted, k.Drift.Repaired)
	return w.Flush()
}

func connectorsTest(c *client) *cobra.Command {
	var checkOnly bool
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Send and resolve an incident that says it is a test",
		Long: `Checks the connector's configuration, then opens, acknowledges and resolves an incident
at the partner that says it is a test, and looks after each step whether it is there. No
incident of yours is touched, here or there. A pager pages whoever is on call; with
--check-only nothing is changed at the partner. It works while the connector is paused.`,
		Example: "  signalbox connectors test pagerduty --check-only\n  signalbox connectors test pagerduty",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.change(cmd.Context(), http.MethodPost, connectorPath(args[0])+"/test", map[string]bool{"check_only": checkOnly})
			if err != nil {
				return err
			}
			var r struct {
				Ok    bool
				Steps []struct {
					Name, Detail string
					Ok           bool
					Seconds      float64
				}
			}
			if err := json.Unmarshal(b, &r); err != nil {
				return fmt.Errorf("what the server answered cannot be read: %w", err)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, s := range r.Steps {
				word := "ok"
				if !s.Ok {
					word = "FAILED"
				}
				fmt.Fprintf(w, "%s\t%s\t%.1fs\t%s\n", word, s.Name, s.Seconds, plain(s.Detail))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if !r.Ok {
				return fmt.Errorf("connector %s does not work as it should", args[0])
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&checkOnly, "check-only", false, "change nothing at the partner")
	return cmd
}

func connectorsPause(c *client) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pause NAME",
		Short: "Send and ask a partner nothing until it is resumed",
		Long: `What is to be sent waits in the outbox and is coalesced: what is resolved meanwhile pages
nobody. Nothing is lost, over restarts as well. What people do at the partner still
arrives through its webhooks.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.change(cmd.Context(), http.MethodPost, connectorPath(args[0])+"/pause", map[string]string{"reason": reason})
			if err != nil {
				return err
			}
			return printConnector(cmd.OutOrStdout(), b)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for whoever finds it paused")
	return cmd
}

func connectorsResume(c *client) *cobra.Command {
	return &cobra.Command{Use: "resume NAME", Short: "Send to a partner again, what waits first", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		b, err := c.change(cmd.Context(), http.MethodPost, connectorPath(args[0])+"/resume", struct{}{})
		if err != nil {
			return err
		}
		return printConnector(cmd.OutOrStdout(), b)
	}}
}

// intentsShown bounds a list on the terminal unless more are asked for.
const intentsShown = 100

func connectorsIntents(c *client, word, short string) *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: word + " NAME [ID]", Short: short, Args: cobra.RangeArgs(1, 2), RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) == 2 {
			return showIntent(cmd, c, args[0], args[1])
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tABOUT\tWHAT\tSINCE\tTEXT")
		err := pages(cmd.Context(), c, connectorPath(args[0])+"/"+word, url.Values{}, limit, func(in *toldIntent) error {
			said := in.Text
			if in.Failure != nil {
				said = in.Failure
			}
			_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", in.ID, in.about(), in.Transition, in.At, plain(firstLine(orNone(said))))
			return err
		})
		return errors.Join(err, w.Flush())
	}}
	cmd.Long = short + ". With an ID it shows that one with everything the partner said."
	cmd.Flags().IntVar(&limit, "limit", intentsShown, "list so many at most; 0: all")
	return cmd
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func showIntent(cmd *cobra.Command, c *client, name, id string) error {
	_, b, err := c.call(cmd.Context(), http.MethodGet, connectorPath(name)+"/dead-letters/"+url.PathEscape(id), "", nil)
	if err != nil {
		return err
	}
	var in toldIntent
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("what the server answered cannot be read: %w", err)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	for _, l := range [][2]string{{"id", in.ID}, {"about", in.about()}, {"what", in.Transition}, {"by", orNone(in.Actor)}, {"since", in.At.String()},
		{"status", in.Status + ", " + in.SettledAt.String()}, {"text", orNone(in.Text)}, {"partner's answer", orNone(in.Failure)}} {
		fmt.Fprintf(w, "%s\t%s\n", l[0], plain(l[1]))
	}
	return w.Flush()
}

func connectorsRetry(c *client) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "retry NAME [ID…]",
		Short: "Send dead letters again",
		Long:  "Puts dead letters back into the outbox, those of the given IDs or with --all every one.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids := args[1:]
			switch {
			case all == (len(ids) > 0):
				return errors.New("give the ids of dead letters, as 'signalbox connectors dead-letters' lists them, or --all")
			case all:
				if err := pages(cmd.Context(), c, connectorPath(args[0])+"/dead-letters", url.Values{}, 0, func(in *toldIntent) error {
					ids = append(ids, in.ID)
					return nil
				}); err != nil {
					return err
				}
			}
			for _, id := range ids {
				if _, err := c.change(cmd.Context(), http.MethodPost, connectorPath(args[0])+"/dead-letters/"+url.PathEscape(id)+"/retry", struct{}{}); err != nil {
					return err
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d put back into the outbox\n", len(ids))
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every dead letter of the connector")
	return cmd
}
