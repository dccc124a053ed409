package servicenow

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// ciPrefix begins the ids of CIs that came from ServiceNow.
const ciPrefix = "servicenow:"

const (
	pageRows      = 1000 // rows of one request
	leftOutShown  = 100  // rows left out that are told one by one
	aliasBytesMax = 255
	retired       = "7" // install_status
)

const ciFields = "name,sys_class_name,fqdn,ip_address,serial_number,busines_criticality,business_criticality,owned_by,support_group,environment,used_for,install_status,operational_status"

// Inventory implements connectors.Inventory: every CI of the configured tables that
// is not retired, and the relations between them. Pages are asked for by key: rows
// move between numbered pages while others are written, and a sys_id never changes.
// What was deleted there is missing here, and an import that prunes takes it away.
func (c *Connector) Inventory(ctx context.Context) (connectors.Estate, error) {
	tables := c.o.CITables
	if len(tables) == 0 {
		tables = []string{"cmdb_ci"}
	}
	e := estate{seen: map[string]bool{}}
	for _, table := range tables {
		if err := c.pages(ctx, table, ciFields, e.ci); err != nil {
			return connectors.Estate{}, fmt.Errorf("read table %s: %w", table, err)
		}
	}
	if err := c.pages(ctx, "cmdb_rel_ci", "parent,child,type", e.relation); err != nil {
		return connectors.Estate{}, fmt.Errorf("read table cmdb_rel_ci: %w", err)
	}
	if n := e.left - leftOutShown; n > 0 {
		e.LeftOut = append(e.LeftOut, fmt.Sprintf("and %d more", n))
	}
	return e.Estate, nil
}

// estate gathers rows.
type estate struct {
	connectors.Estate
	seen map[string]bool
	left int
}

func (e *estate) leave(format string, args ...any) {
	if e.left++; e.left <= leftOutShown {
		e.LeftOut = append(e.LeftOut, fmt.Sprintf(format, args...))
	}
}

// ci takes a row of cmdb_ci or of a table that extends it.
func (e *estate) ci(r row) error {
	ci := ciOf(r)
	switch {
	case e.seen[r.id()] || r.value("install_status") == retired:
	case ci.Name == "":
		e.leave("%s %s has no name", r.value("sys_class_name"), r.id())
	case len(e.CIs) == connectors.EstateMax:
		return itsm.Errorf(itsm.TooLarge, "ServiceNow lists more than %d CIs; name fewer tables in cmdb_tables", connectors.EstateMax)
	default:
		e.seen[r.id()] = true
		e.CIs = append(e.CIs, ci)
	}
	return nil
}

// relation takes a row of cmdb_rel_ci; one of a CI that is retired or of another
// table is left out silently.
func (e *estate) relation(r row) error {
	rel, ok := relationOf(r)
	switch {
	case !e.seen[r.value("parent")] || !e.seen[r.value("child")] || rel.From == rel.To:
	case !ok:
		e.leave("relation %s has the type %q, which is not of the form \"Depends on::Used by\"", r.id(), r["type"].shown)
	case len(e.Relations) == connectors.EstateMax:
		return itsm.Errorf(itsm.TooLarge, "ServiceNow lists more than %d relations; name fewer tables in cmdb_tables", connectors.EstateMax)
	default:
		e.Relations = append(e.Relations, rel)
	}
	return nil
}

// pages reads a whole table in the order of sys_id. A row that does not go on from
// the last one means that the search was ignored, and nothing can be said.
func (c *Connector) pages(ctx context.Context, table, fields string, each func(row) error) error {
	last := ""
	for {
		q := reading(fields)
		q.Set("sysparm_display_value", "all")
		q.Set("sysparm_limit", strconv.Itoa(pageRows))
		q.Set("sysparm_query", "ORDERBYsys_id")
		if last != "" {
			q.Set("sysparm_query", term("sys_id", ">", last)+"^ORDERBYsys_id")
		}
		var got struct{ Result []row }
		if err := c.rest.Do(ctx, http.MethodGet, c.table(url.PathEscape(table), q), nil, &got); err != nil {
			return err
		}
		for _, r := range got.Result {
			if r.id() <= last {
				return itsm.Errorf(itsm.Unavailable, "ServiceNow returned row %q after %q, although it was asked for what follows in the order of sys_id", r.id(), last)
			}
			last = r.id()
			if err := each(r); err != nil {
				return err
			}
		}
		if len(got.Result) < pageRows {
			return nil
		}
	}
}

