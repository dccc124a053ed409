package console

import (
	"slices"

	"signalbox/itsm/access"
)

// menu is the navigation: a bar of what people use all day, and one menu of
// everything, in groups, that opens without JavaScript.
type menu struct {
	Bar    []menuEntry
	Groups []menuGroup
	Inside bool // the current page has no entry in the bar
}

type menuGroup struct {
	Title   string
	Entries []menuEntry
}

type menuEntry struct {
	Label   string
	Href    string
	Current bool
	Phone   bool // in the bar of a phone as well
	Waiting int  // things that wait for somebody there
}

// menuRow is one page of the navigation. nav is what page.about answers.
type menuRow struct {
	nav, label, href string
	bar, phone       bool
	role             access.Role // that sees it; the zero value is anybody
}

// menuRows are the groups in the order in which people read them.
var menuRows = []struct {
	title string
	rows  []menuRow
}{
	{"Work", []menuRow{{nav: "home", label: "Home", href: "/home", bar: true, phone: true}, {nav: "incidents", label: "Incidents", href: "/", bar: true, phone: true},
		{nav: "alerts", label: "Alerts", href: "/alerts"}, {nav: "problems", label: "Problems", href: "/problems", bar: true, phone: true}, {nav: "reports", label: "Reports", href: "/reports", bar: true}}},
	{"Changes", []menuRow{{nav: "changes", label: "Changes", href: "/changes", bar: true}, {nav: "maintenance", label: "Maintenance", href: "/maintenance"}}},
	{"What there is", []menuRow{{nav: "cis", label: "CMDB", href: "/cis", bar: true}, {nav: "unbound", label: "Not in the CMDB", href: "/unbound"}, {nav: "rules", label: "Rules", href: "/rules", bar: true}}},
	{"Traffic", []menuRow{{nav: "connectors", label: "Connectors", href: "/connectors", bar: true}, {nav: "deliveries", label: "Deliveries", href: "/deliveries"}, {nav: "quarantine", label: "Quarantine", href: "/quarantine"},
		{nav: "totals", label: "Totals", href: "/totals"}, {nav: "status", label: "Status", href: "/status"}}},
	{"Administration", []menuRow{{nav: "users", label: "Users", href: "/admin/users", role: access.Admin}, {nav: "teams", label: "Teams", href: "/admin/teams", role: access.Admin},
		{nav: "tokens", label: "Tokens", href: "/admin/tokens", role: access.Admin}, {nav: "audit", label: "Audit", href: "/admin/audit", role: access.Admin},
		{nav: "account", label: "Account", href: "/account"}, {nav: "help", label: "Help and keys", href: "/help"}}},
}

// menuFor is the navigation of a page: without absent, which this server does not
// have, and without what the reader may not see.
func menuFor(nav string, role access.Role, absent []string, waiting map[string]int) menu {
	m := menu{Inside: true}
	for _, g := range menuRows {
		group := menuGroup{Title: g.title}
		for _, r := range g.rows {
			if slices.Contains(absent, r.nav) || !role.Allows(r.role) {
				continue
			}
			e := menuEntry{Label: r.label, Href: r.href, Current: r.nav == nav, Phone: r.phone, Waiting: waiting[r.nav]}
			group.Entries = append(group.Entries, e)
			if r.bar {
				m.Bar = append(m.Bar, e)
				m.Inside = m.Inside && !e.Current
			}
		}
		m.Groups = append(m.Groups, group)
	}
	m.Inside = m.Inside && nav != ""
	return m
}

// menuOf is the navigation of a page for a reader.
func (c *Console) menuOf(nav string, who access.Identity) menu {
	var absent []string
	if c.o.Rules == nil {
		absent = append(absent, "rules")
	}
	if c.o.Ledger == nil {
		absent = append(absent, "deliveries", "totals")
	}
	if c.o.Reports == nil {
		absent = append(absent, "reports")
	}
	if c.o.ImportCMDB == nil {
		absent = append(absent, "unbound")
	}
	return menuFor(nav, who.Role, absent, map[string]int{"quarantine": c.o.Records.Counts().QuarantineWaiting})
}
