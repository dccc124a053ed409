// Package webhook is the mapping language of partners that have no connector of
// their own: a YAML file says which HTTP request each transition of an incident
// becomes, and what act a webhook of the partner is. It is pure: it renders requests
// and decodes bodies, and sends nothing.
//
// Values are expressions in CEL. Outgoing ones see
//
//	incident    map: number, epoch, key, title, state, priority, severity, impact, urgency,
//	            cis, services, cause, because, alerts, firing, group, assignee, url, runbook,
//	            opened_at, acknowledged_by, resolved_at, resolved_by, close_code, close_note
//	transition  trigger, update, acknowledge, resolve or note
//	text        the note, or why it is told
//	actor       who did it
//	at          when that was, in ms
//	key         of the effect; the same in every repeat
//	record      the partner's id of the record; "" while it has none
//	vars        map of texts from the connector's configuration
//	answer      what the partner answered, where an answer is read
//	keys        our keys of the records that a look asks about; in look only
//	ids         the partner's ids of records; in known of look only
//	item        one of the records that a look's answer holds
//	login       map: user, password; in login only
//
// and incoming ones see body and vars. Beside CEL's own functions there are json(x),
// escape(text) for a part of a URL, html(text), quiet(text), which takes the power
// to notify out of a text, and cut(text, bytes); and body.?a.?b.orValue("") reads
// what may be missing.
//
// examples holds a tested mapping for each of several partners; "standard", which
// needs no file, is the one of https://www.standardwebhooks.com.
//
// # Decisions
//
// 2026-11 An expression gives a path and no URL: the host is the configuration's,
// so that no text of an alert or a partner can lead the credentials elsewhere.
package webhook
