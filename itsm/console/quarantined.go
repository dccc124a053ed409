package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// quarantinedPage is one delivery as it came.
type quarantinedPage struct {
	quarantineRow
	Body     string
	Size     string
	Cut      bool
	CanRetry bool
	Failed   string // why a retry did not work
	Delivery string // address of the delivery it first came with; "" when that is no longer kept
}

func (p quarantinedPage) about() (string, string, string) {
	return "quarantined", "Quarantined delivery", "quarantine"
}

func viewQuarantined(q itsm.Quarantined, canRetry bool, failed error, now time.Time) quarantinedPage {
	p := quarantinedPage{quarantineRow: viewQuarantineRow(q, now), Size: byteSize(int64(len(q.Body))), CanRetry: canRetry && q.RetriedAt == 0}
	p.Body = block(string(q.Body), blockRunesMax)
	p.Cut = strings.HasSuffix(p.Body, "…")
	if failed != nil {
		p.Failed = line(itsm.MessageOf(failed), lineRunesMax)
	}
	return p
}

func (c *Console) quarantined(ctx *fiber.Ctx) error {
	q, err := c.o.Records.QuarantineItem(strings.Clone(ctx.Params("id")))
	if err != nil {
		return err
	}
	who, _ := person(ctx)
	p := viewQuarantined(q, c.o.Retry != nil && mayAct(who), nil, c.o.Clock())
	if p.Delivery, err = c.deliveryLink(q.Offset); err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) retry(ctx *fiber.Ctx) error {
	id := strings.Clone(ctx.Params("id"))
	q, err := c.o.Records.QuarantineItem(id)
	if err != nil {
		return err
	}
	if c.o.Retry == nil {
		return itsm.Errorf(itsm.Unavailable, "retrying is not available on this server")
	}
	who, _ := person(ctx)
	switch err := c.o.Retry(ctx.UserContext(), id, who.Actor()); itsm.CodeOf(err) {
	case itsm.Invalid, itsm.Conflict:
		return c.show(ctx, http.StatusUnprocessableEntity, viewQuarantined(q, true, err, c.o.Clock()))
	default:
		if err != nil {
			return err
		}
	}
	c.setFlash(ctx, "retry", 0)
	return ctx.Redirect("/quarantine/"+url.PathEscape(id), http.StatusSeeOther)
}
