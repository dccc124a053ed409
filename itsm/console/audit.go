package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/sheet"
)

const (
	auditPageSize = 50
	auditRowsMax  = 10_000 // of the table
)

// auditPage lists who did what.
type auditPage struct {
	Parts                   []chip
	Actor, Object, From, To string
	Filtered                bool
	Rows                    []auditRow
	Next                    string
	CSV                     string
}

type auditRow struct {
	Offset             string
	When               when
	Actor, Act, Object string
	ActorHref, Href    string // the same filter; "" when it is set
	Link               string // the object's own page
	From, Result       string
	Reason, Detail     said
	Changes            []auditChange
}

type auditChange struct {
	Field         string
	Before, After said
}

func (auditPage) about() (string, string, string) { return "audit", "Audit", "audit" }

// auditFilter is what the query asks for.
type auditFilter struct {
	actor, object    string
	from, to         itsm.Time
	fromText, toText string
}

func readAuditFilter(v url.Values) (f auditFilter, err error) {
	f = auditFilter{actor: strings.TrimSpace(v.Get("actor")), object: strings.TrimSpace(v.Get("object")), fromText: line(v.Get("from"), 40), toText: line(v.Get("to"), 40)}
	if f.from, err = dayOf(f.fromText, false); err != nil {
		return f, err
	}
	f.to, err = dayOf(f.toText, true)
	return f, err
}

// dayOf reads a moment, or a day: its begin, or as an end the begin of the next.
func dayOf(s string, end bool) (itsm.Time, error) {
	if s == "" {
		return 0, nil
	}
	if d, err := time.Parse(time.DateOnly, s); err == nil {
		if end {
			d = d.AddDate(0, 0, 1)
		}
		return itsm.TimeOf(d), nil
	}
	t, err := itsm.ParseTime(s)
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "%s: expected a day such as 2026-11-03 or a moment such as 2026-11-03T09:00:00Z", s)
	}
	return t, nil
}

func (f auditFilter) query(cursor string, limit int) desk.ObjectQuery {
	q := desk.ObjectQuery{Kind: itsm.ObjectAudit, Cursor: cursor, Limit: limit}
	switch {
	case f.object != "":
		q.Ref = itsm.AuditObjectRef(f.object)
	case f.actor != "":
		q.Ref = itsm.AuditActorRef(f.actor)
	}
	q.Keep = func(o *itsm.Object) bool {
		if f.from != 0 && o.At < f.from || f.to != 0 && o.At >= f.to {
			return false
		}
		var l itsm.AuditLine
		return json.Unmarshal(o.Body, &l) == nil && (f.object == "" || l.Object == f.object) && (f.actor == "" || l.Actor == f.actor)
	}
	return q
}

// values are the filter as a query.
func (f auditFilter) values(more ...string) string {
	v := url.Values{}
	pairs := append([]string{"actor", f.actor, "object", f.object, "from", f.fromText, "to", f.toText}, more...)
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Del(pairs[i])
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return "?" + v.Encode()
}

func (c *Console) audit(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	v := query(ctx)
	f, err := readAuditFilter(v)
	if err != nil {
		return err
	}
	lines, next, err := nouns[itsm.AuditLine](c, f.query(v.Get("cursor"), auditPageSize))
	if err != nil {
		return err
	}
	p := auditPage{Parts: adminParts(who, "/admin/audit"), Actor: line(f.actor, nameRunesMax), Object: line(f.object, nameRunesMax), From: f.fromText, To: f.toText,
		Filtered: f.actor+f.object+f.fromText+f.toText != "", CSV: "/admin/audit.csv" + f.values()}
	inv := c.inventory()
	for i := range lines {
		p.Rows = append(p.Rows, viewAuditRow(&lines[i], f, inv, c.o.Clock()))
	}
	if next != "" {
		p.Next = "/admin/audit" + f.values("cursor", next)
	}
	return c.show(ctx, http.StatusOK, p)
}

