package itsm

// Authority says of one field who decides about it when Signalbox and its
// partners differ. The table is the one that the fold follows, that the console
// and the API show beside each incident, and that tests go through.
type Authority struct {
	Field    string // what it is about, one of the Authority* words
	Owner    string // whose word counts
	Conflict string // what counts when two differ
	Effect   string // what is done about it
}

// Fields of the table.
const (
	AuthorityCondition    = "condition"
	AuthorityAcknowledged = "acknowledged"
	AuthorityAssignee     = "assignee"
	AuthorityPriority     = "priority"
	AuthorityResolved     = "resolved"
	AuthorityText         = "title"
	AuthorityNotes        = "notes"
	AuthorityBinding      = "binding"
	AuthorityProblem      = "problem"
	AuthorityChange       = "change"
	AuthorityRecordText   = "record text"
)

// Authorities lists every field that is shared with partners.
func Authorities() []Authority {
	return []Authority{
		{AuthorityCondition, "the monitoring source", "the sender's own time of the event; what is older than the last applied is kept and changes nothing",
			"when every alert is clear the incident resolves after the hold, and partners are told"},
		{AuthorityAcknowledged, "any person, in any tool", "the first one counts; only a person or the pager's time-out takes it back",
			"told once to every other partner"},
		{AuthorityAssignee, "people: the pager for who is on call, the ITSM tool for the queue", "the last decision of a person, by the time it was made; a program never overrides a person",
			"told to every other partner; one that knows nobody of that name or e-mail keeps whom it has, and its line says so; a partner that a program changed is set back"},
		{AuthorityPriority, "Signalbox, from impact and urgency", "a person's override stays until the incident closes; what is computed is shown beside it",
			"told to every partner that has a priority"},
		{AuthorityResolved, "the person who resolved it, else the monitoring source", "resolved stands above acknowledged and open; resolved while alerts fire is flagged and reopens after the grace",
			"told to every other partner; a reopened incident is a new epoch there"},
		{AuthorityText, "Signalbox", "what Signalbox shows counts", "title, runbook and links are told again when they change"},
		{AuthorityNotes, "whoever wrote them", "append only: the union, each note once", "told to every other partner, never changed"},
		{AuthorityBinding, "Signalbox", "a person's merge, split or binding stays", "partners see the CIs; they do not decide them"},
		{AuthorityProblem, "Signalbox or the ITSM tool", "the last edit of a person", "sent to the open incidents that are linked"},
		{AuthorityChange, "Signalbox or the ITSM tool that has its record", "of state and times the last edit of a person counts", "told to the record there, also of a change that was made there where changes of its type are kept both ways"},
		{AuthorityRecordText, "whoever made the change or the problem: Signalbox, or the ITSM tool", "title, description, type, risk and who are as they are there", "Signalbox sets the records of its own back; of those made elsewhere it takes over what they say"},
	}
}

// AuthorityOf returns the row of a field; the zero row when there is none.
func AuthorityOf(field string) Authority {
	for _, a := range Authorities() {
		if a.Field == field {
			return a
		}
	}
	return Authority{}
}
