package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const importPath = "/api/v1/cmdb/import"

func TestImportFormats(t *testing.T) {
	for _, tc := range []struct {
		name, query, kind, body string
		words                   []string
	}{
		{"yaml", "", "application/yaml", "cis:\n- {id: a, name: a, class: Server}\n", []string{`"cis_added":1`, `"source":"api"`, `"added":["a"]`}},
		{"yaml with charset", "", "text/yaml; charset=utf-8", "cis:\n- {id: a, name: a, class: Server}\n", []string{`"cis_added":1`}},
		{"json", "", "application/json", `{"cis":[{"id":"a","name":"a","class":"Server"}],"relations":[]}`, []string{`"cis_added":1`}},
		{"ndjson", "", "application/x-ndjson", "{\"id\":\"a\",\"name\":\"a\",\"class\":\"S\"}\n{\"id\":\"b\",\"name\":\"b\",\"class\":\"S\"}\n{\"from\":\"a\",\"type\":\"depends_on\",\"to\":\"b\"}\n", []string{`"cis_added":2`, `"relations_added":1`}},
		{"csv of CIs", "", "text/csv", "id,name,class\na,a,Server\n", []string{`"cis_added":1`}},
		{"csv by parameter", "?format=csv", "application/octet-stream", "\"id\";\"name\";\"class\"\na;a;Server\n", nil},
		{"named csv", "?format=csv-cis&source=x", "", "id,name,class\na,a,Server\n", []string{`"source":"x"`}},
		{"parameter wins", "?format=json", "text/csv", `{"cis":[{"id":"a","name":"a","class":"Server"}]}`, []string{`"cis_added":1`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.call("POST", importPath+tc.query, tc.body, "Content-Type: "+tc.kind)
			if tc.words != nil {
				w.want(a, http.StatusOK, append(tc.words, `"warnings":[]`, `"dry_run":false`)...)
			} else if a.status >= 500 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestImportCSVRelations(t *testing.T) {
	w := shopWorld(t)
	w.want(w.call("POST", importPath+"?source=test", "from,type,to\nweb-1,depends_on,a/b c\n", "Content-Type: text/csv"), http.StatusOK, `"relations_added":1`, `"cis_added":0`)
	if n := w.graph.Relations(); n != 5 {
		t.Errorf("%d relations, want 5", n)
	}
}

func TestImportOrders(t *testing.T) {
	w := shopWorld(t)
	less := "cis:\n- {id: orders, name: Orders, class: Service, tier: 2}\n"
	post := func(query string) answer {
		return w.call("POST", importPath+"?"+query, less, "Content-Type: application/yaml")
	}
	w.want(post("source=test&dry_run=true&prune=true"), http.StatusOK, `"dry_run":true`, `"cis_retired":4`, `"cis_changed":1`)
	if w.graph.Len() != 5 {
		t.Fatalf("a dry run left %d CIs, want 5", w.graph.Len())
	}
	w.want(post("source=test"), http.StatusOK, `"cis_retired":0`, `"cis_changed":1`, `"field":"tier","before":"1","after":"2"`)
	w.want(post("source=other&prune"), http.StatusOK, `"cis_retired":0`)
	w.want(post("source=test&prune=1"), http.StatusOK, `"cis_retired":4`)
	if w.graph.Len() != 1 {
		t.Errorf("%d CIs left, want 1", w.graph.Len())
	}
}

func TestImportProblems(t *testing.T) {
	w := newWorld(t)
	a := w.want(w.call("POST", importPath, "{\"id\":\"a\",\"name\":\"a\",\"class\":\"S\"}\n{\"id\":\"b\"}\nnonsense\n", "Content-Type: application/x-ndjson"),
		http.StatusUnprocessableEntity, `"line":2`, `"line":3`, "nothing was imported", `"code":"invalid"`, `"status":422`)
	if ps := a.object(t)["problems"].([]any); len(ps) < 3 {
		t.Errorf("%d problems, want name, class and the third line", len(ps))
	}
	if w.graph.Len() != 0 {
		t.Errorf("%d CIs of a refused import", w.graph.Len())
	}
	for query, word := range map[string]string{"format=xml": "format", "dry_run=perhaps": "dry_run", "prune=2": "prune", "source=": "source", "source=" + strings.Repeat("x", 101): "source", "source=a%0Ab": "source", "dryrun=1": "dryrun"} {
		w.want(w.call("POST", importPath+"?"+query, "cis: []", "Content-Type: application/yaml"), http.StatusBadRequest, word)
	}
	w.want(w.call("POST", importPath, "x", "Content-Type: image/png"), http.StatusUnsupportedMediaType, "image/png", "application/yaml")
	w.want(w.call("POST", importPath, "x"), http.StatusUnsupportedMediaType)
	w.want(w.call("POST", importPath, "x", "Content-Type: application/yaml", "Content-Encoding: gzip"), http.StatusUnsupportedMediaType, "uncompressed")
	w.want(w.call("POST", importPath, "", "Content-Type: application/json"), http.StatusUnprocessableEntity, "empty")
}

func TestImportWarnings(t *testing.T) {
	w := newWorld(t)
	w.want(w.call("POST", importPath, "cis:\n- {id: a, name: a, class: S}\n- {id: b, name: b, class: S}\nrelations:\n- {from: a, type: depends_on, to: a}\n", "Content-Type: application/yaml"),
		http.StatusOK, `"cis_added":2`, "itself", `"warnings":[{"line":`)
	if w.graph.Len() != 2 {
		t.Errorf("%d CIs, want 2: warnings do not stop an import", w.graph.Len())
	}
}

// endless writes CIs, a line each, until n bytes.
type endless struct{ n, at int }

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	e.at++
	n := copy(p, fmt.Sprintf("{\"id\":\"ci-%d\",\"name\":\"n\",\"class\":\"Server\",\"attributes\":{\"text\":\"%s\"}}\n", e.at, strings.Repeat("x", 1000)))
	e.n -= n
	return n, nil
}

// TestStreamedImport sends more NDJSON than the ordinary bound, without a length.
func TestStreamedImport(t *testing.T) {
	w := newWorld(t)
	r := &endless{n: 12 << 20}
	a := w.send("POST", importPath, r, "Content-Type: application/x-ndjson")
	w.want(a, http.StatusOK, `"truncated":true`, fmt.Sprintf(`"cis_added":%d`, r.at))
}

func TestImportBounds(t *testing.T) {
	w := newWorld(t)
	a := w.send("POST", importPath, io.MultiReader(strings.NewReader("cis: ["), &endless{n: importBytesMax}), "Content-Type: application/yaml")
	w.want(a, http.StatusRequestEntityTooLarge, "67108864")
	for range importsMax {
		w.api.imports <- struct{}{}
	}
	w.want(w.call("POST", importPath, "cis: []", "Content-Type: application/yaml"), http.StatusServiceUnavailable, "imports")
}

// TestExportImportsAgain: each format is a whole CMDB.
func TestExportImportsAgain(t *testing.T) {
	w := shopWorld(t)
	for query, parts := range map[string][]string{"": {""}, "json": {"json"}, "ndjson": {"ndjson"}, "csv": {"csv-cis", "csv-relations"}} {
		fresh := newWorld(t)
		for _, format := range parts {
			path, kind := "/api/v1/cmdb/export", "yaml"
			if format != "" {
				path, kind = path+"?format="+format, format
			}
			a := w.raw("GET", path)
			if a.status != http.StatusOK || a.header.Get("Content-Type") == "" {
				t.Fatalf("export %q = %d %s", format, a.status, a.header)
			}
			fresh.want(fresh.call("POST", importPath+"?source=copy&format="+kind, a.body), http.StatusOK, `"warnings":[]`)
		}
		if fresh.graph.Len() != 5 || fresh.graph.Relations() != 4 {
			t.Errorf("format %q: %d CIs and %d relations, want 5 and 4", query, fresh.graph.Len(), fresh.graph.Relations())
		}
	}
	w.want(w.call("GET", "/api/v1/cmdb/export?format=xml", ""), http.StatusBadRequest, "xml", "csv-cis")
	w.want(w.call("GET", "/api/v1/cmdb/export?format=csv", ""), http.StatusBadRequest, "csv-relations")
}