func viewAuditRow(l *itsm.AuditLine, f auditFilter, inv inventory, now time.Time) auditRow {
	r := auditRow{Offset: itsm.AuditID(l.Offset), When: at(l.At, now), Actor: line(l.Actor, nameRunesMax), Act: deedOf(l.Act), Object: line(l.Object, nameRunesMax),
		From: line(l.RemoteIP, 60), Reason: inv.said(line(l.Reason, lineRunesMax)), Detail: inv.said(line(l.Detail, lineRunesMax)), Link: pageOfObject(l.Object)}
	r.Offset = strings.TrimLeft(r.Offset, "0")
	if l.Result != itsm.AuditDone {
		r.Result = l.Result
	}
	if f.actor == "" {
		r.ActorHref = "/admin/audit" + f.values("actor", l.Actor)
	}
	if f.object == "" {
		r.Href = "/admin/audit" + f.values("object", l.Object)
	}
	for _, ch := range l.Changes {
		r.Changes = append(r.Changes, auditChange{words(ch.Field), inv.said(line(ch.Before, lineRunesMax)), inv.said(line(ch.After, lineRunesMax))})
	}
	return r
}

// deeds say what acts are, where their own word is one of programs.
var deeds = map[string]string{"user_put": "changed", "sign_in": "signed in:", "token_create": "made", "token_revoke": "revoked", "team_put": "changed", "team_remove": "removed",
	"rules_save": "saved", "rules_activate": "activated", "cmdb_import": "imported", "configure": "changed", "connector.pause": "paused", "connector.resume": "resumed",
	"change.put": "saved", "change.cancel": "cancelled", "maintenance.put": "saved", "maintenance.end": "ended", "maintenance.cancel": "called off",
	"major.propose": "proposed as major:", "major.accept": "accepted as major:", "major.reject": "not major:", "major.demote": "no longer major:", "review": "reviewed", "review.done": "finished the review of",
	"problem.create": "made", "problem.accept": "accepted", "problem.dismiss": "dismissed", "problem.merge": "merged", "problem.assign": "assigned", "problem.state": "moved on",
	"problem.root_cause": "wrote the root cause of", "problem.workaround": "wrote the workaround of", "problem.known_error": "called a known error:", "problem.communicate": "told the workaround of",
	"problem.link": "linked to", "problem.unlink": "unlinked from", "problem.note": "noted on"}

func deedOf(act string) string {
	if d, ok := deeds[act]; ok {
		return d
	}
	return words(act)
}

// pageOfObject is where the console shows an object; "" where it does not.
func pageOfObject(object string) string {
	kind, id, _ := strings.Cut(object, "/")
	if id == "" {
		return "" // it was refused, so there is none
	}
	switch kind {
	case "incident", "problem", "change", itsm.ObjectConnector:
		return "/" + kind + "s/" + url.PathEscape(id)
	case "maintenance":
		return "/maintenance/" + url.PathEscape(id)
	case itsm.ObjectUser:
		return "/admin/users/" + url.PathEscape(id)
	case itsm.ObjectTeam:
		return "/admin/teams/" + url.PathEscape(id)
	case "rules":
		return "/rules/revisions/" + url.PathEscape(id)
	}
	return ""
}

// auditCSV is the list as a table for a spreadsheet.
func (c *Console) auditCSV(ctx *fiber.Ctx) error {
	f, err := readAuditFilter(query(ctx))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := sheet.NewWriter(&b)
	w.Row(itsm.AuditColumns...)
	for n, cursor := 0, ""; n < auditRowsMax; {
		lines, next, err := nouns[itsm.AuditLine](c, f.query(cursor, desk.PageMax))
		if err != nil {
			return err
		}
		for i := range lines {
			w.Row(lines[i].Cells()...)
		}
		if n, cursor = n+len(lines), next; next == "" {
			break
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	ctx.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	ctx.Set(fiber.HeaderContentDisposition, `attachment; filename="signalbox-audit.csv"`)
	return ctx.Send(b.Bytes())
}
