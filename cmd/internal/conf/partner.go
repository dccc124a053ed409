package conf

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/correlate"
	"signalbox/itsm"
)

// pollMin is how often a partner may be asked at most.
const pollMin = 5 * time.Second

var targets = []string{"", "incident", "em_event"}

// partner reports what of a connector's words its partner's kind cannot mean.
func (r *reader) partner(path string, c Connector) {
	r.address(path+".oauth.token_url", c.OAuth.TokenURL)
	r.oneOf(path+".target", c.Target, targets)
	r.oneOf(path+".change_events", c.ChangeEvents, []string{"", correlate.ChangesAll, correlate.ChangesMapped})
	for n, word := range c.Changes {
		if !slices.Contains(itsm.ChangeTypes, itsm.ChangeType(word)) {
			r.bad(path+".changes["+strconv.Itoa(n)+"]", word, "standard, normal or emergency")
		}
	}
	if c.Target == "em_event" && (len(c.Changes) > 0 || c.Problems) {
		r.bad(path+".target", c.Target, "incident, or nothing, where changes or problems are kept")
	}
	r.problemQuery(path, c)
	for _, word := range SortedKeys(c.ProblemStates) {
		if !itsm.ProblemState(word).Accepted() || !slices.Contains(itsm.ProblemStates, itsm.ProblemState(word)) {
			r.bad(path+".problem_states."+word, "not a state of an accepted problem", "new, assess, root_cause_analysis, fix_in_progress, resolved, risk_accepted or closed")
		} else if len(c.ProblemStates[word]) == 0 || slices.Contains(c.ProblemStates[word], "") {
			r.bad(path+".problem_states."+word, "empty", `a list of the partner's choices such as ["102"]`)
		}
	}
	if every := time.Duration(c.PollEvery); every != 0 && every < pollMin {
		r.bad(path+".poll_every", every.String(), "at least "+pollMin.String()+", or 0 to have webhooks tell")
	}
	for _, word := range SortedKeys(c.States) {
		if _, err := itsm.ParseState(word); err != nil {
			r.bad(path+".states."+word, "not a state", "new, in_progress, on_hold, resolved, closed or cancelled")
		} else if len(c.States[word]) == 0 || slices.Contains(c.States[word], "") {
			r.bad(path+".states."+word, "empty", `a list of the partner's choices such as ["2"]`)
		}
	}
	for _, word := range SortedKeys(c.ChangeStates) {
		if !slices.Contains(itsm.ChangeStates, itsm.ChangeState(word)) {
			r.bad(path+".change_states."+word, "not a state of a change", "planned, in_progress, successful, failed or cancelled")
		}
	}
	for _, word := range SortedKeys(c.CloseCodes) {
		if !slices.Contains(itsm.CloseCodes, word) {
			r.bad(path+".close_codes."+word, "not a close code", strings.Join(itsm.CloseCodes, ", "))
		}
	}
	if !slices.Contains(connectorKinds, c.Kind) {
		return
	}
	switch c.Kind {
	case "servicenow":
		r.needed(path+".api_url", c.APIURL, "the instance, such as https://acme.service-now.com")
		r.signsIn(path, c)
	case "jira":
		r.jira(path, c)
	case "opsgenie", "jsm_ops":
		r.needed(path+".api_token", c.APIToken.String(), "the key of an API integration, as env:NAME or file:PATH")
	}
}

func (r *reader) jira(path string, c Connector) {
	r.needed(path+".api_url", c.APIURL, "the site, such as https://acme.atlassian.net")
	r.needed(path+".project", c.Project, "the key of the project, such as OPS")
	switch {
	case c.Basic.IsSet() && c.Bearer.IsSet():
		r.bad(path+".bearer", "given beside basic", "one of the two")
	case !c.Basic.IsSet() && !c.Bearer.IsSet():
		r.bad(path+".basic", "missing", "a secret that holds e-mail:API-token (Cloud), as env:NAME or file:PATH, or bearer with a personal access token (Data Center)")
	}
	if (c.ServiceDesk == "") != (c.RequestType == "") {
		r.bad(path+".request_type", "not beside service_desk", "both, for requests, or neither, for issues")
	}
	if c.RESTVersion != 0 && c.RESTVersion != 2 && c.RESTVersion != 3 {
		r.bad(path+".rest_version", strconv.Itoa(c.RESTVersion), "2 or 3, or nothing")
	}
	for _, p := range SortedKeys(c.Priorities) {
		if !slices.Contains(priorities[1:], p) {
			r.bad(path+".priorities."+p, "not a priority", "P1, P2, P3, P4 or P5")
		}
	}
}

// signsIn reports a connector without credentials, or with two kinds of them.
func (r *reader) signsIn(path string, c Connector) {
	switch {
	case c.OAuth.IsSet() && c.Basic.IsSet():
		r.bad(path+".oauth", "given beside basic", "one of the two")
	case c.OAuth.IsSet():
		r.needed(path+".oauth.client_id", c.OAuth.ClientID, "the id of the OAuth client")
		r.needed(path+".oauth.client_secret", c.OAuth.ClientSecret.String(), "a secret as env:NAME or file:PATH")
	case !c.Basic.IsSet():
		r.bad(path+".basic", "missing", "a secret that holds user:password, as env:NAME or file:PATH, or oauth")
	}
}

func (r *reader) needed(path, v, expected string) {
	if strings.TrimSpace(v) == "" {
		what := "missing"
		if v != "" {
			what = strconv.Quote(v)
		}
		r.bad(path, what, expected)
	}
}

// problemQuery reports a query that cannot be asked: more terms come behind it.
func (r *reader) problemQuery(path string, c Connector) {
	switch q := c.ProblemQuery; {
	case q == "":
	case !c.Problems || c.PollEvery == 0:
		r.bad(path+".problem_query", q, "problems: true and poll_every beside it, for it is the poll that asks")
	case strings.Contains(q, "^NQ"), strings.Contains(q, "ORDERBY"), strings.HasPrefix(q, "^"), strings.HasSuffix(q, "^"):
		r.bad(path+".problem_query", q, "terms such as active=true^priority<=2, without ^NQ, ORDERBY or a ^ at an end")
	}
}
