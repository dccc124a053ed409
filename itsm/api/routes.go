package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// Prefix is where the REST interface lives.
const Prefix = "/api/v1"

// route is one row of the table that says what exists, who may call it and which
// query parameters it takes. Every GET also takes after_offset.
type route struct {
	method string
	path   string
	role   access.Role
	query  []string
	handle func(*request) error
}

var paging = []string{"cursor", "limit"}

// table is the whole interface. A test compares it with the router and with the
// OpenAPI document.
func (a *API) table() []route {
	rows := slices.Concat(a.healthRoutes(), a.incidentRoutes(), a.alertRoutes(), a.deliveryRoutes(), a.cmdbRoutes(), a.ruleRoutes(), a.suggestionRoutes(), a.changeRoutes(), a.maintenanceRoutes(), a.operationRoutes(), a.keptRoutes(), a.peopleRoutes(), a.problemRoutes(), a.reportRoutes(), a.viewRoutes())
	for i := range rows {
		if rows[i].method == http.MethodGet {
			rows[i].query = append(slices.Clone(rows[i].query), afterOffset)
		}
	}
	return rows
}

// healthRoutes are outside Prefix and, on loopback, open to everyone.
func (a *API) healthRoutes() []route {
	restricted := access.Viewer
	if a.o.Open {
		restricted = access.Nobody
	}
	rows := []route{
		{http.MethodGet, "/healthz", access.Nobody, nil, a.healthz},
		{http.MethodGet, "/readyz", access.Nobody, nil, a.readyz},
		{http.MethodGet, "/openapi.json", restricted, nil, a.openapi},
	}
	if a.o.Metrics != nil {
		rows = append(rows, route{http.MethodGet, "/metrics", restricted, nil, func(r *request) error { return a.o.Metrics(r.Ctx) }})
	}
	return rows
}

func (a *API) incidentRoutes() []route {
	one := Prefix + "/incidents/:number"
	rows := []route{
		{http.MethodGet, Prefix + "/incidents", access.Viewer, append([]string{"state", "priority", "service", "ci", "assignee", "group", "team", "major", "view", "q"}, paging...), a.incidents},
		{http.MethodPost, Prefix + "/incidents/bulk", access.Responder, nil, a.bulk},
		{http.MethodGet, one, access.Viewer, nil, a.incident},
		{http.MethodGet, one + "/alerts", access.Viewer, paging, a.incidentAlerts},
		{http.MethodGet, one + "/timeline", access.Viewer, paging, a.timeline},
		{http.MethodGet, one + "/evidence", access.Viewer, paging, a.evidence},
		{http.MethodGet, one + "/sync", access.Viewer, nil, a.incidentSync},
		{http.MethodGet, one + "/explain", access.Viewer, append([]string{"beside"}, paging...), a.explainIncident},
	}
	for _, act := range allActions() {
		rows = append(rows, route{http.MethodPost, one + "/" + act.name, max(act.role, access.Responder), nil, a.act(act)})
	}
	return append(rows, a.processRoutes()...)
}

func (a *API) alertRoutes() []route {
	return []route{
		{http.MethodGet, Prefix + "/alerts", access.Viewer, append([]string{"status", "ci", "incident", "source", "q"}, paging...), a.alerts},
		{http.MethodGet, Prefix + "/alerts/:id", access.Viewer, nil, a.alert},
		{http.MethodGet, Prefix + "/alerts/:id/explain", access.Viewer, []string{"beside"}, a.explainAlert},
	}
}

func (a *API) deliveryRoutes() []route {
	one := Prefix + "/deliveries/:offset"
	return []route{
		{http.MethodGet, Prefix + "/deliveries", access.Viewer, append([]string{"source", "alert", "incident", "fate", "from", "to"}, paging...), a.deliveries},
		{http.MethodGet, one, access.Viewer, []string{"event"}, a.delivery},
		{http.MethodGet, one + "/raw", access.Viewer, nil, a.rawDelivery},
		{http.MethodGet, Prefix + "/totals", access.Viewer, nil, a.totals},
	}
}

