package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// problems prints how well the candidates match the recurring causes of the set,
// beside what the simplest of rules finds in the same incidents.
func problems(w io.Writer, data, set, dir string) error {
	if err := problemRow(w, data, set, dir, "problems", "problems.jsonl"); err != nil {
		return err
	}
	if err := simpleProblems(set, dir); err != nil {
		return err
	}
	return problemRow(w, data, set, dir, fmt.Sprintf("≥ %d in 30 d", simpleIncidents), simpleFile)
}

func problemRow(w io.Writer, data, set, dir, who, file string) error {
	b, err := exec.Command("python3", filepath.Join(data, "tools", "score_problems.py"), filepath.Join(set, "truth_problems.json"),
		filepath.Join(dir, file), filepath.Join(dir, "members.jsonl"), set).CombinedOutput()
	if err != nil {
		return fmt.Errorf("score_problems.py: %w\n%s", err, b)
	}
	s := scores{}
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("score_problems.py said %q: %w", b, err)
	}
	fmt.Fprintf(w, "\t%s\tprecision %.2f\trecall %.2f\t%.0f candidates\t%.0f true\tpairs P %.2f R %.2f\n", who,
		s["candidate_precision"], s["problem_recall"], s["candidates"], s["true_problems"], s["pair_P"], s["pair_R"])
	return nil
}

// The simplest rule: so many incidents of one likeliest cause and one name of alert
// within 30 days.
const (
	simpleIncidents = 3
	simpleIn        = 30 * 24 * time.Hour
	simpleFile      = "problems-simple.jsonl"
)

type scoredIncident struct {
	Number   string    `json:"number"`
	OpenedAt time.Time `json:"opened_at"`
	Causes   []struct {
		CI string `json:"ci"`
	} `json:"probable_causes"`
}

// simpleProblems writes what the simplest rule proposes.
func simpleProblems(set, dir string) error {
	named := map[string]string{} // alert id → alert name
	err := lines(filepath.Join(set, "alerts.jsonl"), func(a struct {
		ID     string            `json:"id"`
		Labels map[string]string `json:"labels"`
	}) {
		named[a.ID] = a.Labels["alertname"]
	})
	if err != nil {
		return err
	}
	names := map[string]map[string]int{} // incident → alert name → members
	err = lines(filepath.Join(dir, "members.jsonl"), func(m struct {
		Alert    string `json:"alert_id"`
		Incident string `json:"incident_id"`
	}) {
		if names[m.Incident] == nil {
			names[m.Incident] = map[string]int{}
		}
		names[m.Incident][named[m.Alert]]++
	})
	if err != nil {
		return err
	}
	by := map[string][]scoredIncident{}
	err = lines(filepath.Join(dir, "incidents.jsonl"), func(i scoredIncident) {
		cause, name, most := "", "", 0
		if len(i.Causes) > 0 {
			cause = i.Causes[0].CI
		}
		for n, k := range names[i.Number] {
			if k > most || k == most && n < name {
				name, most = n, k
			}
		}
		by[cause+" | "+name] = append(by[cause+" | "+name], i)
	})
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, simpleFile))
	if err != nil {
		return err
	}
	defer f.Close()
	enc := json.NewEncoder(f)
	for signature, list := range by {
		slices.SortFunc(list, func(a, b scoredIncident) int {
			return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.Number, b.Number))
		})
		if !slices.ContainsFunc(list, func(i scoredIncident) bool { return recurs(list, i) }) {
			continue
		}
		var numbers []string
		for _, i := range list {
			numbers = append(numbers, i.Number)
		}
		if err := enc.Encode(map[string]any{"problem": signature, "incidents": numbers}); err != nil {
			return err
		}
	}
	return f.Close()
}

// recurs reports whether enough of a sorted list opened within the time from one on.
func recurs(list []scoredIncident, from scoredIncident) bool {
	n := 0
	for _, i := range list {
		if d := i.OpenedAt.Sub(from.OpenedAt); d >= 0 && d <= simpleIn {
			n++
		}
	}
	return n >= simpleIncidents
}

// lines reads the JSON of each line of a file.
func lines[T any](path string, each func(T)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d := json.NewDecoder(bufio.NewReader(f))
	for {
		var v T
		switch err := d.Decode(&v); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		}
		each(v)
	}
}
