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
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write openapi.yaml as JSON: %w", err)
	}
	return b, nil
}

func (a *API) openapi(r *request) error {
	r.Set("Content-Type", plainJSON)
	r.Response().SetBodyRaw(a.openAPI)
	return nil
}
