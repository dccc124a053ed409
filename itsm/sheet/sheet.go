// Package sheet writes tables that people open in a spreadsheet. A cell that a
// spreadsheet would take for a formula could be one that an alert's text brought
// along, so Cell makes it a text; whoever writes CSV for people writes it here.
//
// See OWASP, "CSV Injection", and RFC 4180.
package sheet

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// Cell is a text as a spreadsheet may have it: with a quote before what begins a
// formula, which the spreadsheet then shows as it is, and without NUL. Whole and
// decimal numbers stay numbers, negative ones too.
func Cell(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if s == "" {
		return s
	}
	// Some programs drop white space and a byte order mark before they look.
	first := strings.TrimLeft(s, " \u00a0\ufeff\n\v\f")
	if first == "" || !strings.ContainsRune("=+-@\t\r|%\uff1d\uff0b\uff0d\uff20", []rune(first)[0]) {
		return s
	}
	if isNumber(s) {
		return s
	}
	return "'" + s
}

func isNumber(s string) bool {
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return false
	}
	return strings.Trim(s[1:], "0123456789.") == "" // not +Inf, 1e5 or 0x1
}

// Writer writes rows of cells as CSV with CRLF, as RFC 4180 has it.
type Writer struct{ w *csv.Writer }

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &Writer{c}
}

// Row writes one row; Flush says whether all went well.
func (w *Writer) Row(cells ...string) {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = Cell(c)
	}
	w.w.Write(safe) // the error stays for Flush
}

// Flush writes what is left and returns the first error of all.
func (w *Writer) Flush() error {
	w.w.Flush()
	return w.w.Error()
}
