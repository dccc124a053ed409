// Package connectortest holds connectors to what every one of them promises,
// whatever its partner and the network do: what is wanted there is delivered once
// or is in the dead letters, and nothing of anybody else is ever touched.
//
// # Use
//
// A connector's own test describes it as a Subject and runs the suite:
//
//	func TestConformance(t *testing.T) {
//		connectortest.Run(t, connectortest.Subject{
//			Connector: func(t testing.TB, url string, client *http.Client) connectors.Connector {
//				return acme.New(acme.Options{Name: connectortest.Name, URL: url, HTTP: client})
//			},
//			Front:  front,             // the vendor's protocol, see below
//			Report: report,            // body of its webhooks; nil without
//			Decode: source.Decoder(acmesource.Decode).Within(source.Bounds{}),
//		})
//	}
//
// Front is the only part that knows the vendor: an http.Handler that reads the
// vendor's requests, does what they ask for to the records of a Partner, and
// answers as the vendor does. A Partner is the real state machine behind it:
//
//	Create       a new record: for partners that make another one each time
//	Upsert       the open record of a key, or a new one: for partners with dedup keys
//	Fold         the same, for partners that leave the open record as it is
//	Get, Find    what can be seen; Find may be told to ignore its filter
//	FindKey      what a search by the key shows
//	Change, Note edit and comment; false: there is no such record
//	Once         true the first time: for partners that honour an idempotency key
//
// A front answers 404 for false as its vendor does, sets Object.Status from the
// vendor's words (a closed ticket is Resolved, an updated message that says so,
// too), and puts what was sent as a title into Title; the name of the CI or the
// number of the incident in Title, Key or Fields is how the suite finds whose a
// record is. It checks what the vendor checks: credentials, required fields,
// lengths. It needs no faults: the suite makes those in the network before it.
//
// A partner that only takes messages (mail, a generic webhook) keeps one record an
// incident with Upsert, turns each message into Change or Note, and honours the
// message's id with Once. One whose record is made by another transition than a
// trigger says so in Opens. What a partner has no place for is in Lacks.
//
// # What is tried
//
// Each case tells a story of five incidents: one goes all the way with notes and a
// new priority, one stays acknowledged, one is over before it was told, one comes
// back, one is acknowledged ten seconds after it opened. A well-behaved partner, then
// 17 that are slow, hang, throttle with and without saying for how long, fail before
// or after doing it, cut the connection before or after, cut their answer, are down
// for an hour, show what they made only 40 s later, with and without cut connections,
// ignore a search's filter, refuse, lose a record, or do it while our process
// restarts. With Report, people at the partner act and its webhooks come
// repeated, out of order, or from a clock that is wrong.
//
// With Objects a second story is told through the same misbehaviours: a change that goes
// all the way, one that is called off at once and a problem, whose records are also
// compared by sweeps. With Report people at the partner move a change and a problem, and
// once none of their reports comes, so that only a sweep can tell.
//
// Everything runs in virtual time (testing/synctest) over HTTP in memory, with the
// real client, sender, fold and desk. A connector must therefore start no goroutine
// that outlives its Push, use the client it is given, and keep time with package
// time.
//
// A connector whose partner makes another record each time has to look before it
// repeats a create: connectors.TriedAt says whether a call for this intent may have
// been made before, and when. A miss within a minute of it is no proof: answer with
// connectors.Retry and look again.
package connectortest