func (a *API) cmdbRoutes() []route {
	ci := Prefix + "/cmdb/cis/:id"
	return []route{
		{http.MethodGet, Prefix + "/cmdb/cis", access.Viewer, append([]string{"class", "q"}, paging...), a.cis},
		{http.MethodGet, ci, access.Viewer, nil, a.ci},
		{http.MethodPut, ci, access.Admin, []string{"source"}, a.putCI},
		{http.MethodGet, ci + "/impact", access.Viewer, nil, a.impact},
		{http.MethodGet, Prefix + "/cmdb/relations", access.Viewer, append([]string{"ci", "type"}, paging...), a.relations},
		{http.MethodPost, Prefix + "/cmdb/relations", access.Admin, []string{"source"}, a.postRelation},
		{http.MethodPost, Prefix + "/cmdb/import", access.Admin, []string{"source", "format", "dry_run", "prune"}, a.importCMDB},
		{http.MethodGet, Prefix + "/cmdb/export", access.Viewer, []string{"format"}, a.exportCMDB},
		{http.MethodGet, Prefix + "/cmdb/quality", access.Viewer, nil, a.quality},
	}
}

func (a *API) operationRoutes() []route {
	connector := Prefix + "/connectors/:name"
	return []route{
		{http.MethodGet, Prefix + "/quarantine", access.Viewer, append([]string{"waiting"}, paging...), a.quarantine},
		{http.MethodGet, Prefix + "/quarantine/:id", access.Viewer, nil, a.quarantined},
		{http.MethodPost, Prefix + "/quarantine/:id/retry", access.Responder, nil, a.retryQuarantined},
		{http.MethodGet, Prefix + "/connectors", access.Viewer, nil, a.connectors},
		{http.MethodGet, connector, access.Viewer, nil, a.connectorOne},
		{http.MethodPost, connector + "/pause", access.Admin, nil, a.pauseConnector},
		{http.MethodPost, connector + "/resume", access.Admin, nil, a.resumeConnector},
		{http.MethodPost, connector + "/test", access.Admin, nil, a.testConnector},
		{http.MethodGet, connector + "/outbox", access.Viewer, paging, a.outbox},
		{http.MethodGet, connector + "/dead-letters", access.Viewer, paging, a.deadLetters},
		{http.MethodGet, connector + "/dead-letters/:id", access.Viewer, nil, a.deadLetter},
		{http.MethodPost, connector + "/dead-letters/:id/retry", access.Responder, nil, a.retryDeadLetter},
		{http.MethodGet, Prefix + "/backup", access.Admin, nil, a.backup},
		{http.MethodGet, Prefix + "/events", access.Viewer, nil, a.events},
	}
}

// Table is every route with the role it requires.
func (a *API) Table() access.Table {
	t := make(access.Table, len(a.routes))
	for i, r := range a.routes {
		t[i] = access.Route{Method: r.method, Path: r.path, Role: r.role}
	}
	return t
}

// Routes mounts the interface. Whatever else is below Prefix is answered here as
// well: 404, or 405 where another method would do.
func (a *API) Routes(app *fiber.App) {
	for _, r := range a.routes {
		app.Add(r.method, r.path, a.serve(r))
		if r.method == http.MethodGet && !strings.HasSuffix(r.path, "/events") {
			app.Add(http.MethodHead, r.path, a.serve(r)) // the server leaves the body out
		}
	}
	app.Use(Prefix, a.serve(route{role: access.Nobody, query: nil, handle: a.unknown}))
}

// unknown answers what no route matched.
func (a *API) unknown(r *request) error {
	var allowed []string
	for _, rt := range a.routes {
		if fiber.RoutePatternMatch(r.Path(), rt.path, r.App().Config()) && !slices.Contains(allowed, rt.method) {
			allowed = append(allowed, rt.method)
		}
	}
	if len(allowed) == 0 {
		return itsm.Errorf(itsm.NotFound, "there is nothing at this address; GET /openapi.json lists what there is")
	}
	r.Set(fiber.HeaderAllow, strings.Join(allowed, ", "))
	return fiber.NewError(http.StatusMethodNotAllowed, "this address answers "+strings.Join(allowed, ", ")+" only")
}
