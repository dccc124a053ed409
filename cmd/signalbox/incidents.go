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

	"signalbox/itsm/api"
)

// incidentRecord is what of an incident is printed for people.
type incidentRecord struct {
	Number      string   `json:"number"`
	Title       string   `json:"title"`
	State       string   `json:"state"`
	Priority    string   `json:"priority"`
	AlertCount  int      `json:"alert_count"`
	FiringCount int      `json:"firing_count"`
	Assignee    string   `json:"assignee"`
	Group       string   `json:"group"`
	HoldReason  string   `json:"hold_reason"`
	ResolvedBy  string   `json:"resolved_by"`
	CloseCode   string   `json:"close_code"`
	Services    []string `json:"services"`
	MergedInto  string   `json:"merged_into"`
	Parent      string   `json:"parent"`
	Children    []string `json:"children"`
	Watchers    []string `json:"watchers"`
	Major       *struct {
		State   string `json:"state"`
		By      string `json:"by"`
		Because string `json:"because"`
	} `json:"major"`
	Attachments []struct {
		Title string `json:"title"`
		URL   string `json:"url"`
	} `json:"attachments"`
}

// incidentsCommand talks to a running server about incidents.
func incidentsCommand() *cobra.Command {
	var c client
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "incidents",
		Short: "List incidents and work on them",
		Long: `Everything that can be done to an incident in the console, for a shell and for scripts.
Each command answers with the incident as it is then; --json prints it as the API answers it.`,
		Example: "  signalbox incidents list --state new,in_progress --priority P1,P2\n  signalbox incidents acknowledge INC0000001\n" +
			"  signalbox incidents resolve INC0000001 --close-code fixed --note 'restarted the pool'\n  signalbox incidents parent INC0000002 INC0000001\n" +
			"  signalbox incidents split INC0000001 ALR0000004 ALR0000005\n  signalbox incidents major accept INC0000001 --reason 'every shop'",
	}
	c.flags(cmd)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	subs := []*cobra.Command{incidentsList(&c, &asJSON), incidentsShow(&c, &asJSON), incidentsBulk(&c, &asJSON), incidentsViews(&c, &asJSON)}
	var ofMajor []*cobra.Command
	major := &cobra.Command{Use: "major", Short: "Propose, accept, reject or demote a major incident", Example: "  signalbox incidents major propose INC0000001 --reason 'every shop'"}
	for _, v := range incidentVerbs {
		to := &subs
		if strings.HasPrefix(v.route, "major/") {
			to = &ofMajor
		}
		*to = append(*to, v.command(&c, &asJSON))
	}
	return group(cmd, append(subs, group(major, ofMajor...))...)
}

// incidentVerb is one act on an incident: what it takes besides the number.
type incidentVerb struct {
	use, short string
	route      string // of the API, when it is not the first word of use
	arg        string // field of the body that the word after the number fills
	list       string // field that takes the words one by one
	null       string // word that stands for null
	flags      map[string]string
}

var incidentVerbs = []incidentVerb{
	{use: "acknowledge NUMBER", short: "Say that you work on it"},
	{use: "unacknowledge NUMBER", short: "Take the acknowledgement back"},
	{use: "resolve NUMBER", short: "Resolve it", flags: map[string]string{"close-code": "fixed (the default), workaround, known_error, duplicate, not_reproducible or no_action", "note": "what fixed it"}},
	{use: "reopen NUMBER", short: "Open it again"},
	{use: "hold NUMBER REASON", short: "Put it on hold: caller, change, problem or vendor", arg: "reason"},
	{use: "resume NUMBER", short: "Take it off hold"},
	{use: "assign NUMBER", short: "Give it to a person or a group", flags: map[string]string{"assignee": "person", "group": "group"}},
	{use: "priority NUMBER P1..P5|computed", short: "Set its priority, or let the matrix decide again", arg: "priority", null: "computed"},
	{use: "note NUMBER TEXT", short: "Add a note", route: "notes", arg: "text"},
	{use: "merge NUMBER INTO", short: "Make it part of another; a split takes it back", arg: "into"},
	{use: "split NUMBER ALERT...", short: "Give alerts an incident of their own", list: "alerts"},
	{use: "undo NUMBER", short: "Take back the merge or the split that made it what it is"},
	{use: "unrelated NUMBER OTHER", short: "Say that two have nothing to do with each other", arg: "to"},
	{use: "cancel NUMBER", short: "Say that it is none", flags: map[string]string{"note": "why"}},
	{use: "parent NUMBER PARENT|none", short: "Make it a child of another, or of none", arg: "parent", null: "none"},
	{use: "watch NUMBER", short: "Follow it", flags: map[string]string{"who": "another person than you"}},
	{use: "unwatch NUMBER", short: "Follow it no more", flags: map[string]string{"who": "another person than you"}},
	{use: "attach NUMBER URL", short: "Attach a link", arg: "url", flags: map[string]string{"title": "what it leads to"}},
	{use: "detach NUMBER URL", short: "Take a link away", arg: "url"},
	{use: "propose NUMBER", short: "Propose it as a major incident", route: "major/propose", flags: map[string]string{"reason": "why"}},
	{use: "accept NUMBER", short: "Accept it: nothing but people ends it from then on", route: "major/accept", flags: map[string]string{"reason": "why"}},
	{use: "reject NUMBER", short: "Say that it is none", route: "major/reject", flags: map[string]string{"reason": "why"}},
	{use: "demote NUMBER", short: "Say that it is none any more", route: "major/demote", flags: map[string]string{"reason": "why"}},
}

