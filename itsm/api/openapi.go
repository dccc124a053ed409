package api

import (
	_ "embed" // for the document
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openAPISource []byte

// openAPIDocument returns the document as JSON, the form that clients expect.
func openAPIDocument() ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(openAPISource, &doc); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	everywhere(doc)
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write openapi.yaml as JSON: %w", err)
	}
	return b, nil
}

// everywhere adds what every address that needs credentials may answer: a
// token that is limited to some services is forbidden most of them, and wrong tokens
// are throttled.
func everywhere(doc map[string]any) {
	paths, _ := doc["paths"].(map[string]any)
	for path, item := range paths {
		operations, _ := item.(map[string]any)
		for _, op := range operations {
			o, ok := op.(map[string]any)
			answers, _ := o["responses"].(map[string]any)
			if !ok || answers == nil || path == "/healthz" || path == "/readyz" {
				continue
			}
			more := map[string]any{}
			for status, answer := range answers {
				more[status] = answer
			}
			for status, name := range map[string]string{"403": "Forbidden", "429": "Throttled"} {
				if more[status] == nil {
					more[status] = map[string]any{"$ref": "#/components/responses/" + name}
				}
			}
			o["responses"] = more // a new one: the document's anchors share theirs
		}
	}
}

func (a *API) openapi(r *request) error {
	r.Set("Content-Type", plainJSON)
	r.Response().SetBodyRaw(a.openAPI)
	return nil
}
