package api

import (
	"bufio"
	"context"
	"io"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// Backup is one backup that is ready to be written. Close gives up what it holds.
type Backup interface {
	Write(w io.Writer) error
	Close() error
}

// backup streams everything that was acknowledged. The status is sent before the
// first byte, so a backup that breaks off lacks its end: whoever receives it has
// to check it.
func (a *API) backup(r *request) error {
	if a.o.Backup == nil {
		return unavailable("this server makes no backups")
	}
	r.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	r.Set(fiber.HeaderContentDisposition, `attachment; filename="signalbox.backup"`)
	if r.Method() == http.MethodHead {
		return nil
	}
	select {
	case a.backups <- struct{}{}:
	default:
		return itsm.Errorf(itsm.Conflict, "a backup is being made already; wait until it is done")
	}
	b, err := a.o.Backup(a.ctx)
	if err != nil {
		<-a.backups
		return err
	}
	conn := r.Context().Conn()
	a.streaming.Add(1)
	r.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer a.streaming.Done()
		defer func() { <-a.backups }()
		out := untilDone{a.ctx, stream{w: w, conn: conn}}
		err := b.Write(out)
		if err == nil {
			err = out.flush()
		}
		if err != nil {
			a.o.Log.Warn("backup broke off", "err", err)
		}
		if err := b.Close(); err != nil {
			a.o.Log.Warn("backup not put away", "err", err)
		}
	})
	return nil
}

// untilDone stops a long answer when the server stops.
type untilDone struct {
	ctx context.Context
	stream
}

// Write implements io.Writer.
func (u untilDone) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.stream.Write(p)
}