func (v incidentVerb) command(c *client, asJSON *bool) *cobra.Command {
	name, rest, _ := strings.Cut(v.use, " ")
	route := name
	if v.route != "" {
		route = v.route
	}
	args := cobra.ExactArgs(len(strings.Fields(rest)))
	if v.list != "" {
		args = cobra.MinimumNArgs(2)
	}
	values := map[string]*string{}
	cmd := &cobra.Command{Use: v.use, Short: v.short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
		body := map[string]any{}
		for k, x := range values {
			if cmd.Flags().Changed(k) {
				body[strings.ReplaceAll(k, "-", "_")] = *x
			}
		}
		switch {
		case v.list != "":
			body[v.list] = args[1:]
		case v.arg != "" && v.null != "" && args[1] == v.null:
			body[v.arg] = nil
		case v.arg != "":
			body[v.arg] = args[1]
		}
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		_, answer, err := c.call(cmd.Context(), http.MethodPost, api.Prefix+"/incidents/"+url.PathEscape(args[0])+"/"+route, "application/json", bytes.NewReader(b))
		if err != nil {
			return err
		}
		return tellIncident(cmd.OutOrStdout(), answer, *asJSON)
	}}
	for f, says := range v.flags {
		values[f] = cmd.Flags().String(f, "", says)
	}
	return cmd
}

func incidentsList(c *client, asJSON *bool) *cobra.Command {
	filters := map[string]*string{}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List incidents, the newest first",
		Example: "  signalbox incidents list --state new,in_progress,on_hold --team mine",
		Args:    cobra.NoArgs,
	}
	limit := cmd.Flags().Int("limit", 50, "how many at most, up to 500")
	for _, f := range []string{"state", "priority", "service", "ci", "assignee", "group", "team", "major", "view", "q"} {
		filters[f] = cmd.Flags().String(f, "", "only with this "+f+"; several separated by commas")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q := url.Values{"limit": {fmt.Sprint(*limit)}}
		for k, v := range filters {
			if *v != "" {
				q.Set(k, *v)
			}
		}
		_, b, err := c.call(cmd.Context(), http.MethodGet, api.Prefix+"/incidents?"+q.Encode(), "", nil)
		if err != nil {
			return err
		}
		if *asJSON {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), string(b))
			return err
		}
		var page struct {
			Items []incidentRecord `json:"items"`
		}
		if err := json.Unmarshal(b, &page); err != nil {
			return err
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NUMBER\tPRIORITY\tSTATE\tFIRING\tASSIGNEE\tTITLE")
		for _, i := range page.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d of %d\t%s\t%s\n", i.Number, i.Priority, i.State, i.FiringCount, i.AlertCount, i.Assignee, i.Title)
		}
		return w.Flush()
	}
	return cmd
}

func incidentsShow(c *client, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:     "show NUMBER",
		Short:   "Show one incident",
		Example: "  signalbox incidents show INC0000001 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, b, err := c.call(cmd.Context(), http.MethodGet, api.Prefix+"/incidents/"+url.PathEscape(args[0]), "", nil)
			if err != nil {
				return err
			}
			return tellIncident(cmd.OutOrStdout(), b, *asJSON)
		},
	}
}

// tellIncident prints an incident for people, or as it was answered.
func tellIncident(w io.Writer, answer []byte, asJSON bool) error {
	if asJSON {
		_, err := fmt.Fprintln(w, string(answer))
		return err
	}
	var i incidentRecord
	if err := json.Unmarshal(answer, &i); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s  %s  %s  %s\n", i.Number, i.Priority, i.State, i.Title)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-12s %s\n", name, text)
		}
	}
	line("alerts", fmt.Sprintf("%d, %d fire", i.AlertCount, i.FiringCount))
	line("assigned", strings.TrimSpace(i.Assignee+" "+i.Group))
	line("on hold for", i.HoldReason)
	line("resolved", strings.TrimSpace(i.ResolvedBy+" "+i.CloseCode))
	line("services", strings.Join(i.Services, ", "))
	line("merged into", i.MergedInto)
	line("parent", i.Parent)
	line("children", strings.Join(i.Children, ", "))
	if i.Major != nil {
		line("major", i.Major.State+" by "+i.Major.By+": "+i.Major.Because)
	}
	line("watched by", strings.Join(i.Watchers, ", "))
	for _, l := range i.Attachments {
		line("link", l.Title+" "+l.URL)
	}
	return nil
}
