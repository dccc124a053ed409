package main

import (
	"fmt"
	"strings"
)

// tell tells an explanation: where it is, what the rules said, what is near.
func (t *whyteller) tell(x *toldWhy) {
	t.printf("%s: %s\n", x.Alert, plain(x.Event.Title))
	if d := x.Decided; d != nil {
		t.printf("  is in       %s since %s: %s\n", x.Incident, d.At, decided(d))
		t.list("then        ", "runner-up "+d.RunnerUp, d.RunnerUp != "")
		t.list("            ", "otherwise with: "+d.WouldSplit, d.WouldSplit != "")
	} else if x.SuppressedBy != "" {
		t.printf("  is in       no incident: %s\n", plain(x.SuppressedBy))
	} else {
		t.printf("  is in       no incident\n")
	}
	if x.Now != nil {
		t.printf("  now         %s\n", x.now())
	}
	t.printf("  as of       %s, %s, CMDB revision %d\n", x.At, revisionName(x.Revision), x.CMDBRevision)
	t.printf("  CI          %s", plain(x.CI))
	if x.BoundBy != "" {
		t.printf(" by %s", plain(x.BoundBy))
	}
	t.printf("\n")
	for _, l := range x.Trail {
		t.printf("              %s\n", plain(l))
	}
	t.rules(x)
	t.neighbours(x.Neighbours, x.More)
}

func (t *whyteller) list(label, text string, is bool) {
	if is {
		t.printf("  %s%s\n", label, plain(text))
	}
}

// decided is what was decided then, in a sentence.
func decided(d *toldEvidence) string {
	s := d.Decision + ", " + plain(d.Because)
	if d.Score != nil && d.Threshold != nil {
		s += fmt.Sprintf(" (%.3f, above %.3f)", *d.Score, *d.Threshold)
	}
	if d.Rule != "" && d.Rule != "default" {
		s += fmt.Sprintf("; rule %s of revision %d", d.Rule, d.Revision)
	}
	return s + fmt.Sprintf("; CMDB revision %d then", d.CMDBRevision)
}

// now is what would be decided now. Of a member it is about the other incidents.
func (x *toldWhy) now() string {
	o := x.Now
	switch {
	case x.Decided != nil && o.What == "joins":
		return "it would join " + o.Incident + ": " + plain(o.Because)
	case x.Decided != nil && o.What == "opens" && o.Rule == "default":
		return "no other incident fits it better"
	case o.Incident != "":
		return o.What + " " + o.Incident + ": " + plain(o.Because)
	}
	return o.What + ": " + plain(o.Because)
}

// rules tells what the rules said, stage by stage.
func (t *whyteller) rules(x *toldWhy) {
	tried, matched := 0, 0
	for _, s := range x.Stages {
		tried += len(s.Tried) + s.More
		for _, r := range s.Tried {
			if r.Matched {
				matched++
			}
		}
	}
	if tried == 0 {
		t.printf("\nRules: none was tried\n")
		return
	}
	t.printf("\nRules: %d tried, %d matched", tried, matched)
	if matched < tried && !t.all {
		t.printf("; see why not with --all")
	}
	t.printf("\n")
	for _, s := range x.Stages {
		t.stage(&s)
		if s.Stage == "normalise" {
			for _, c := range x.Changed {
				t.printf("      %s: %s from %q to %q\n", c.Rule, plain(c.Field), plain(c.From), plain(c.To))
			}
		}
	}
}

func (t *whyteller) stage(s *toldStage) {
	if s.Skipped != "" {
		t.printf("  %-10s  not tried: %s\n", s.Stage, plain(s.Skipped))
		return
	}
	for _, r := range s.Tried {
		switch {
		case r.Matched:
			t.printf("  %-10s  + %s%s  %s%s\n", s.Stage, r.Rule, shadowed(r.Shadow), plain(r.About), values(&r))
		case t.all && r.Failed != "":
			t.printf("  %-10s  - %s%s  %s %s%s\n", s.Stage, r.Rule, shadowed(r.Shadow), oneLine(r.Failed), plain(r.Why), values(&r))
		case t.all:
			t.printf("  %-10s  - %s%s  %s\n", s.Stage, r.Rule, shadowed(r.Shadow), plain(r.Why))
		}
	}
	if t.all && s.More > 0 {
		t.printf("  %-10s  … and %d more that did not match\n", s.Stage, s.More)
	}
}

func shadowed(is bool) string {
	if is {
		return " (shadow)"
	}
	return ""
}

func values(r *toldTried) string {
	var out []string
	for _, v := range r.Values {
		out = append(out, fmt.Sprintf("%s=%q", plain(v.Name), plain(v.Value)))
	}
	if len(out) == 0 {
		return ""
	}
	return " [" + strings.Join(out, ", ") + "]"
}

func (t *whyteller) neighbours(list []toldNeighbour, more int) {
	if len(list) == 0 {
		t.printf("\nNo other incident is near it.\n")
		return
	}
	t.printf("\nIncidents near it:\n")
	for _, n := range list {
		t.printf("  %s  %s\n", n.Incident, besides(&n))
	}
	if more > 0 {
		t.printf("  … and %d more\n", more)
	}
}

// besides says what speaks for a neighbour and what against.
func besides(n *toldNeighbour) string {
	relation := plain(n.Relation)
	if relation == "" {
		relation = "of the same time"
	}
	if n.Score != nil {
		relation += fmt.Sprintf(" (%.3f)", *n.Score)
	}
	if n.Why == "" {
		return relation + "; this one would be joined now"
	}
	return relation + "; not joined: " + plain(n.Why)
}

// member tells why one alert of an incident is there.
func (t *whyteller) member(m *toldMember) {
	t.printf("  %s  %s\n", m.Alert, decided(&m.Decided))
	if len(m.Spoke) > 0 {
		t.printf("              rules: %s\n", plain(strings.Join(m.Spoke, ", ")))
	}
	if m.Now != nil && m.Now.What == "joins" {
		t.printf("              now: it would join %s: %s\n", m.Now.Incident, plain(m.Now.Because))
	}
	for i := range m.Neighbours[:min(len(m.Neighbours), 2)] {
		t.printf("              %s: %s\n", m.Neighbours[i].Incident, besides(&m.Neighbours[i]))
	}
}
