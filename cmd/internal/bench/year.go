package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"signalbox/itsm"
	reports "signalbox/itsm/report"
)

// year measures every page that people look at, and the lists of the API, on the
// records of a year.
func year(ctx context.Context, o *options, r *report) (err error) {
	sb, err := newSignalbox(o, "year", "")
	if err != nil {
		return err
	}
	began := time.Now()
	p, err := sb.makePast(o.cis, began)
	if err != nil {
		return err
	}
	made := time.Since(began)
	if _, err := sb.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.stop()) }()
	if err := sb.drained(ctx); err != nil {
		return err
	}
	folded, err := sb.cpu()
	if err != nil {
		return err
	}
	open, err := sb.metric(ctx, "signalbox_incidents_open")
	if err != nil {
		return err
	}
	alert, err := sb.anAlert(ctx, p.crowd)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("pages after a year with %d alerts, %d incidents of which %.0f are open, problems and candidates up to %s, %d changes, %d times each (ms; goal: p95 under %v, reports under a second)",
		yearIncidents*yearEach+yearCrowd, p.last, open, p.problems, yearChanges, pageTimes, pageMax)
	if err := sb.look(ctx, r, title, p.pages(alert)); err != nil {
		return err
	}
	r.Sections[len(r.Sections)-1].note("made in %v; the server folded it in %v of processor time", made.Round(time.Second), folded.Round(time.Second))
	return nil
}

// anAlert is the id of an alert of an incident.
func (s *server) anAlert(ctx context.Context, n itsm.IncidentNumber) (string, error) {
	status, b, err := s.get(ctx, "/api/v1/incidents/"+n.String()+"/alerts?limit=1")
	var page struct{ Items []struct{ ID string } }
	if err == nil {
		err = json.Unmarshal(b, &page)
	}
	if err == nil && (status != http.StatusOK || len(page.Items) == 0) {
		err = fmt.Errorf("alerts of %s: %d %s", n, status, b)
	}
	if err != nil {
		return "", err
	}
	return page.Items[0].ID, nil
}

// pages are the addresses that are measured: of each kind of page the dearest that
// is known of.
func (p *past) pages(alert string) []string {
	crowd, old, fresh := p.crowd.String(), p.numbers[yearIncidents/2].String(), p.numbers[yearIncidents-1].String()
	host, hot := hostName(fmt.Sprintf("%0*d", hostDigits, plantedHosts+7)), hostName(fmt.Sprintf("%0*d", hostDigits, plantedHosts))
	out := []string{"/home", "/home?as=operations", "/home?as=problems", "/", "/?state=all", "/?state=resolved", "/?priority=P1", "/?q=Rule3", "/?state=all&q=nowhere", "/?state=all&service=svc-00001", "/?state=all&ci=" + hot,
		"/incidents/" + crowd, "/incidents/" + old, "/incidents/" + fresh, "/incidents/" + crowd + "/why", "/incidents/" + old + "/why", "/incidents/" + crowd + "/why?beside=" + fresh, "/incidents/" + fresh + "/ask/resolve",
		"/alerts", "/alerts?status=firing", "/alerts?q=nowhere", "/alerts?ci=" + hot, "/alerts/" + alert, "/alerts/" + alert + "/why",
		"/problems", "/problems?by=team", "/problems?by=service", "/problems?show=over", "/problems/PRB0000001", "/problems/" + p.problem,
		"/cis", "/cis?q=sw-0001", "/cis/" + host, "/cis/" + hot, "/cis/" + plantedCause, "/cis/core-0", "/cis/svc-00001", "/unbound",
		"/changes", "/changes/CHG0000001", "/maintenance", "/maintenance/MNT0000001", "/rules", "/rules/history", "/rules/try", "/rules/backtests",
		"/quarantine", "/deliveries", "/deliveries?source=main&fate=folded", "/deliveries?incident=" + crowd, "/totals", "/connectors", "/status", "/help", "/account",
		"/admin/users", "/admin/tokens", "/admin/teams", "/admin/audit", "/admin/audit?actor=console:ada", "/reports", "/reports?days=365"}
	for _, k := range reports.Kinds() {
		out = append(out, "/reports/"+k.Name)
	}
	const api = "/api/v1"
	return append(out, api+"/incidents?limit=50", api+"/incidents?limit=500", api+"/incidents?state=new,in_progress&limit=500", api+"/incidents?priority=P1&limit=50", api+"/incidents?q=nowhere", api+"/incidents?ci="+hot, api+"/incidents?assignee=nobody",
		api+"/incidents/"+crowd, api+"/incidents/"+crowd+"/alerts?limit=500", api+"/incidents/"+crowd+"/timeline", api+"/incidents/"+crowd+"/evidence?limit=500", api+"/incidents/"+crowd+"/explain", api+"/incidents/"+crowd+"/sync", api+"/incidents/"+crowd+"/review",
		api+"/alerts?limit=500", api+"/alerts?status=firing&limit=500", api+"/alerts?q=nowhere", api+"/alerts?ci="+hot, api+"/alerts/"+alert+"/explain",
		api+"/problems?limit=500", api+"/problems?q=nowhere", api+"/problems?state=candidate", api+"/problems/PRB0000001", api+"/changes?limit=500", api+"/changes?ci=sw-0001", api+"/maintenance",
		api+"/cmdb/cis?limit=500", api+"/cmdb/cis?q=nowhere", api+"/cmdb/cis/"+plantedCause+"/impact", api+"/cmdb/relations?limit=500", api+"/cmdb/quality", api+"/audit?limit=500", api+"/audit?actor=console:ada", api+"/deliveries?limit=500", api+"/totals", api+"/reports", api+"/reports/mttr", "/metrics")
}
