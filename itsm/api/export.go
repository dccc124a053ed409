package api

import (
	"bufio"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

var exportTypes = map[cmdb.Format]string{
	cmdb.YAML: "application/yaml", cmdb.JSON: plainJSON, cmdb.NDJSON: "application/x-ndjson",
	cmdb.CSVCIs: "text/csv; charset=utf-8", cmdb.CSVRelations: "text/csv; charset=utf-8",
}

// exportCMDB writes the active revision as a file that can be imported again. A
// revision never changes, so it is written while others are imported.
func (a *API) exportCMDB(r *request) error {
	format := cmdb.YAML
	if name, ok := r.q["format"]; ok {
		format = formatsByName[name]
	}
	kind, ok := exportTypes[format]
	if !ok {
		return itsm.Errorf(itsm.Invalid, "format %q: expected yaml, json, ndjson, csv-cis or csv-relations", r.q["format"])
	}
	g := a.o.Engine.Graph()
	conn := r.Context().Conn()
	r.Set(fiber.HeaderContentType, kind)
	a.streaming.Add(1)
	r.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer a.streaming.Done()
		err := g.Write(format, stream{w: w, conn: conn})
		if err == nil {
			err = stream{w: w, conn: conn}.flush()
		}
		if err != nil { // the status is sent: all that is left is to say it here
			a.o.Log.Warn("cmdb export broke off", "err", err)
		}
	})
	return nil
}

// Write implements io.Writer: each piece gets its own time to be read.
func (s stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, s.flush()
}

func (a *API) quality(r *request) error {
	return r.json(a.o.Engine.Graph().Quality())
}