// ciOf makes a CI of a row.
func ciOf(r row) itsm.CI {
	ci := itsm.CI{ID: ciPrefix + r.id(), Name: strings.TrimSpace(r.value("name")), Class: classOf(r.value("sys_class_name")),
		Env: strings.ToLower(cmp.Or(r["environment"].shown, r["used_for"].shown)), Owner: r["owned_by"].shown, SupportGroup: r["support_group"].shown,
		Tier: tiers[cmp.Or(r.value("busines_criticality"), r.value("business_criticality"))], Attributes: map[string]any{"sys_id": r.id()}}
	for _, alias := range []string{r.value("fqdn"), r.value("ip_address"), r.value("serial_number")} {
		if alias != "" && alias != ci.Name && len(alias) <= aliasBytesMax {
			ci.Aliases = append(ci.Aliases, alias)
		}
	}
	for name, v := range map[string]string{"ip": r.value("ip_address"), "operational_status": r["operational_status"].shown} {
		if v != "" {
			ci.Attributes[name] = v
		}
	}
	return ci
}

// tiers of business criticality. The field is spelt with one s in a new instance.
var tiers = map[string]int{"1 - most critical": 1, "2 - somewhat critical": 2, "3 - less critical": 3, "4 - not critical": 4}

// classes whose names here differ from the table's.
var classes = map[string]string{
	"cmdb_ci_service": "BusinessService", "cmdb_ci_service_discovered": "ApplicationService", "cmdb_ci_service_auto": "ApplicationService",
	"cmdb_ci_server": "Server", "cmdb_ci_linux_server": "Server", "cmdb_ci_win_server": "Server", "cmdb_ci_unix_server": "Server", "cmdb_ci_esx_server": "Server",
	"cmdb_ci_vm_instance": "VirtualMachine", "cmdb_ci_netgear": "NetworkDevice", "cmdb_ci_ip_router": "Router", "cmdb_ci_ip_switch": "Switch", "cmdb_ci_lb": "LoadBalancer",
	"cmdb_ci_db_instance": "Database", "cmdb_ci_database": "Database", "cmdb_ci_appl": "Application", "cmdb_ci_cluster": "Cluster", "cmdb_ci_storage_device": "Storage",
}

// classOf names a class: the table's own name without its prefix where no better
// one is known.
func classOf(table string) string {
	return cmp.Or(classes[table], strings.TrimPrefix(table, "cmdb_ci_"), "ci")
}

// relationOf makes a relation of a row of cmdb_rel_ci. Its type says how the parent
// stands to the child, and after :: how the child stands to the parent; of the two
// that one is taken whose subject suffers.
func relationOf(r row) (itsm.Relation, bool) {
	forth, back, ok := strings.Cut(r["type"].shown, "::")
	forth, back = word(forth), word(back)
	parent, child := ciPrefix+r.value("parent"), ciPrefix+r.value("child")
	if !suffers[forth] && suffers[back] {
		return itsm.Relation{From: child, Type: back, To: parent}, ok
	}
	return itsm.Relation{From: parent, Type: forth, To: child}, ok && forth != ""
}

func word(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "_")) }

// suffers are the relations whose subject fails when the other one does.
var suffers = map[string]bool{"depends_on": true, "runs_on": true, "hosted_on": true, "uses": true, "virtualized_by": true, "receives_power_from": true,
	"receives_data_from": true, "connects_to": true, "located_in": true, "cooled_by": true, "storage_on": true, "contains": true, "members": true}
