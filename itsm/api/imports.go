package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/cmdb"
)

// Bounds of an import.
const (
	importBytesMax  = 64 << 20         // a document that is read whole
	importStreamMax = 1 << 30          // NDJSON, read line by line
	importIdleMax   = 30 * time.Second // the client may be silent for so long
	importWaitMax   = 5 * time.Minute  // from the last byte until it is active
	importsMax      = 2                // documents read at the same time
	importSource    = "api"            // in whose name, when the client does not say
	csvHeaderMax    = 4 << 10
)

// formatCSV leaves it to the header line which of the two CSV files it is.
const formatCSV cmdb.Format = "csv"

var formatsByType = map[string]cmdb.Format{
	"application/json": cmdb.JSON, "text/json": cmdb.JSON,
	"application/yaml": cmdb.YAML, "application/x-yaml": cmdb.YAML, "text/yaml": cmdb.YAML, "text/x-yaml": cmdb.YAML,
	"application/x-ndjson": cmdb.NDJSON, "application/ndjson": cmdb.NDJSON, "application/jsonl": cmdb.NDJSON, "application/x-jsonlines": cmdb.NDJSON,
	"text/csv": formatCSV,
}

var formatsByName = map[string]cmdb.Format{"json": cmdb.JSON, "yaml": cmdb.YAML, "yml": cmdb.YAML, "ndjson": cmdb.NDJSON,
	"csv": formatCSV, "csv-cis": cmdb.CSVCIs, "csv-relations": cmdb.CSVRelations}

const formatNames = "yaml, json, ndjson, csv, csv-cis or csv-relations"

// importFormat is that of the parameter, else of Content-Type.
func importFormat(r *request) (cmdb.Format, error) {
	if name, ok := r.q["format"]; ok {
		if f, known := formatsByName[name]; known {
			return f, nil
		}
		return "", itsm.Errorf(itsm.Invalid, "format %q: expected %s", name, formatNames)
	}
	kind, _, _ := mime.ParseMediaType(r.Get(fiber.HeaderContentType))
	if f, known := formatsByType[kind]; known {
		return f, nil
	}
	return "", fiber.NewError(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %q: expected application/yaml, application/json, application/x-ndjson or text/csv, or the parameter format", httpWord(kind)))
}

// importOrder is what the client wants done with the document.
type importOrder struct {
	source        string
	prune, dryRun bool
	actor         string
}

func readOrder(r *request) (o importOrder, err error) {
	o.actor = r.who.Actor()
	if o.source, err = r.importSource(); err != nil {
		return o, err
	}
	if o.prune, err = r.q.flag("prune"); err != nil {
		return o, err
	}
	o.dryRun, err = r.q.flag("dry_run")
	return o, err
}

func (r *request) importSource() (string, error) {
	s, given := r.q["source"]
	if !given {
		return importSource, nil
	}
	if s == "" || len(s) > cmdb.SourceMax || strings.ContainsFunc(s, isControl) {
		return "", itsm.Errorf(itsm.Invalid, "source %q: expected a name of 1 to %d bytes", httpWord(s), cmdb.SourceMax)
	}
	return s, nil
}

// importCMDB reads a document as it arrives and activates it whole or not at all.
func (a *API) importCMDB(r *request) error {
	order, err := readOrder(r)
	if err != nil {
		return err
	}
	format, err := importFormat(r)
	if err != nil {
		return err
	}
	if enc := r.Get(fiber.HeaderContentEncoding); enc != "" && enc != "identity" {
		return fiber.NewError(http.StatusUnsupportedMediaType, "Content-Encoding: an import is taken as it is; send it uncompressed")
	}
	select {
	case a.imports <- struct{}{}:
		defer func() { <-a.imports }()
	default:
		return unavailable("%d imports are being read already, which is the limit", importsMax)
	}
	doc, problems, err := readDocument(r, format)
	if err != nil {
		return err
	}
	if cmdb.Blocking(problems) {
		return findingsOf(problems)
	}
	v, err := a.activate(doc, order, problems)
	if err != nil {
		return err
	}
	return r.json(v)
}

// readDocument parses the body. That the body itself failed (too large, broken
// off) is told apart from what is wrong in it.
func readDocument(r *request, format cmdb.Format) (cmdb.Doc, []cmdb.Problem, error) {
	max := int64(importBytesMax)
	if format == cmdb.NDJSON {
		max = importStreamMax
	}
	if n := int64(r.Request().Header.ContentLength()); n > max {
		return cmdb.Doc{}, nil, itsm.Errorf(itsm.TooLarge, "body: %d bytes; at most %d of this format", n, max)
	}
	in := &watched{r: access.Stream(r.Ctx, max, importIdleMax)}
	var from io.Reader = in
	if format == formatCSV {
		format, from = csvFormat(in)
	}
	doc, problems := cmdb.Parse(format, from)
	return doc, problems, in.err
}

// watched remembers why reading failed.
type watched struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// csvFormat tells by the header line which of the two CSV files it is: only
// relations have a column "from".
func csvFormat(in io.Reader) (cmdb.Format, io.Reader) {
	b := bufio.NewReaderSize(in, csvHeaderMax)
	head, _ := b.Peek(csvHeaderMax) // a shorter file is all there is
	head, _, _ = bytes.Cut(head, []byte("\n"))
	for _, name := range strings.FieldsFunc(string(head), func(c rune) bool { return strings.ContainsRune(",;\t\r \"\ufeff", c) }) {
		if strings.EqualFold(name, "from") {
			return cmdb.CSVRelations, b
		}
	}
	return cmdb.CSVCIs, b
}

type diffView struct {
	cmdb.Diff
	DryRun   bool      `json:"dry_run"`
	Warnings []finding `json:"warnings"`
}

// activate hands a document to the engine. One writer at a time, so that a check
// of If-Match holds until the write.
func (a *API) activate(doc cmdb.Doc, o importOrder, warnings []cmdb.Problem) (diffView, error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	return a.activateLocked(doc, o, warnings)
}

func (a *API) activateLocked(doc cmdb.Doc, o importOrder, warnings []cmdb.Problem) (diffView, error) {
	ctx, cancel := context.WithTimeout(a.ctx, importWaitMax)
	defer cancel()
	diff, problems, err := a.o.Engine.ImportCMDB(ctx, doc, o.source, o.prune, o.dryRun, o.actor)
	if err != nil {
		return diffView{}, err
	}
	if cmdb.Blocking(problems) {
		return diffView{}, findingsOf(problems)
	}
	return diffView{Diff: diff, DryRun: o.dryRun, Warnings: each(append(warnings, problems...), viewFinding)}, nil
}

func viewFinding(p *cmdb.Problem) finding {
	return finding{Line: p.Line, Field: text(p.Field), Value: text(p.Value), Message: p.Msg}
}

// findingsOf is the answer to an import that cannot be applied: what forbids it.
func findingsOf(problems []cmdb.Problem) error {
	f := &findings{}
	for i := range problems {
		if !problems[i].Warning {
			f.problems = append(f.problems, viewFinding(&problems[i]))
		}
	}
	f.detail = "nothing was imported: " + problems[0].String()
	if n := len(f.problems); n > 1 {
		f.detail = fmt.Sprintf("nothing was imported because of %d problems; the first: %s", n, problems[0].String())
	}
	return f
}
