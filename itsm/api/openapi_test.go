package api

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestDocumentIsValid(t *testing.T) {
	b, err := openAPIDocument()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

var parameter = regexp.MustCompile(`:(\w+)`)

// TestDocumentIsTheRouter compares routes and query parameters both ways.
func TestDocumentIsTheRouter(t *testing.T) {
	w := newWorld(t)
	routes := map[string][]string{}
	for _, r := range w.api.routes {
		q := slices.Clone(r.query)
		slices.Sort(q)
		routes[r.method+" "+parameter.ReplaceAllString(r.path, "{$1}")] = q
	}
	listed := map[string][]string{}
	for path, item := range w.doc.doc.Paths.Map() {
		for method, op := range item.Operations() {
			q := []string{}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.In == "query" {
					q = append(q, p.Value.Name)
				}
			}
			slices.Sort(q)
			listed[method+" "+path] = q
		}
	}
	for route, q := range routes {
		if d, ok := listed[route]; !ok {
			t.Errorf("%s is not documented", route)
		} else if !slices.Equal(d, q) && len(d)+len(q) > 0 {
			t.Errorf("%s takes %v, documented are %v", route, q, d)
		}
	}
	for route := range listed {
		if _, ok := routes[route]; !ok {
			t.Errorf("%s is documented and does not exist", route)
		}
	}
}

// TestDocumentIsComplete: each operation says how it fails, and each object of an
// answer requires every field it lists.
func TestDocumentIsComplete(t *testing.T) {
	doc := document31(t).doc
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s lacks a summary, an operationId or its tag", method, path)
			}
			if strings.HasPrefix(path, Prefix) && (op.Responses.Value("401") == nil || op.Responses.Value("400") == nil) {
				t.Errorf("%s %s does not say how it fails", method, path)
			}
			if method != http.MethodGet && op.Responses.Value("403") == nil {
				t.Errorf("%s %s can be forbidden and does not say so", method, path)
			}
		}
	}
	for name, s := range doc.Components.Schemas {
		if strings.HasSuffix(name, "Input") {
			continue // what clients send may leave fields out
		}
		for field := range s.Value.Properties {
			if !slices.Contains(s.Value.Required, field) {
				t.Errorf("%s.%s is not required: every documented field is always present", name, field)
			}
		}
	}
}

func TestServedDocument(t *testing.T) {
	w := newWorld(t)
	a := w.want(w.call("GET", "/openapi.json", ""), http.StatusOK)
	if a.object(t)["openapi"] != "3.1.0" {
		t.Errorf("openapi = %v", a.object(t)["openapi"])
	}
}
