package datadogtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// Spec is the part of Datadog's OpenAPI documents that is about some paths. The
// documents have ten megabytes; what is not asked for is never parsed.
type Spec struct {
	blocks map[string]map[string]string // version → "path /x" or "schema X" → text

	mu      sync.Mutex
	bodies  map[string]string           // what was found of "version METHOD path"
	schemas map[string]*openapi3.Schema // by "version name"
}

var (
	specOnce sync.Once
	spec     *Spec
	specErr  error
)

// Documents reads the documents in the module of Datadog's client.
func Documents(t testing.TB) *Spec {
	t.Helper()
	specOnce.Do(func() { spec, specErr = readSpec() })
	if specErr != nil {
		t.Fatal(specErr)
	}
	return spec
}

func readSpec() (*Spec, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/DataDog/datadog-api-client-go/v2").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module of Datadog's client: %w", err)
	}
	s := &Spec{blocks: map[string]map[string]string{}, bodies: map[string]string{}, schemas: map[string]*openapi3.Schema{}}
	for _, v := range []string{"v1", "v2"} {
		b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), ".generator", "schemas", v, "openapi.yaml"))
		if err != nil {
			return nil, err
		}
		s.blocks[v] = cutBlocks(string(b))
	}
	return s, nil
}

// cutBlocks cuts a document at the keys of paths and of components.schemas.
func cutBlocks(doc string) map[string]string {
	out := map[string]string{}
	top, part, name := "", "", ""
	var text strings.Builder
	flush := func() {
		if name != "" {
			out[name] = text.String()
		}
		name = ""
		text.Reset()
	}
	for line := range strings.Lines(doc) {
		trimmed := strings.TrimLeft(line, " ")
		indent := len(line) - len(trimmed)
		key, _, isKey := strings.Cut(strings.TrimRight(trimmed, "\n"), ":")
		blank := strings.TrimSpace(trimmed) == "" || strings.HasPrefix(trimmed, "#")
		switch {
		case blank:
		case indent == 0 && isKey:
			flush()
			top, part = key, ""
			continue
		case indent == 2 && isKey && top == "components":
			flush()
			part = key
			continue
		case indent == 2 && isKey && top == "paths":
			flush()
			name = "path " + strings.Trim(key, `"'`)
			continue
		case indent == 4 && isKey && top == "components" && part == "schemas":
			flush()
			name = "schema " + key
			continue
		}
		if name != "" {
			text.WriteString(line)
		}
	}
	flush()
	return out
}

// recordID is an id of the fakes in a path.
var recordID = regexp.MustCompile(`/(OBJ|d-)?[0-9]+\b`)

var schemaRef = regexp.MustCompile(`#/components/schemas/([A-Za-z0-9_]+)`)

// Check holds the body of a request against the document.
func (s *Spec) Check(method, path, body string) error {
	s.mu.Lock() // one at a time, which also keeps what was found
	defer s.mu.Unlock()
	version := strings.Split(path, "/")[2]
	pattern, ref, err := s.request(version, method, path)
	if err != nil || ref == "" && body == "" {
		return err
	}
	if ref == "" || body == "" {
		return fmt.Errorf("%s %s: a body where the document has none, or none where it has one: %s", method, pattern, body)
	}
	schema, err := s.schema(version, ref)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return err
	}
	if err := schema.VisitJSON(v, openapi3.EnableFormatValidation()); err != nil {
		return fmt.Errorf("%s %s is no %s: %w\n%s", method, path, ref, err, body)
	}
	if odd := unknown(schema, v, ref); len(odd) > 0 {
		return fmt.Errorf("%s %s: %s has no %s\n%s", method, path, ref, strings.Join(odd, ", "), body)
	}
	return nil
}

// request finds the operation of a call and the name of its body's schema.
func (s *Spec) request(version, method, path string) (pattern, ref string, err error) {
	want := strings.Split(path, "/")
	kept := version + " " + method + " " + recordID.ReplaceAllString(path, "{}")
	if ref, ok := s.bodies[kept]; ok {
		return path, ref, nil
	}
	var found []string
	for name := range s.blocks[version] {
		p, ok := strings.CutPrefix(name, "path ")
		has := strings.Split(p, "/")
		if !ok || len(has) != len(want) {
			continue
		}
		if slices.EqualFunc(has, want, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") }) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return strings.Count(a, "{") - strings.Count(b, "{") })
	if len(found) == 0 {
		return "", "", fmt.Errorf("%s %s is no path of the API", method, path)
	}
	var ops map[string]struct {
		RequestBody struct {
			Content map[string]struct {
				Schema struct {
					Ref string `yaml:"$ref"`
				} `yaml:"schema"`
			} `yaml:"content"`
		} `yaml:"requestBody"`
	}
	if err := yaml.Unmarshal([]byte(s.blocks[version]["path "+found[0]]), &ops); err != nil {
		return "", "", err
	}
	op, ok := ops[strings.ToLower(method)]
	if !ok {
		return "", "", fmt.Errorf("%s has no %s", found[0], method)
	}
	s.bodies[kept] = strings.TrimPrefix(op.RequestBody.Content["application/json"].Schema.Ref, "#/components/schemas/")
	return found[0], s.bodies[kept], nil
}

// schema loads a schema with all that it refers to.
func (s *Spec) schema(version, name string) (*openapi3.Schema, error) {
	if known := s.schemas[version+" "+name]; known != nil {
		return known, nil
	}
	need, text := []string{name}, strings.Builder{}
	text.WriteString("openapi: 3.0.0\ninfo: {title: part, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n")
	for i := 0; i < len(need); i++ {
		block, ok := s.blocks[version]["schema "+need[i]]
		if !ok {
			return nil, fmt.Errorf("there is no schema %s", need[i])
		}
		text.WriteString("    " + need[i] + ":\n" + block)
		for _, m := range schemaRef.FindAllStringSubmatch(block, -1) {
			if !slices.Contains(need, m[1]) {
				need = append(need, m[1])
			}
		}
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text.String()))
	if err != nil {
		return nil, err
	}
	s.schemas[version+" "+name] = doc.Components.Schemas[name].Value
	return s.schemas[version+" "+name], nil
}

// unknown lists what a value has and its schema does not name. Where there is a
// choice of schemas, VisitJSON has the word.
func unknown(schema *openapi3.Schema, v any, at string) (odd []string) {
	m, ok := v.(map[string]any)
	if !ok || schema == nil || len(schema.OneOf) > 0 || len(schema.Properties) == 0 {
		return nil
	}
	for k, x := range m {
		p := schema.Properties[k]
		if p == nil {
			if schema.AdditionalProperties.Schema == nil && (schema.AdditionalProperties.Has == nil || !*schema.AdditionalProperties.Has) {
				odd = append(odd, at+"."+k)
			}
			continue
		}
		odd = append(odd, unknown(p.Value, x, at+"."+k)...)
	}
	slices.Sort(odd)
	return odd
}
