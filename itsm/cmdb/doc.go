// Package cmdb holds the CIs and their relations as an immutable graph, binds
// alerts to CIs, walks along dependencies, and reads and writes CMDB files. It
// is pure: no clock, no goroutine, no file; the same changes give the same graph.
//
// A Graph is one revision. Parse reads a document, Graph.Plan compares it with a
// graph and gives Changes, a Diff for people and Problems; Changes travel
// through the journal as Chunks; Graph.Apply makes the next revision. Identify
// binds an alert; Explains, Within, Path, Services and Impact walk.
//
// Invariants: a Ref names the same CI for ever, retired or not, also after
// Encode and Decode. A failing dependency affects its dependant, whichever way
// the relation was written. Relations never lead to a retired CI. Lists of
// relations are in the order of the other end's id. A CI is retired when the
// last import source that listed it does not list it any more.
//
// # Files
//
// JSON and YAML: {"cis": [{"id", "name", "class", "env", "tier", "owner",
// "support_group", "aliases": [], "attributes": {}}], "relations": [{"from",
// "type", "to"}]}; id, name and class are needed, tier is 1 to 5. NDJSON: a line
// is such a CI, such a relation, {"ci": …}, {"relation": …} or a document.
//
// CSV is two files with a first row of column names, in any order. CIs: id,
// name, class, env, tier, owner, support_group, aliases, attributes; aliases are
// divided by | or are a JSON list, attributes are a JSON object. Relations: from,
// type, to. A cell that a spreadsheet would take for a formula has an
// apostrophe in front, which an import takes away.
//
// Unknown fields and columns, unknown relation types, relations of a CI with
// itself and exact repetitions are warnings; everything else that is wrong
// forbids the import as a whole.
//
// # Decisions
//
// 2026-11 Arrays and hash tables are persistent: pages copied on write, not a
// base with overlays. A change of one CI in a million costs a tenth of a
// millisecond, reading costs one indirection, and nothing ever has to be
// compacted.
//
// 2026-11 A CI is one string with length prefixes. A million CIs as Go structs
// cost three times the memory and most of the garbage collector's time.
//
// 2026-11 A name of more than NameHitsMax CIs (eth0, "zabbix agent") names
// nothing. Labels that say where an alert is rule out a CI only if they name a
// place that some other CI has: unknown places say nothing.
//
// 2026-11 Explicit CIs and mappings are never refined by other labels; a host is
// refined to what depends on it, or to the instance of a service that does.
package cmdb
