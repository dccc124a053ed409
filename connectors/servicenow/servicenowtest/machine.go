package servicenowtest

import (
	"slices"
	"strconv"
)

// The states of a new instance and what its business rules and data policies hold of
// them. A change goes forward, and nowhere once it is closed or cancelled; a problem
// goes back to the analysis, too, but not once it is closed.
var (
	changeStates  = []string{"-5", "-4", "-3", "-2", "-1", "0", "3", "4"}
	problemStates = []string{"101", "102", "103", "104", "106", "107"}
	readOnly      = map[string][]string{"incident": {"7", "8"}, "change_request": {"3", "4"}, "problem": {"107"}}
)

// mandatory are the fields that a state needs.
var mandatory = map[string]map[string][]string{
	"incident":       {"6": {"close_code", "close_notes"}},
	"change_request": {"3": {"close_code", "close_notes"}},
	"problem":        {"106": {"resolution_code", "close_notes"}, "107": {"resolution_code", "close_notes"}},
}

// refusal says why an instance does not let a row become what a body says; "" when it
// does. The row of a new record is empty.
func refusal(table string, is, body Record) string {
	state := body["state"]
	switch {
	case slices.Contains(readOnly[table], is["state"]):
		return "Operation against file '" + table + "' was aborted by Business Rule: the record is closed"
	case state == "" || state == is["state"]:
		return ""
	case table == "change_request" && !slices.Contains(changeStates, state), table == "problem" && !slices.Contains(problemStates, state):
		return "Invalid choice for State: " + state
	case table == "change_request" && is["state"] != "" && number(state) < number(is["state"]):
		return "Invalid update: a change does not go from " + is["state"] + " to " + state
	}
	for _, f := range mandatory[table][state] {
		if body[f] == "" && is[f] == "" {
			return "Data Policy Exception: The following fields are mandatory: " + f
		}
	}
	return ""
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
