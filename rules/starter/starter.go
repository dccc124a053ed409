// Package starter is a rule set to begin with, for alerts of Kubernetes, nodes,
// databases and Datadog: 'signalbox rules starter' writes it out, and from then on
// it is its owner's. Nothing of it is active by itself.
package starter

import (
	"embed"
	"io/fs"
	"strings"

	"signalbox/rules"
)

//go:embed *.yaml
var files embed.FS

// Files returns the files of the set, by name.
func Files() []rules.File { return read(false) }

// Tests returns the tests of the set, one file for each of its files, as
// 'signalbox rules test' reads them.
func Tests() []rules.File { return read(true) }

func read(tests bool) []rules.File {
	var out []rules.File
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // a pattern written above
	}
	for _, n := range names {
		if strings.HasSuffix(n, "_test.yaml") != tests {
			continue
		}
		b, err := files.ReadFile(n)
		if err != nil {
			panic(err) // a file of this program
		}
		out = append(out, rules.File{Name: n, Body: string(b)})
	}
	return out
}
