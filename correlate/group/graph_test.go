package group

import (
	"bytes"
	"os"
	"testing"

	"signalbox/itsm/cmdb"
)

// parseGraph makes a graph of a JSON document.
func parseGraph(tb testing.TB, doc []byte) *cmdb.Graph {
	tb.Helper()
	return importTo(tb, cmdb.Empty(cmdb.DefaultRelationTypes()), doc)
}

// importTo imports a JSON document into a graph.
func importTo(tb testing.TB, g *cmdb.Graph, doc []byte) *cmdb.Graph {
	tb.Helper()
	d, problems := cmdb.Parse(cmdb.JSON, bytes.NewReader(doc))
	changes, _, planned := g.Plan(d, "test", false)
	next := g.Apply(changes)
	if next.Len() == 0 {
		tb.Fatalf("no CIs in the document: %v %v", problems, planned)
	}
	return next
}

// readGraph makes a graph of a JSON file.
func readGraph(tb testing.TB, path string) *cmdb.Graph {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return parseGraph(tb, b)
}
