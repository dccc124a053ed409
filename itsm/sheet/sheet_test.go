package sheet

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"
)

func TestCell(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"", ""}, {"db-1 is down", "db-1 is down"}, {"12", "12"}, {"-12.5", "-12.5"}, {"+3", "+3"}, {"a=b", "a=b"},
		{"=1+1", "'=1+1"}, {"+cmd", "'+cmd"}, {"-2+3", "'-2+3"}, {"-", "'-"}, {"@SUM(A1)", "'@SUM(A1)"},
		{"\t=1", "'\t=1"}, {"\r=1", "'\r=1"}, {" =1", "' =1"}, {"\n=1", "'\n=1"}, {"\ufeff=1", "'\ufeff=1"}, {"\u00a0@x", "'\u00a0@x"},
		{"＝1+1", "'＝1+1"}, {"|calc", "'|calc"}, {"%0A=1", "'%0A=1"}, {"\x00=1", "'=1"}, {"-1e5", "'-1e5"}, {"+Inf", "'+Inf"}, {"-0x10", "'-0x10"}, {"   ", "   "},
	} {
		if got := Cell(tc.in); got != tc.want {
			t.Errorf("Cell(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestRow(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	w := NewWriter(&b)
	w.Row("=HYPERLINK(\"http://evil\",\"x\")", "a,b", "two\nlines", "-1")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"'=HYPERLINK(\"http://evil\",\"x\")", "a,b", "two\nlines", "-1"} {
		if rows[0][i] != want {
			t.Errorf("cell %d = %q, want %q", i, rows[0][i], want)
		}
	}
	if !strings.HasSuffix(b.String(), "\r\n") {
		t.Error("the row does not end as RFC 4180 says")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestFlushSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	w := NewWriter(full{})
	w.Row("x")
	if w.Flush() == nil {
		t.Error("no error of a writer that takes nothing")
	}
}
