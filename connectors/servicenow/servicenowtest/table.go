package servicenowtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The Table API.

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"error": map[string]string{"message": message, "detail": ""}, "status": "failure"})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query().Get("sysparm_query")}
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&c.Body); err != nil {
			fail(w, http.StatusBadRequest, "Exception while reading request")
			return
		}
	}
	s.mu.Lock()
	if !s.letsIn(r) {
		s.mu.Unlock()
		fail(w, http.StatusUnauthorized, "User Not Authenticated")
		return
	}
	s.calls = append(s.calls, c)
	before := s.Before
	s.mu.Unlock()
	answered, reached := false, true
	if before != nil {
		answered, reached = before(w, c)
	}
	if !reached {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status, out, message := s.do(r, c)
	switch {
	case answered:
	case message != "":
		fail(w, status, message)
	default:
		answer(w, status, map[string]any{"result": out})
	}
}

// do carries out one request.
func (s *Server) do(r *http.Request, c Call) (status int, out any, message string) {
	table, id := r.PathValue("table"), r.PathValue("id")
	show := shower(r)
	if id == "" {
		switch r.Method {
		case http.MethodGet:
			var rows []any
			for _, x := range s.search(table, c.Query, r.URL.Query().Get("sysparm_limit")) {
				rows = append(rows, show(x))
			}
			if rows == nil {
				rows = []any{}
			}
			return http.StatusOK, rows, ""
		case http.MethodPost:
			if why := refusal(table, nil, c.Body); why != "" && table != "incident" {
				return http.StatusForbidden, nil, why
			}
			return http.StatusCreated, show(s.insert(table, c.Body, User)), ""
		}
		return http.StatusMethodNotAllowed, nil, "Method not supported"
	}
	x := s.byID(table, id)
	if x == nil {
		return http.StatusNotFound, nil, "No Record found"
	}
	if r.Method == http.MethodPatch {
		if why := refusal(table, x.Record, c.Body); why != "" {
			return http.StatusForbidden, nil, why
		}
		s.update(x, c.Body, User)
	}
	return http.StatusOK, show(x), ""
}

// shower shows a row as the request asks for it.
func shower(r *http.Request) func(*stored) map[string]any {
	q := r.URL.Query()
	return func(x *stored) map[string]any {
		out := map[string]any{}
		row := x.shown()
		for _, f := range strings.Split(q.Get("sysparm_fields"), ",") {
			v, shown := row[f], row[f]
			if d, ok := row[f+".display"]; ok {
				shown = d
			}
			switch {
			case q.Get("sysparm_display_value") != "all":
				if f == "work_notes" {
					v = "" // journal fields have no stored value
				}
				out[f] = v
			case f == "work_notes":
				out[f] = map[string]string{"display_value": shown, "value": ""}
			default:
				out[f] = map[string]string{"display_value": shown, "value": v}
			}
		}
		return out
	}
}

// known are the fields that a search may name.
var known = []string{"sys_id", "number", "name", "user_name", "email", "correlation_id", "state", "sys_updated_on", "sys_created_on", "fqdn", "asset_tag"}

// search carries out an encoded query. A term it does not understand is ignored.
func (s *Server) search(table, query, limit string) (rows []*stored) {
	var order []string
	rows = slices.DeleteFunc(slices.Clone(s.tables[table]), func(x *stored) bool { return s.Lag > 0 && time.Since(x.made) < s.Lag })
	for _, term := range strings.Split(strings.ReplaceAll(query, "^^", "\x00"), "^") {
		if field, ok := strings.CutPrefix(term, "ORDERBY"); ok {
			order = append(order, field)
			continue
		}
		match := condition(strings.ReplaceAll(term, "\x00", "^"))
		if match != nil && !s.IgnoreQueries {
			rows = slices.DeleteFunc(rows, func(x *stored) bool { return !match(x.Record) })
		}
	}
	slices.SortStableFunc(rows, func(a, b *stored) int {
		for _, f := range order {
			if d := strings.Compare(a.Record[f], b.Record[f]); d != 0 {
				return d
			}
		}
		return 0
	})
	if n, err := strconv.Atoi(limit); err == nil && n < len(rows) {
		rows = rows[:n]
	}
	return rows
}

func condition(term string) func(Record) bool {
	for _, op := range []struct {
		sign string
		ok   func(have, want string) bool
	}{
		{"STARTSWITH", strings.HasPrefix},
		{"IN", func(have, list string) bool { return slices.Contains(strings.Split(list, ","), have) }},
		{">=", func(a, b string) bool { return a >= b }}, {">", func(a, b string) bool { return a > b }}, {"=", strings.EqualFold},
	} {
		field, want, found := strings.Cut(term, op.sign)
		if found && slices.Contains(known, field) {
			return func(r Record) bool { return op.ok(r[field], want) }
		}
	}
	return nil
}
