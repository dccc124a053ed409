package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything a run found out.
type report struct {
	At       time.Time        `json:"at"`
	Cores    int              `json:"cores"`
	Command  string           `json:"command"`
	Sections []*section       `json:"sections"`
	Invalid  []string         `json:"invalid,omitempty"`
	Raw      map[string][]any `json:"raw,omitempty"` // what sections sum up
}

// section is one table.
type section struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	Notes   []string   `json:"notes,omitempty"`
}

func newReport(*options) *report {
	return &report{At: time.Now().UTC(), Cores: runtime.NumCPU(), Command: "bench " + strings.Join(os.Args[1:], " "), Raw: map[string][]any{}}
}

func (r *report) section(title string, columns ...string) *section {
	s := &section{Title: title, Columns: columns}
	r.Sections = append(r.Sections, s)
	return s
}

// add adds a row; numbers are printed as people read them.
func (s *section) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		switch v := c.(type) {
		case float64:
			row[i] = number(v)
		case time.Duration:
			row[i] = v.Round(time.Millisecond).String()
		default:
			row[i] = fmt.Sprint(v)
		}
	}
	s.Rows = append(s.Rows, row)
	fmt.Fprintf(os.Stderr, "  %s: %s\n", s.Title, strings.Join(row, " | "))
}

func (s *section) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// invalid notes why the figures do not count.
func (r *report) invalid(format string, args ...any) {
	r.Invalid = append(r.Invalid, fmt.Sprintf(format, args...))
}

func (r *report) write(w io.Writer, path string) error {
	for _, s := range r.Sections {
		fmt.Fprintf(w, "\n%s\n", s.Title)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, strings.Join(s.Columns, "\t")+"\t")
		for _, row := range s.Rows {
			fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for _, n := range s.Notes {
			fmt.Fprintln(w, "  "+n)
		}
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nfigures: %s\n", path)
	if len(r.Invalid) > 0 {
		return fmt.Errorf("the run is invalid:\n  %s", strings.Join(r.Invalid, "\n  "))
	}
	return nil
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
