// Package console is the web console: server-rendered pages for the people on
// call, the teams and the problem managers. It reads the folded records through
// [Records], looks CIs up in the active graph, and acts by journaling acts through
// [Engine], like everybody else.
//
// One page is one Go file and one template. The Go file has the page's typed
// struct, a pure function that builds it from domain values and a moment, and the
// handler, which only fetches. Templates hold no logic beyond range, if and with.
// All routes stand in one list (routes.go) with the role each of them needs.
//
// # Invariants
//
//   - Every page and every action works without JavaScript; static/app.js adds
//     keys, current times and the "something changed" notice, and never reloads a
//     page under its reader; only the page of a running backtest, on which there is
//     nothing to lose, gives way to the report.
//   - Text from outside is only ever text: html/template escapes it, line and
//     block bound it, and scrub removes control and bidi characters from the
//     finished page, whatever the template did.
//   - Nothing inline: the content security policy allows no inline script or
//     style, and a test parses every page for them.
//   - An action is a POST from our own pages, answered by a redirect; a stale one
//     is answered by the page as it is now and what changed in between.
//   - New fails when a template is missing, unused or does not parse.
//
// It owns no keys. Session and theme live in cookies.
//
// # Decisions
//
// 2026-11 Acknowledge and note carry no version, the other acts do. Both are true
// whatever else changed, and alerts that join during an outage must not make the
// one tap fail that matters at three in the morning.
//
// 2026-11 A flash message is a code and an incident number in a cookie, not text:
// who can plant a cookie still cannot put words on our page.
//
// 2026-11 The live stream says how many rows are new to the page and how many
// changed, worked out on the server from the page's own filter and a digest of each
// row it shows, both in the stream's address. It ends itself after a while: the
// browser reconnects, no state is kept, and shutting down need not wait.
// Rejected: pushing fragments, which moves the page under the reader; counting
// changes by journal entry, which every repetition of an alert would raise.
//
// 2026-11 The dependency picture is drawn twice, as columns and as rows, and the
// style sheet shows one. One picture scaled down is unreadable on a phone.
package console
