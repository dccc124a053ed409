package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/itsm"
)

func maintenanceCommand() *cobra.Command {
	c := &client{}
	cmd := group(&cobra.Command{
		Use:   "maintenance",
		Short: "Keep alerts from opening incidents for a time",
		Long: `In a maintenance window, alerts on what it covers and on what depends on that are stored
and listed, and open nothing. Nothing is resolved by one, clears clear, and what still
fires at its end is placed as if it came then.`,
	}, maintenanceList(c), maintenanceAdd(c), maintenanceEnd(c))
	c.flags(cmd)
	return cmd
}

func maintenanceList(c *client) *cobra.Command {
	var state, ci string
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List maintenance windows, newest first",
		Args:    cobra.NoArgs,
		Example: "  signalbox maintenance list --state active,scheduled",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {fmt.Sprint(limit)}}
			for name, v := range map[string]string{"state": state, "ci": ci} {
				if v != "" {
					q.Set(name, v)
				}
			}
			return listed(c, cmd, "/api/v1/maintenance?"+q.Encode(), asJSON, "ID\tSTATE\tNEXT START\tNEXT END\tREASON\tSCOPE", func(w io.Writer, m itsm.Maintenance) {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.State, m.NextStart, m.NextEnd, m.Reason, m.Scope.String())
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&state, "state", "", "only these states, separated by commas: scheduled, active, ended, cancelled")
	f.StringVar(&ci, "ci", "", "only windows whose scope names this CI or service")
	f.IntVar(&limit, "limit", 50, "how many at most, up to 500")
	f.BoolVar(&asJSON, "json", false, "print the API's answer")
	return cmd
}

// windowInput is the body of a new window.
type windowInput struct {
	Reason   string     `json:"reason"`
	Owner    string     `json:"owner,omitempty"`
	Change   string     `json:"change,omitempty"`
	StartsAt string     `json:"starts_at,omitempty"`
	EndsAt   string     `json:"ends_at,omitempty"`
	Zone     string     `json:"zone,omitempty"`
	RRule    string     `json:"rrule,omitempty"`
	Scope    scopeInput `json:"scope"`
}

type scopeInput struct {
	CIs      []string          `json:"cis,omitempty"`
	Services []string          `json:"services,omitempty"`
	Classes  []string          `json:"classes,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

func maintenanceAdd(c *client) *cobra.Command {
	var in windowInput
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Open a window now or plan one, once or recurring",
		Long: `Covers alerts on one of --ci and on what depends on it, on one of --service and on what
serves no other service, and on CIs of one of --class. --label narrows that; labels alone
are a scope, too.

--rrule is a recurrence of RFC 5545 without DTSTART, which is --start on the wall clock of
--zone: FREQ of DAILY, WEEKLY, MONTHLY or YEARLY, with INTERVAL, COUNT, UNTIL, BYDAY,
BYMONTH, BYMONTHDAY, BYSETPOS and WKST. A start that the clock skips in spring moves on by
the gap, one that it shows twice in autumn is the first; each occurrence is as long as the
first.`,
		Args: cobra.NoArgs,
		Example: "  signalbox maintenance add --reason 'patch db' --ci db-orders-1 --for 2h\n" +
			"  signalbox maintenance add --reason 'patch night' --class host --label env=prod --start 2026-12-06T02:00:00+01:00 --for 3h --zone Europe/Berlin --rrule 'FREQ=MONTHLY;BYDAY=1SU'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := in.setEnd(length, time.Now()); err != nil {
				return err
			}
			var m itsm.Maintenance
			if err := posted(c, cmd, "/api/v1/maintenance", &in, &m); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: from %s to %s\n", m.ID, m.State, m.NextStart, m.NextEnd)
			if len(m.Unknown) > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "not in the CMDB, so covered only by this name: %s\n", strings.Join(m.Unknown, ", "))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Reason, "reason", "", "why alerts are to be kept quiet; needed")
	f.StringVar(&in.Owner, "owner", "", "who to ask")
	f.StringVar(&in.Change, "change", "", "number of the change that it belongs to")
	f.StringVar(&in.StartsAt, "start", "", "when it begins, RFC 3339 (default now)")
	f.StringVar(&in.EndsAt, "end", "", "when it ends, RFC 3339")
	f.DurationVar(&length, "for", 0, "how long it lasts, such as 2h, instead of --end")
	f.StringVar(&in.Zone, "zone", "", "IANA name of the time zone in which it recurs (default UTC)")
	f.StringVar(&in.RRule, "rrule", "", "how it recurs (default once)")
	f.StringSliceVar(&in.Scope.CIs, "ci", nil, "CI that it covers, with what depends on it; repeat or separate by commas")
	f.StringSliceVar(&in.Scope.Services, "service", nil, "service that it covers")
	f.StringSliceVar(&in.Scope.Classes, "class", nil, "class of CIs that it covers")
	f.StringToStringVar(&in.Scope.Labels, "label", nil, "label that alerts must have, NAME=VALUE")
	return cmd
}

// setEnd turns a length into the end.
func (in *windowInput) setEnd(length time.Duration, now time.Time) error {
	switch {
	case (length != 0) == (in.EndsAt != ""):
		return fmt.Errorf("give either --for, such as 2h, or --end")
	case length == 0:
		return nil
	}
	start := itsm.TimeOf(now)
	if in.StartsAt != "" {
		var err error
		if start, err = itsm.ParseTime(in.StartsAt); err != nil {
			return fmt.Errorf("--start: %w", err)
		}
	}
	in.StartsAt, in.EndsAt = start.String(), start.Add(length).String()
	return nil
}

func maintenanceEnd(c *client) *cobra.Command {
	var cancel bool
	cmd := &cobra.Command{
		Use:   "end MNT0000001",
		Short: "End the occurrence that runs, or call a window off",
		Long: `Ends the occurrence that runs: what still fires is placed at once. A recurring window
waits for its next occurrence; with --cancel, nothing more comes of it.`,
		Args:    cobra.ExactArgs(1),
		Example: "  signalbox maintenance end MNT0000001\n  signalbox maintenance end --cancel MNT0000001",
		RunE: func(cmd *cobra.Command, args []string) error {
			verb := "end"
			if cancel {
				verb = "cancel"
			}
			var m itsm.Maintenance
			if err := posted(c, cmd, "/api/v1/maintenance/"+url.PathEscape(args[0])+"/"+verb, nil, &m); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", m.ID, m.State)
			return nil
		},
	}
	cmd.Flags().BoolVar(&cancel, "cancel", false, "call it off for good")
	return cmd
}
