package api

import (
	"net/http"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/report"
)

// TestReports: the figures as JSON and CSV, by range, service and team, and what a
// wrong question is told.
func TestReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.call("GET", "/api/v1/reports", ""), http.StatusServiceUnavailable, "no reports")
	w = newWorld(t, func(o *Options) {
		o.Reports = report.New(o.Records.(report.Records), func() []string { return []string{"pagerduty"} }, func() time.Time { return start.Add(time.Hour).Std() })
	})
	w.open(itsm.Incident{Services: []string{"svc-pay"}, State: itsm.IncidentResolved, AcknowledgedAt: start.Add(time.Minute), AcknowledgedBy: "=ada", ResolvedAt: start.Add(time.Hour), ResolvedBy: "=ada", Causes: []itsm.Cause{{CI: "=db-1"}}})
	w.open(itsm.Incident{Services: []string{"svc-shop"}, Group: "web"})
	w.want(w.call("PUT", "/api/v1/teams/pay", `{"title":"Pay","services":["svc-pay"]}`), http.StatusOK)

	w.want(w.call("GET", "/api/v1/reports", ""), http.StatusOK, `"from":"2026-10-05T00:00:00.000Z"`, `"name":"mttr"`, `"definition":"From the opening`, `{"name":"p50","label":"p50","unit":"seconds","value":3600}`)
	w.want(w.call("GET", "/api/v1/reports?format=csv", ""), http.StatusOK, "report,figure,unit,value,from,to,definition\r\n", "mttr,p50,seconds,3600,2026-10-05T00:00:00.000Z")
	w.want(w.call("GET", "/api/v1/reports/cis?from=2026-11-01&to=2026-11-03", ""), http.StatusOK, `"rows":[["=db-1",1,0,0,3600,3600,"2026-11-03T09:00:00.000Z"]]`, `"slots":[{"from":"2026-11-01T00:00:00.000Z","to":"2026-11-02T00:00:00.000Z","values":[0]}`)
	csv := w.want(w.call("GET", "/api/v1/reports/cis?format=csv", ""), http.StatusOK, "ci,incidents,urgent,reopened,down_seconds,p50_seconds,last\r\n'=db-1,1,")
	if d := csv.header.Get("Content-Disposition"); d != `attachment; filename="signalbox-cis.csv"` {
		t.Errorf("Content-Disposition %q", d)
	}
	w.want(w.call("GET", "/api/v1/reports/services?service=svc-shop,svc-none", ""), http.StatusOK, `"services":["svc-shop","svc-none"]`, `"rows":[["svc-shop",1,`)
	w.want(w.call("GET", "/api/v1/reports/services?team=pay", ""), http.StatusOK, `"team":"pay"`, `"rows":[["svc-pay",1,`)
	w.want(w.call("GET", "/api/v1/reports/mttr?to=2026-11-02", ""), http.StatusOK, `"rows":[]`, `"value":null`)

	w.want(w.call("GET", "/api/v1/reports/mttx", ""), http.StatusNotFound, "expected one of mtta, mttd")
	w.want(w.call("GET", "/api/v1/reports?team=nobody", ""), http.StatusBadRequest, "there is no such team")
	w.want(w.call("GET", "/api/v1/reports?from=soon", ""), http.StatusBadRequest, `from \"soon\": expected a day`)
	w.want(w.call("GET", "/api/v1/reports?from=2020-01-01", ""), http.StatusBadRequest, "at most 400 days")
	w.want(w.call("GET", "/api/v1/reports?format=xls", ""), http.StatusBadRequest, `format \"xls\": expected json or csv`)
	w.want(w.call("GET", "/api/v1/reports?days=7", ""), http.StatusBadRequest, "expected one of from, to, service, team, format")
}
