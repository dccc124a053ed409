package console

import (
	"fmt"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/partners"
)

// syncRow is how the incident stands at one partner.
type syncRow struct {
	Name, Href string
	Record     string // what the partner calls it
	Link       string
	Badge      badge
	Wants      string
	Has        string // "" when nobody looked
	Seen       when
	Spoke      when
	Note       string // why it was not told, or what is on its way
	Drift      []driftRow
}

type driftRow struct {
	Field, Has, Wants string
	Who, Rule, Then   string
}

func viewSyncRows(rows []partners.Row, now time.Time) []syncRow {
	var out []syncRow
	for n := range rows {
		out = append(out, viewSyncRow(&rows[n], now))
	}
	return out
}

func viewSyncRow(r *partners.Row, now time.Time) syncRow {
	v := syncRow{Name: line(r.Connector, 40), Href: connectorHref(r.Connector), Record: line(r.Link.ID, 60), Link: webLink(r.Link.URL), Seen: at(r.SeenAt, now), Spoke: at(r.At, now)}
	if r.Want.Status != itsm.RecordNone {
		v.Wants = recordWords(&r.Want, itsm.SyncAssignee|itsm.SyncGroup|itsm.SyncPriority)
	}
	if r.Has != nil {
		v.Has = recordWords(r.Has, r.Has.Knows)
		if r.Has.By != "" {
			v.Has += ", changed by " + line(r.Has.By, 60)
		}
	}
	switch {
	case !r.Told:
		v.Badge, v.Note = badge{"st-cancelled", "Not told", ""}, line(r.Why, lineRunesMax)
	case r.Failed:
		v.Badge, v.Note = badge{"st-new", "Refused", ""}, "the last message is a dead letter"
	case len(r.Differs) > 0:
		v.Badge = badge{"st-new", "Differs", ""}
	case r.Waiting > 0:
		v.Badge, v.Note = badge{"st-on_hold", "On its way", ""}, plural(r.Waiting, "message waits", "messages wait")
	case r.Has != nil:
		v.Badge = badge{"st-resolved", "Agrees", ""}
	case r.ToldAt == 0 && r.Want.Status == itsm.RecordNone:
		v.Badge = badge{"st-resolved", "Reported", ""} // by the partner; it was told nothing yet
	default:
		v.Badge = badge{"st-resolved", "Told", ""}
	}
	if r.Stranger != "" && r.Told {
		v.Note = strings.TrimPrefix(v.Note+"; ", "; ") + line(r.Stranger, 60) + " is not known there, so nobody is assigned"
	}
	if r.Theirs {
		v.Note = strings.TrimPrefix(v.Note+"; made there", "; ")
	}
	for _, d := range r.Differs {
		a := itsm.AuthorityOf(d.Field)
		v.Drift = append(v.Drift, driftRow{capital(words(a.Field)), orNobody(d.Has), orNobody(d.Want), capital(a.Owner), a.Conflict, capital(nextRepair(r, now))})
	}
	return v
}

// objectSync is how a change or a problem stands at the partners that have a record.
func (c *Console) objectSync(id string) []syncRow {
	if c.o.Partners == nil {
		return nil
	}
	return viewSyncRows(c.o.Partners.SyncObject(id), c.o.Clock())
}

// nextRepair says when the partner is told again.
func nextRepair(r *partners.Row, now time.Time) string {
	switch wait := r.RepairAt.Std().Sub(now); {
	case r.Repairs == 0:
		return "the next comparison settles it"
	case wait > 0:
		return fmt.Sprintf("told again %s, the next time in %s", plural(r.Repairs, "time", "times"), span(wait))
	}
	return fmt.Sprintf("told again %s", plural(r.Repairs, "time", "times"))
}

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return line(s, 80)
}

// recordWords says in a few words what a record is.
func recordWords(r *itsm.PartnerRecord, knows itsm.SyncFields) string {
	text := r.Status.String()
	if knows.Has(itsm.SyncPriority) && r.Priority != 0 {
		text += ", " + r.Priority.String()
	}
	if knows.Has(itsm.SyncAssignee) {
		text += ", with " + orNobody(r.Assignee)
	}
	if knows.Has(itsm.SyncGroup) && r.Group != "" {
		text += " of " + line(r.Group, 60)
	}
	return text
}
