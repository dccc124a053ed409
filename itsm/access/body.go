package access

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// Body reads the whole request body, at most max bytes. The bytes may be the
// request's own buffer: copy what outlives the handler. It works with and
// without the server streaming bodies; Fiber's own BodyRaw reads a streamed
// body without any bound.
func Body(c *fiber.Ctx, max int) ([]byte, error) {
	if n := c.Request().Header.ContentLength(); n > max {
		return nil, tooLarge(max)
	}
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		b := c.BodyRaw()
		if len(b) > max {
			return nil, tooLarge(max)
		}
		return b, nil
	}
	var buf bytes.Buffer
	if n := c.Request().Header.ContentLength(); n > 0 {
		buf.Grow(n + bytes.MinRead) // known and within max: one allocation
	}
	n, err := buf.ReadFrom(io.LimitReader(stream, int64(max)+1))
	if err != nil {
		return nil, readError(err)
	}
	if n > int64(max) {
		return nil, tooLarge(max)
	}
	return buf.Bytes(), c.Request().CloseBodyStream()
}

// Stream returns the request body as a reader for a handler that takes its time.
// It fails after max bytes, and when the client sends nothing for idle; the
// server's own read time-out no longer applies.
func Stream(c *fiber.Ctx, max int64, idle time.Duration) io.Reader {
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		stream = bytes.NewReader(c.BodyRaw())
	}
	return &boundedReader{r: stream, conn: c.Context().Conn(), left: max, max: max, idle: idle}
}

type boundedReader struct {
	r         io.Reader
	conn      net.Conn
	left, max int64
	idle      time.Duration
}

// Read implements io.Reader.
func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(int(b.max))
	}
	if err := b.conn.SetReadDeadline(time.Now().Add(b.idle)); err != nil {
		return 0, readError(err)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than allowed tells a full body from a longer one
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(int(b.max))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, readError(err)
	}
	return n, err
}

func tooLarge(max int) error {
	return itsm.Errorf(itsm.TooLarge, "body: more than %d bytes", max)
}

func readError(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return itsm.Wrap(itsm.Invalid, err, "body: the rest did not arrive in time")
	}
	return itsm.Wrap(itsm.Invalid, err, "body: it broke off before its end")
}
