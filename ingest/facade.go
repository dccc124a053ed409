package ingest

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/ingest/source/kind"
	"signalbox/itsm"
)

// What the impersonated Alertmanager says of itself and how much it lists.
const (
	facadeReceiver  = "signalbox"
	alertsViewMax   = 10_000
	matchersMax     = 50
	resolveShownFor = 5 * time.Minute // endsAt of a firing alert without a lease, as Alertmanager shows it
)

// facade mounts what Prometheus, amtool and Grafana expect of an Alertmanager:
// https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
func (d *Door) facade(app *fiber.App) {
	const at = "/prometheus/:source"
	app.Post(at+"/api/v2/alerts", d.postAlerts)
	app.Get(at+"/api/v2/alerts", d.read(d.getAlerts))
	app.Get(at+"/api/v2/alerts/groups", d.read(d.getGroups))
	app.Get(at+"/api/v2/status", d.read(d.getStatus))
	app.Get(at+"/api/v2/receivers", d.read(getReceivers))
	app.Get(at+"/api/v2/silences", d.read(getSilences))
	app.Post(at+"/api/v2/silences", d.read(noSilences))
	app.All(at+"/api/v2/silence/:id", d.read(noSilence))
	app.Get(at+"/-/healthy", d.alive)
	app.Get(at+"/-/ready", d.ready)
}

// postAlerts answers as Alertmanager does: 200 with an empty body, or an error as
// a JSON string; of a batch with invalid alerts the valid ones are accepted.
func (d *Door) postAlerts(c *fiber.Ctx) error {
	s := d.source(c.Params("source"))
	if s == nil || s.Kind != kind.Prometheus {
		return d.unknownSource(c)
	}
	rc, r := d.take(c, s)
	if r != nil {
		d.refused(c, s, r)
		return writeProblem(c, r.err, r.wait)
	}
	if rc.undecodable != nil || len(rc.bad) > 0 {
		return writeJSON(c, http.StatusBadRequest, rc.why())
	}
	s.count.accepted.Inc()
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Status(http.StatusOK)
	return nil
}

// read wraps what only reads: same source, same credentials.
func (d *Door) read(h func(*fiber.Ctx, *entrance) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		s := d.source(c.Params("source"))
		if s == nil || s.Kind != kind.Prometheus {
			return d.unknownSource(c)
		}
		if !s.Auth.empty() && !s.Auth.byHeader(c) {
			r := refuse(refusedAuth, unauthorized(s))
			d.refused(c, s, r)
			return writeProblem(c, r.err, 0)
		}
		return h(c, s)
	}
}

func (d *Door) alive(c *fiber.Ctx) error { return c.SendString("OK") }

func (d *Door) ready(c *fiber.Ctx) error {
	if err := d.o.Gate(); err != nil {
		return writeProblem(c, itsm.Wrap(itsm.Unavailable, err, "not accepting deliveries now: %s", itsm.MessageOf(err)), retryAfter)
	}
	return c.SendString("OK")
}

func (d *Door) getStatus(c *fiber.Ctx, _ *entrance) error {
	type object = map[string]any
	return writeJSON(c, http.StatusOK, object{
		"cluster": object{"status": "disabled", "peers": []string{}},
		"versionInfo": object{"version": d.o.Version, "revision": "", "branch": "", "buildUser": "signalbox", "buildDate": "",
			"goVersion": runtime.Version()},
		"config": object{"original": "# Signalbox: alerts posted here become incidents; routing is configured there\nroute:\n  receiver: " + facadeReceiver + "\nreceivers:\n- name: " + facadeReceiver + "\n"},
		"uptime": itsm.TimeOf(d.started),
	})
}

func getReceivers(c *fiber.Ctx, _ *entrance) error {
	return writeJSON(c, http.StatusOK, []receiver{{facadeReceiver}})
}

func getSilences(c *fiber.Ctx, _ *entrance) error {
	return writeJSON(c, http.StatusOK, []string{})
}

func noSilences(c *fiber.Ctx, _ *entrance) error {
	return writeJSON(c, http.StatusBadRequest, "Signalbox keeps no silences: silence in the Alertmanager that sends, change the rule in Prometheus, or put the incident on hold (in the console, or POST /api/v1/incidents/NUMBER/hold)")
}

func noSilence(c *fiber.Ctx, _ *entrance) error {
	return writeJSON(c, http.StatusNotFound, "Signalbox keeps no silences")
}

type receiver struct {
	Name string `json:"name"`
}

