package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Change is the difference of one rule or table between two sets.
type Change struct {
	ID    string   // of the rule; the file's name for a table
	Kind  string   // added, removed, changed or moved
	Lines []string // of a changed rule, with - and + in front; nil otherwise
}

// Diff compares two rule sets rule by rule, as Format writes them: files that are
// merely cut or laid out differently are equal. Rules that stand in another order within their stage are moved.
func Diff(from, to []File) []Change {
	a, b := pieces(from), pieces(to)
	var out []Change
	for _, p := range a.list {
		if _, ok := b.text[p]; !ok {
			out = append(out, Change{ID: p, Kind: "removed"})
		}
	}
	for _, p := range b.list {
		old, ok := a.text[p]
		switch {
		case !ok:
			out = append(out, Change{ID: p, Kind: "added"})
		case old != b.text[p]:
			out = append(out, Change{ID: p, Kind: "changed", Lines: lineDiff(old, b.text[p])})
		}
	}
	return append(out, moves(a, b)...)
}

// moves lists the fewest rules that explain another order of those both sets have.
func moves(a, b pieceList) []Change {
	was := map[string]int{}
	for i, id := range a.list {
		was[id] = i
	}
	var ids []string
	for _, id := range b.list {
		if _, ok := was[id]; ok {
			ids = append(ids, id)
		}
	}
	stay := rising(ids, was)
	var out []Change
	for _, id := range ids {
		if !stay[id] {
			out = append(out, Change{ID: id, Kind: "moved"})
		}
	}
	return out
}

// rising returns a longest run of ids whose places rise: those did not move.
func rising(ids []string, place map[string]int) map[string]bool {
	var ends []int // the last id of the best run of each length, as an index
	before := make([]int, len(ids))
	for i, id := range ids {
		n, _ := slices.BinarySearchFunc(ends, place[id], func(e, p int) int { return cmp.Compare(place[ids[e]], p) })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	out := map[string]bool{}
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			out[ids[i]] = true
		}
	}
	return out
}

// pieceList are the rules and tables of a set, in order, each as its text.
type pieceList struct {
	list []string
	text map[string]string
}

func pieces(files []File) pieceList {
	out := pieceList{text: map[string]string{}}
	put := func(id, text string) {
		if _, ok := out.text[id]; !ok {
			out.list = append(out.list, id)
		}
		out.text[id] = text
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".csv") {
			put(f.Name, f.Body)
			continue
		}
		for i, d := range documents(f.Body) {
			id, doc, err := d.format()
			if err != nil {
				doc = tidy(d.text)
				id = ruleID(doc)
			}
			if id == "" && err == nil {
				continue // comments alone
			}
			if id == "" {
				id = fmt.Sprintf("%s#%d", f.Name, i+1)
			}
			put(id, doc)
		}
	}
	return out
}

// tidy takes white space away that means nothing.
func tidy(doc string) string {
	var b strings.Builder
	for line := range strings.Lines(doc) {
		b.WriteString(strings.TrimRight(line, " \t\r\n") + "\n")
	}
	return strings.Trim(b.String(), "\n")
}

// ruleID finds the id of a rule in its text without reading it all.
func ruleID(doc string) string {
	for line := range strings.Lines(doc) {
		if v, ok := strings.CutPrefix(line, "id:"); ok {
			v, _, _ = strings.Cut(v, " #")
			return strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return ""
}

// diffLinesMax bounds the texts that are compared line by line.
const diffLinesMax = 400

// lineDiff lists what goes and what comes, by the longest common run of lines.
func lineDiff(from, to string) []string {
	a, b := strings.Split(from, "\n"), strings.Split(to, "\n")
	if len(a) > diffLinesMax || len(b) > diffLinesMax {
		return []string{fmt.Sprintf("- %d lines", len(a)), fmt.Sprintf("+ %d lines", len(b))}
	}
	long := make([][]int, len(a)+1)
	for i := range long {
		long[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if long[i][j] = max(long[i+1][j], long[i][j+1]); a[i] == b[j] {
				long[i][j] = long[i+1][j+1] + 1
			}
		}
	}
	var out []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && long[i+1][j] >= long[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return out
}
