package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/itsm"
	"signalbox/itsm/api"
)

// problemRecord is a problem as the server answers it.
type problemRecord struct {
	Number      string             `json:"number"`
	Title       string             `json:"title"`
	State       string             `json:"state"`
	Signature   string             `json:"signature"`
	Tests       []itsm.ProblemTest `json:"tests"`
	Count       uint64             `json:"count"`
	MonthlyCost int64              `json:"monthly_cost"`
	Owner       string             `json:"owner"`
	Team        string             `json:"team"`
	RootCause   string             `json:"root_cause"`
	Workaround  string             `json:"workaround"`
	KnownError  bool               `json:"known_error"`
	Reason      string             `json:"reason"`
	MergedInto  string             `json:"merged_into"`
	Changes     []string           `json:"changes"`
	EffectText  string             `json:"effect_text"`
	LastAt      itsm.Time          `json:"last_at"`
	Incidents   []struct {
		Number   string    `json:"number"`
		OpenedAt itsm.Time `json:"opened_at"`
		Change   string    `json:"change"`
	} `json:"incidents"`
}

// problemsCommand talks to a running server about what keeps coming back.
func problemsCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "problems",
		Short: "What keeps coming back: candidates to accept or dismiss, problems to work on",
		Long: `When an incident resolves, the server looks whether its signature (probable cause, class
of alert, environment, or what a rule of the stage problem says) comes more often than
chance allows, on a timetable, after changes, with the same fix, and so on. What does is a
candidate with its numbers in plain words. People accept it, and it is a problem with an
owner; or dismiss it with a reason, and it comes back after three more incidents.`,
		Example: "  signalbox problems list --state candidate\n  signalbox problems accept PRB0000001 --owner mira\n" +
			"  signalbox problems workaround PRB0000001 'run cleanup.sh on the host'\n  signalbox problems communicate PRB0000001",
	}
	c.flags(cmd)
	subs := []*cobra.Command{problemsList(&c), problemsShow(&c), problemsCreate(&c)}
	for _, a := range problemVerbs {
		subs = append(subs, a.command(&c))
	}
	return group(cmd, subs...)
}

// problemVerb is one act on a problem: what it takes besides the number.
type problemVerb struct {
	use, short string
	arg        string // field of the body that the words after the number fill; "": none
	list       string // field that takes them one by one
	flags      []string
	fixed      map[string]any
	name       string // of the route, when it is not the first word of use
}

var problemVerbs = []problemVerb{
	{use: "accept NUMBER", short: "Make a candidate a problem that somebody owns", flags: []string{"owner", "team", "title"}},
	{use: "dismiss NUMBER REASON", short: "Say why a candidate is no problem", arg: "reason"},
	{use: "merge NUMBER INTO", short: "Make it part of another", arg: "into"},
	{use: "assign NUMBER", short: "Say who owns it", flags: []string{"owner", "team"}},
	{use: "state NUMBER STATE", short: "Move it: assess, root_cause_analysis, fix_in_progress, resolved, closed, risk_accepted", arg: "state", flags: []string{"reason"}},
	{use: "root-cause NUMBER TEXT", short: "Write down the root cause", arg: "text"},
	{use: "workaround NUMBER TEXT", short: "Write down how to live with it; the next page quotes it", arg: "text"},
	{use: "known-error NUMBER", short: "Say that it is analysed and not resolved yet", fixed: map[string]any{"known_error": true}},
	{use: "not-known-error NUMBER", short: "Take that back", fixed: map[string]any{"known_error": false}, name: "known-error"},
	{use: "communicate NUMBER [TEXT]", short: "Post the workaround to every linked open incident, and so to partners", arg: "text"},
	{use: "link NUMBER ID...", short: "Link incidents and changes", list: "incidents"},
	{use: "unlink NUMBER ID...", short: "Take incidents and changes out", list: "incidents"},
	{use: "note NUMBER TEXT", short: "Add a note", arg: "text", name: "notes"},
}

func (v problemVerb) command(c *client) *cobra.Command {
	name, rest, _ := strings.Cut(v.use, " ")
	route := name
	if v.name != "" {
		route = v.name
	}
	values := map[string]*string{}
	args := cobra.ExactArgs(1)
	switch words := strings.Fields(rest); {
	case v.list != "":
		args = cobra.MinimumNArgs(2)
	case v.arg != "" && strings.HasPrefix(words[1], "["):
		args = cobra.RangeArgs(1, 2)
	case v.arg != "":
		args = cobra.ExactArgs(2)
	}
	cmd := &cobra.Command{Use: v.use, Short: v.short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
		body := map[string]any{}
		for k, x := range v.fixed {
			body[k] = x
		}
		for k, x := range values {
			if cmd.Flags().Changed(k) {
				body[k] = *x
			}
		}
		if v.arg != "" && len(args) == 2 {
			body[v.arg] = args[1]
		}
		if v.list != "" {
			body["incidents"], body["changes"] = apart(args[1:])
		}
		return doProblem(cmd, c, "/problems/"+url.PathEscape(args[0])+"/"+route, body)
	}}
	for _, f := range v.flags {
		values[f] = cmd.Flags().String(f, "", f+" of the problem")
	}
	return cmd
}

