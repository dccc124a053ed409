package ingest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/ingest/source"
	"signalbox/ingest/source/kind"
	"signalbox/itsm"
	"signalbox/itsm/httperr"
)

// problemType is the media type of RFC 9457 problem documents.
const problemType = "application/problem+json"

// webhook answers POST /webhooks/{source}.
func (d *Door) webhook(c *fiber.Ctx) error {
	s := d.source(c.Params("source"))
	if s == nil {
		return d.unknownSource(c)
	}
	rc, r := d.take(c, s)
	if r != nil {
		d.refused(c, s, r)
		return writeProblem(c, r.err, r.wait)
	}
	if s.Kind == kind.Slack {
		// Slack shows the person an error for anything but 200, and its text for 200.
		s.count.accepted.Inc()
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.Status(http.StatusOK).SendString(rc.reply)
	}
	if rc.reply != "" { // a new address is challenged
		s.count.accepted.Inc()
		c.Set(fiber.HeaderCacheControl, "no-store")
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Status(http.StatusOK).SendString(rc.reply)
	}
	if rc.undecodable == nil && (rc.Accepted > 0 || len(rc.bad) == 0) || s.Kind == kind.PagerDuty || s.Kind == kind.GitLab {
		// PagerDuty switches a subscription off after three refusals, GitLab a hook
		// after four, so what they sent stays with us whatever we make of it.
		s.count.accepted.Inc()
		return writeJSON(c, http.StatusAccepted, rc)
	}
	return writeUndecodable(c, rc)
}

// unknownSource answers a request for a source that is not there, or not at that
// door. Whoever is on loopback is told which there are; elsewhere that is not for
// everybody's eyes.
func (d *Door) unknownSource(c *fiber.Ctx) error {
	name := c.Params("source")
	err := itsm.Errorf(itsm.NotFound, "no source %s is configured%s; add it to sources in the configuration, or correct the address", source.Quote(name), d.others())
	if s := d.source(name); s != nil {
		err = itsm.Errorf(itsm.NotFound, "source %s exists, but is of kind %s and takes deliveries at /webhooks/%s; this address is for sources of kind %s%s", name, s.Kind, name, kind.Prometheus, d.others(kind.Prometheus))
	}
	d.stray.received.Inc()
	d.refused(c, nil, refuse(refusedSource, err))
	return writeProblem(c, err, 0)
}

// others lists the sources, or those of one kind, where strangers cannot ask.
func (d *Door) others(kinds ...string) string {
	if !d.o.Open {
		return ""
	}
	var names []string
	for _, s := range d.Sources() {
		if len(kinds) == 0 || slices.Contains(kinds, s.Kind) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return " (there is none)"
	}
	return " (there are: " + strings.Join(names, ", ") + ")"
}

// notPosted answers the other methods on a webhook's route.
func (d *Door) notPosted(c *fiber.Ctx) error {
	if d.source(c.Params("source")) == nil {
		return d.unknownSource(c)
	}
	c.Set(fiber.HeaderAllow, http.MethodPost)
	return fiber.ErrMethodNotAllowed
}

// undecodable is the problem document for a delivery that went to quarantine.
type undecodable struct {
	httperr.Problem
	Quarantine  string      `json:"quarantine"`
	Quarantined []string    `json:"quarantined"`
	Offset      itsm.Offset `json:"offset"`
}

func writeUndecodable(c *fiber.Ctx, rc receipt) error {
	const status = http.StatusUnprocessableEntity
	p := undecodable{Problem: httperr.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: string(itsm.Invalid),
		Detail: "nothing of this delivery could be decoded; it was kept in quarantine: " + rc.why()}, Quarantined: rc.Quarantined, Offset: rc.Offset}
	if len(rc.Quarantined) > 0 {
		p.Quarantine = rc.Quarantined[0]
	}
	if err := writeJSON(c, status, p); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, problemType)
	return nil
}

// why says what was wrong with the bad parts.
func (rc receipt) why() string {
	const told = 5
	if rc.undecodable != nil {
		return itsm.MessageOf(rc.undecodable)
	}
	var out []string
	for i, b := range rc.bad {
		if i == told {
			out = append(out, "and "+strconv.Itoa(len(rc.bad)-told)+" more")
			break
		}
		out = append(out, b.Error)
	}
	return strings.Join(out, "; ")
}

func writeJSON(c *fiber.Ctx, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.Status(status).Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Send(body)
}

// writeProblem answers with a problem document; wait is the Retry-After of a 503.
func writeProblem(c *fiber.Ctx, err error, wait time.Duration) error {
	p := httperr.ProblemOf(err)
	retryHeader(c, p.Status, wait)
	if p.Status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="signalbox"`)
	}
	if err := writeJSON(c, p.Status, p); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, problemType)
	return nil
}

func retryHeader(c *fiber.Ctx, status int, wait time.Duration) {
	if status == http.StatusServiceUnavailable {
		seconds := max(1, int((max(wait, time.Second)+time.Second-1)/time.Second))
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds))
	}
}
