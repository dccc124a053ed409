package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/itsm"
)

func explainCommand() *cobra.Command {
	t := whyteller{}
	cmd := &cobra.Command{
		Use:   "explain ALR…|INC…",
		Short: "Say why an alert is where it is, and not in the incident beside it",
		Long: `Asks a running server which rules were tried on an alert and which fired, at which
revision and with which values, what was decided then and would be decided now, and
what keeps it from the incidents near it. Of an incident it tells that of every alert.

--beside compares with an incident of yours, however far. --rules tries the rules of
a directory instead of the active ones; nothing is saved or activated. Where an alert
came from is told by 'signalbox trace'.`,
		Example: "  signalbox explain ALR0000042\n  signalbox explain ALR0000042 --beside INC0000007\n  signalbox explain INC0000009 --all\n  signalbox explain ALR0000042 --rules rules/ --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.ctx, t.w = cmd.Context(), cmd.OutOrStdout()
			return t.why(args[0])
		},
	}
	t.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&t.beside, "beside", "", "an incident to compare with")
	f.StringVar(&t.dir, "rules", "", "directory of rules to try instead of the active ones")
	f.BoolVar(&t.all, "all", false, "list the rules that did not match too, and all alerts of an incident")
	f.BoolVar(&t.json, "json", false, "print the API's answer")
	return cmd
}

// whyteller asks a server why, and tells what it answers.
type whyteller struct {
	storyteller
	beside, dir string
	all, json   bool
}

// The parts of the API's explanations that are told.
type (
	toldWhy struct {
		Alert        string                                   `json:"alert"`
		Incident     string                                   `json:"incident"`
		SuppressedBy string                                   `json:"suppressed_by"`
		At           itsm.Time                                `json:"at"`
		Revision     uint64                                   `json:"revision"`
		CMDBRevision uint64                                   `json:"cmdb_revision"`
		Received     uint64                                   `json:"received"`
		Changed      []struct{ Rule, Field, From, To string } `json:"changed"`
		CI           string                                   `json:"ci"`
		BoundBy      string                                   `json:"bound_by"`
		Trail        []string                                 `json:"binding_trail"`
		Decided      *toldEvidence                            `json:"decided"`
		Now          *toldOutcome                             `json:"now"`
		Neighbours   []toldNeighbour                          `json:"neighbours"`
		More         int                                      `json:"more_neighbours"`
		Stages       []toldStage                              `json:"stages"`
		Event        struct{ Title string }                   `json:"event"`
	}
	toldEvidence struct {
		Decision     string    `json:"decision"`
		At           itsm.Time `json:"at"`
		Rule         string    `json:"rule"`
		Revision     uint64    `json:"revision"`
		CMDBRevision uint64    `json:"cmdb_revision"`
		Score        *float64  `json:"score"`
		Threshold    *float64  `json:"threshold"`
		RunnerUp     string    `json:"runner_up"`
		WouldSplit   string    `json:"would_split"`
		Because      string    `json:"because"`
	}
	toldOutcome struct {
		What      string   `json:"what"`
		Rule      string   `json:"rule"`
		Because   string   `json:"because"`
		Incident  string   `json:"incident"`
		Score     *float64 `json:"score"`
		Threshold *float64 `json:"threshold"`
	}
	toldNeighbour struct {
		Incident string   `json:"incident"`
		Relation string   `json:"relation"`
		Score    *float64 `json:"score"`
		Why      string   `json:"why_not"`
	}
	toldStage struct {
		Stage   string      `json:"stage"`
		Skipped string      `json:"skipped"`
		Tried   []toldTried `json:"tried"`
		More    int         `json:"not_matched_more"`
	}
	toldTried struct {
		Rule    string                         `json:"rule"`
		About   string                         `json:"about"`
		Shadow  bool                           `json:"shadow"`
		Matched bool                           `json:"matched"`
		Why     string                         `json:"why"`
		Failed  string                         `json:"failed"`
		Values  []struct{ Name, Value string } `json:"values"`
	}
	toldIncident struct {
		Lead  *toldWhy     `json:"lead"`
		Items []toldMember `json:"items"`
		Next  string       `json:"next_cursor"`
	}
	toldMember struct {
		Alert      string          `json:"alert"`
		Decided    toldEvidence    `json:"decided"`
		Spoke      []string        `json:"spoke"`
		Now        *toldOutcome    `json:"now"`
		Neighbours []toldNeighbour `json:"neighbours"`
	}
)

func (t *whyteller) why(what string) error {
	word := strings.ToUpper(strings.TrimSpace(what))
	if n, err := itsm.ParseAlertNumber(word); err == nil {
		return t.alert(n)
	}
	n, err := itsm.ParseIncidentNumber(word)
	switch {
	case err != nil:
		return fmt.Errorf("%q is neither an alert such as ALR0000042 nor an incident such as INC0000007", what)
	case t.dir != "":
		return fmt.Errorf("--rules tries rules on one alert; %s is an incident", word)
	}
	return t.incident(n)
}

// ask reads an explanation, or prints it as it is and reports that.
func (t *whyteller) ask(path string, q url.Values, into any) (printed bool, err error) {
	if t.beside != "" {
		q.Set("beside", strings.ToUpper(t.beside))
	}
	_, b, err := t.call(t.ctx, http.MethodGet, "/api/v1"+path+"?"+q.Encode(), "", nil)
	if err != nil {
		return false, err
	}
	return t.read(b, into)
}

func (t *whyteller) read(b []byte, into any) (printed bool, err error) {
	if !t.json {
		return false, json.Unmarshal(b, into)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return false, err
	}
	t.printf("%s\n", out.Bytes())
	return true, nil
}

func (t *whyteller) alert(n itsm.AlertNumber) error {
	var x toldWhy
	printed, err := t.askAlert(n, &x)
	if err != nil || printed {
		return err
	}
	t.tell(&x)
	return nil
}

func (t *whyteller) askAlert(n itsm.AlertNumber, x *toldWhy) (printed bool, err error) {
	if t.dir == "" {
		return t.ask("/alerts/"+n.String()+"/explain", url.Values{}, x)
	}
	files, err := readRules([]string{t.dir})
	if err != nil {
		return false, err
	}
	body, err := json.Marshal(map[string]any{"alert": n.String(), "beside": strings.ToUpper(t.beside), "files": files})
	if err != nil {
		return false, err
	}
	_, b, err := t.call(t.ctx, http.MethodPost, "/api/v1/rules/explain", "application/json", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	return t.read(b, x)
}

func (t *whyteller) incident(n itsm.IncidentNumber) error {
	q := url.Values{"limit": {strconv.Itoa(traceAlertsMax)}}
	for page := 0; page < traceEventsMax; page++ {
		var in toldIncident
		printed, err := t.ask("/incidents/"+n.String()+"/explain", q, &in)
		if err != nil || printed {
			return err
		}
		if page == 0 && in.Lead != nil {
			t.printf("%s is led by %s\n\n", n, in.Lead.Alert)
			t.tell(in.Lead)
			t.printf("\nIts alerts, newest first:\n")
		}
		for i := range in.Items {
			t.member(&in.Items[i])
		}
		if in.Next == "" {
			return nil
		}
		if !t.all {
			t.printf("  … and more; see them with --all\n")
			return nil
		}
		q.Set("cursor", in.Next)
	}
	return nil
}
