// Package source is what the vendor decoders share: the shape of their result,
// the bounds of what they accept, and a JSON reader that turns a body into
// events without building a tree. It is pure.
//
// A Decoder takes the body of one delivery and speaks the sender's words: it
// fills itsm.Event, never Event.Source, and it knows neither the CMDB nor HTTP.
// One bad alert does not spoil its batch: it comes back as entry.Bad, whose Body
// is a delivery of its own that the same decoder accepts once its mapping is
// fixed. An error means that nothing was decodable.
//
// One rule for everybody: unknown fields are skipped, of duplicate keys the
// first wins, keys match exactly, invalid UTF-8 and lone surrogates become
// U+FFFD, a byte-order mark is ignored.
//
// # Decisions
//
// 2026-11 Our own reader instead of encoding/json or fastjson. encoding/json
// costs ten times as much, matches keys in any case and lets the last duplicate
// win; a fastjson tree costs twice as much, accepts things that are not JSON and
// cannot say which bytes an alert occupied, which quarantine needs. The reader
// is checked against encoding/json by a fuzz target.
//
// 2026-11 A value over its bound makes the alert Bad, with an error that names
// the bound. Cutting it would change identities silently.
package source
