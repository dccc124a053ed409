package webhook

import (
	"embed"
	"slices"
	"strings"

	"signalbox/itsm"
)

//go:embed examples/*.yml
var files embed.FS

// StandardExample is the mapping of a connector that names none.
const StandardExample = "standard"

// Examples lists the names of the built-in mappings, sorted.
func Examples() []string {
	list, err := files.ReadDir("examples")
	if err != nil {
		panic(err) // a directory of this program
	}
	var out []string
	for _, f := range list {
		out = append(out, strings.TrimSuffix(f.Name(), ".yml"))
	}
	slices.Sort(out)
	return out
}

// Example returns the text of a built-in mapping.
func Example(name string) (string, error) {
	b, err := files.ReadFile("examples/" + name + ".yml")
	if err != nil || !slices.Contains(Examples(), name) {
		return "", itsm.Errorf(itsm.NotFound, "mapping %q: expected one of %s", name, strings.Join(Examples(), ", "))
	}
	return string(b), nil
}

// Standard compiles the mapping of Standard Webhooks.
func Standard() (*Mapping, error) {
	text, err := Example(StandardExample)
	if err != nil {
		return nil, err
	}
	return Parse(StandardExample+".yml", []byte(text))
}
