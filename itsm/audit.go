package itsm

import (
	"fmt"
	"strings"
)

// ObjectAudit is the kind of the objects that say who changed what. They are made
// of the journal, which is the audit: offset names the entry that proves a line.
const ObjectAudit = "audit"

// AuditLine is one act: who, from where, on what, and what it changed.
type AuditLine struct {
	Offset   Offset        `json:"offset"`
	At       Time          `json:"at"`
	Actor    string        `json:"actor"`
	RemoteIP string        `json:"remote_ip"`
	Act      string        `json:"act"`
	Object   string        `json:"object"` // "incident/INC0000001", "user/ada", "rules/3"
	Result   string        `json:"result"` // AuditDone, AuditNothing or AuditRefused
	Reason   string        `json:"reason"` // what the actor gave: a note, an on-hold reason
	Detail   string        `json:"detail"` // what the fold answered
	Changes  []AuditChange `json:"changes"`
}

// What an act came to.
const (
	AuditDone    = "done"
	AuditNothing = "nothing" // it was already so
	AuditRefused = "refused"
)

// AuditChange is one field before and after.
type AuditChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Named bounds of an audit line.
const (
	AuditTextMax    = 500 // bytes of a reason, a detail or a value
	AuditChangesMax = 50
)

// AuditID is the id of the line of an entry: its digits sort like the offsets.
func AuditID(off Offset) string { return fmt.Sprintf("%020d", uint64(off)) }

// AuditActorRef and AuditObjectRef are what lines are found by. Names too long for
// a ref are cut, so whoever looks compares the whole name as well.
func AuditActorRef(actor string) string { return cutRef("actor/" + actor) }

// AuditObjectRef is what the lines about an object are found by.
func AuditObjectRef(object string) string { return cutRef("object/" + object) }

func cutRef(s string) string { return strings.ToValidUTF8(s[:min(len(s), ObjectNameMax)], "") }

// AuditColumns are the heads of Cells.
var AuditColumns = []string{"offset", "at", "actor", "remote_ip", "act", "object", "result", "reason", "detail", "changes"}

// Cells is the line as a row of a table.
func (l *AuditLine) Cells() []string {
	changes := make([]string, len(l.Changes))
	for i, c := range l.Changes {
		changes[i] = fmt.Sprintf("%s: %q to %q", c.Field, c.Before, c.After)
	}
	return []string{fmt.Sprint(uint64(l.Offset)), l.At.String(), l.Actor, l.RemoteIP, l.Act, l.Object, l.Result, l.Reason, l.Detail, strings.Join(changes, "; ")}
}
