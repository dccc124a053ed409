package cmdb

import (
	"bytes"
	"io"
	"strings"
)

// Format is a way to write a CMDB down. See the package comment.
type Format string

// Formats. CSV takes two files; their formats say which is which.
const (
	JSON         Format = "json"
	NDJSON       Format = "ndjson"
	YAML         Format = "yaml"
	CSVCIs       Format = "csv-cis"
	CSVRelations Format = "csv-relations"
)

// FormatOf tells the format from a file's name. Of two CSV files the one with
// "relation" in its name holds the relations.
func FormatOf(file string) (f Format, ok bool) {
	name := strings.ToLower(file[strings.LastIndexAny(file, "/\\")+1:])
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "json":
		return JSON, true
	case "ndjson", "jsonl":
		return NDJSON, true
	case "yaml", "yml":
		return YAML, true
	case "csv":
		if strings.Contains(name, "relation") {
			return CSVRelations, true
		}
		return CSVCIs, true
	}
	return "", false
}

// JSONBytesMax and CSVBytesMax bound what is read whole or in one go; NDJSON is
// bounded by its lines only.
const (
	JSONBytesMax = 512 << 20
	CSVBytesMax  = 256 << 20
)

// Parse reads a document and reports everything wrong with it, not only the
// first thing. The document cannot be planned if a problem is Blocking.
func Parse(format Format, r io.Reader) (Doc, []Problem) {
	b := newBuilder()
	switch format {
	case JSON:
		b.json(r)
	case NDJSON:
		b.ndjson(r)
	case YAML:
		b.yaml(r)
	case CSVCIs:
		b.csvCIs(r)
	case CSVRelations:
		b.csvRelations(r)
	default:
		b.fail(0, "format", string(format), "expected json, ndjson, yaml, csv-cis or csv-relations")
	}
	return b.finish()
}

// readAll reads at most limit bytes.
func (b *builder) readAll(r io.Reader, limit int64) ([]byte, bool) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		b.fail(0, "", "", "reading stopped: %v", err)
		return nil, false
	}
	if int64(len(raw)) > limit {
		b.fail(0, "", "", "more than %d MiB; use ndjson, which is read line by line", limit>>20)
		return nil, false
	}
	return bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), true
}