// wireAlert is gettableAlert of Alertmanager's API.
type wireAlert struct {
	Annotations  itsm.Labels `json:"annotations"`
	EndsAt       itsm.Time   `json:"endsAt"`
	Fingerprint  string      `json:"fingerprint"`
	Receivers    []receiver  `json:"receivers"`
	StartsAt     itsm.Time   `json:"startsAt"`
	Status       wireStatus  `json:"status"`
	UpdatedAt    itsm.Time   `json:"updatedAt"`
	GeneratorURL string      `json:"generatorURL,omitempty"`
	Labels       itsm.Labels `json:"labels"`
}

type wireStatus struct {
	InhibitedBy []string `json:"inhibitedBy"`
	MutedBy     []string `json:"mutedBy"`
	SilencedBy  []string `json:"silencedBy"`
	State       string   `json:"state"`
}

type wireGroup struct {
	Alerts      []wireAlert `json:"alerts"`
	Labels      itsm.Labels `json:"labels"`
	Receiver    receiver    `json:"receiver"`
	RouteLabels itsm.Labels `json:"routeLabels"`
}

func (d *Door) getAlerts(c *fiber.Ctx, s *entrance) error {
	alerts, err := d.listed(c, s)
	if err != nil {
		return facadeError(c, err)
	}
	return writeJSON(c, http.StatusOK, alerts)
}

// getGroups shows the alerts as one group per alert name.
func (d *Door) getGroups(c *fiber.Ctx, s *entrance) error {
	alerts, err := d.listed(c, s)
	if err != nil {
		return facadeError(c, err)
	}
	groups := []wireGroup{}
	at := map[string]int{}
	for _, a := range alerts {
		name := a.Labels.Get("alertname")
		i, ok := at[name]
		if !ok {
			i = len(groups)
			at[name] = i
			groups = append(groups, wireGroup{Receiver: receiver{facadeReceiver}, Labels: itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: name}})})
		}
		groups[i].Alerts = append(groups[i].Alerts, a)
	}
	return writeJSON(c, http.StatusOK, groups)
}

// facadeError is a fault of the request as Alertmanager words it.
func facadeError(c *fiber.Ctx, err error) error {
	if itsm.CodeOf(err) == itsm.Invalid {
		return writeJSON(c, http.StatusBadRequest, itsm.MessageOf(err))
	}
	return writeProblem(c, itsm.Wrap(itsm.Unavailable, err, "the alerts cannot be read now"), retryAfter)
}

// listed are the firing alerts of a source that the query asks for.
func (d *Door) listed(c *fiber.Ctx, s *entrance) ([]wireAlert, error) {
	args := c.Context().QueryArgs()
	var filters []matcher
	for _, f := range args.PeekMulti("filter") {
		if len(filters) == matchersMax {
			return nil, itsm.Errorf(itsm.Invalid, "more than %d filters", matchersMax)
		}
		m, err := parseMatcher(string(f))
		if err != nil {
			return nil, err
		}
		filters = append(filters, m)
	}
	want := func(param string) bool { return string(args.Peek(param)) != "false" }
	out := []wireAlert{}
	if d.o.Alerts == nil || (len(args.Peek("receiver")) > 0 && !matchesReceiver(string(args.Peek("receiver")))) {
		return out, nil
	}
	alerts, err := d.o.Alerts.SourceAlerts(s.Name, alertsViewMax)
	if err != nil {
		return nil, err
	}
	now := itsm.TimeOf(d.o.Clock())
	for i := range alerts {
		a := &alerts[i]
		switch {
		case a.Status != itsm.Firing:
		case a.SuppressedBy != "" && !want("silenced"), a.SuppressedBy == "" && !want("active"):
		case !slices.ContainsFunc(filters, func(m matcher) bool { return !m.matches(a.Labels) }):
			out = append(out, wireOf(a, s.Name, now))
		}
	}
	return out, nil
}

func wireOf(a *itsm.Alert, source string, now itsm.Time) wireAlert {
	w := wireAlert{Annotations: a.Annotations, Labels: a.Labels, EndsAt: now.Add(resolveShownFor), StartsAt: a.StartsAt, UpdatedAt: a.LastSeenAt,
		Fingerprint: strings.TrimPrefix(string(a.Key), source+"/"), Receivers: []receiver{{facadeReceiver}}, GeneratorURL: a.GeneratorURL,
		Status: wireStatus{InhibitedBy: []string{}, MutedBy: []string{}, SilencedBy: []string{}, State: "active"}}
	if a.StartsAt == 0 {
		w.StartsAt = a.RaisedAt
	}
	if a.SuppressedBy != "" {
		w.Status.State, w.Status.SilencedBy = "suppressed", []string{"signalbox: " + a.SuppressedBy}
	}
	return w
}