// apart tells incidents from changes.
func apart(ids []string) (incidents, changes []string) {
	incidents, changes = []string{}, []string{}
	for _, id := range ids {
		if strings.HasPrefix(id, "INC") {
			incidents = append(incidents, id)
		} else {
			changes = append(changes, id)
		}
	}
	return incidents, changes
}

func doProblem(cmd *cobra.Command, c *client, path string, body map[string]any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, answer, err := c.call(cmd.Context(), http.MethodPost, api.Prefix+path, "application/json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	var p problemRecord
	if err := json.Unmarshal(answer, &p); err != nil {
		return err
	}
	tellProblem(cmd.OutOrStdout(), &p)
	return nil
}

func problemsList(c *client) *cobra.Command {
	var state, team string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List candidates and problems, the dearest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := problemsOf(cmd, c, state, team)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			}
			if len(list) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing keeps coming back so far; candidates appear when incidents resolve")
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NUMBER\tSTATE\tCOST A MONTH\tINCIDENTS\tOWNER\tTITLE\tBECAUSE")
			for _, p := range list {
				because := ""
				if len(p.Tests) > 0 {
					because = p.Tests[0].Text
				}
				fmt.Fprintf(w, "%s\t%s\t%d min\t%d\t%s\t%s\t%s\n", p.Number, p.State, p.MonthlyCost, p.Count, p.Owner, p.Title, because)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only these states, separated by commas: candidate, new, assess, root_cause_analysis, fix_in_progress, resolved, risk_accepted, closed, dismissed, merged")
	cmd.Flags().StringVar(&team, "team", "", "only of these teams")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func problemsOf(cmd *cobra.Command, c *client, state, team string) ([]problemRecord, error) {
	list := []problemRecord{}
	q := url.Values{"limit": {"500"}}
	for k, v := range map[string]string{"state": state, "team": team} {
		if v != "" {
			q.Set(k, v)
		}
	}
	for {
		_, b, err := c.call(cmd.Context(), http.MethodGet, api.Prefix+"/problems?"+q.Encode(), "", nil)
		if err != nil {
			return nil, err
		}
		var page struct {
			Items []problemRecord `json:"items"`
			Next  string          `json:"next_cursor"`
		}
		if err := json.Unmarshal(b, &page); err != nil {
			return nil, err
		}
		if list = append(list, page.Items...); page.Next == "" {
			slices.SortStableFunc(list, func(a, b problemRecord) int { return cmp.Compare(b.MonthlyCost, a.MonthlyCost) })
			return list, nil
		}
		q.Set("cursor", page.Next)
	}
}

func problemsShow(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "show NUMBER",
		Short: "Show one candidate or problem",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, b, err := c.call(cmd.Context(), http.MethodGet, api.Prefix+"/problems/"+url.PathEscape(args[0]), "", nil)
			if err != nil {
				return err
			}
			var p problemRecord
			if err := json.Unmarshal(b, &p); err != nil {
				return err
			}
			tellProblem(cmd.OutOrStdout(), &p)
			return nil
		},
	}
}

func problemsCreate(c *client) *cobra.Command {
	var title, owner, team string
	cmd := &cobra.Command{
		Use:   "create INCIDENT...",
		Short: "Make a problem of incidents, before any test proposes it",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return doProblem(cmd, c, "/problems", map[string]any{"incidents": args, "title": title, "owner": owner, "team": team})
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "what it is called")
	cmd.Flags().StringVar(&owner, "owner", "", "who owns it")
	cmd.Flags().StringVar(&team, "team", "", "team of the problem")
	return cmd
}

// tellProblem prints a problem for people.
func tellProblem(w io.Writer, p *problemRecord) {
	fmt.Fprintf(w, "%s  %s  %s\n", p.Number, p.State, p.Title)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-12s %s\n", name, text)
		}
	}
	line("signature", p.Signature)
	for _, t := range p.Tests {
		line(strings.ReplaceAll(t.Test, "_", " "), t.Text)
	}
	line("cost", fmt.Sprintf("%d person-minutes a month", p.MonthlyCost))
	line("owner", strings.TrimSpace(p.Owner+" "+p.Team))
	line("root cause", p.RootCause)
	line("workaround", p.Workaround)
	if p.KnownError {
		line("known error", "yes")
	}
	line("reason", p.Reason)
	line("merged into", p.MergedInto)
	line("changes", strings.Join(p.Changes, ", "))
	line("effect", p.EffectText)
	for i := len(p.Incidents) - 1; i >= max(0, len(p.Incidents)-incidentsTold); i-- {
		x := p.Incidents[i]
		text := x.Number + "  " + x.OpenedAt.String()
		if x.Change != "" {
			text += "  after " + x.Change
		}
		line("incident", text)
	}
	if more := len(p.Incidents) - incidentsTold; more > 0 {
		line("", fmt.Sprintf("and %d more", more))
	}
}

// incidentsTold is how many incidents of a problem are printed.
const incidentsTold = 10
