package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// Status is how the process is doing.
type Status struct {
	Ready   bool          // accepts deliveries and folds them
	Because []string      // why not, one sentence each, for people
	Cursor  itsm.Offset   // last entry folded
	Head    itsm.Offset   // last entry stored
	Lag     time.Duration // age of the oldest entry not folded; 0 when caught up
	CMDB    uint64        // active CMDB revision
	CIs     int
	Version string // of the program
}

type readyView struct {
	Ready        bool        `json:"ready"`
	Because      []string    `json:"because"`
	FoldedOffset itsm.Offset `json:"folded_offset"`
	StoredOffset itsm.Offset `json:"stored_offset"`
	LagSeconds   milli       `json:"lag_seconds"`
	CMDBRevision *uint64     `json:"cmdb_revision"`
	CIs          int         `json:"cis"`
	Version      *string     `json:"version"`
}

func viewStatus(s Status) readyView {
	return readyView{Ready: s.Ready, Because: list(s.Because), FoldedOffset: s.Cursor, StoredOffset: s.Head,
		LagSeconds: milli(s.Lag.Milliseconds()), CMDBRevision: number(s.CMDB), CIs: s.CIs, Version: text(s.Version)}
}

// healthz says that the process answers, and nothing else: whoever restarts what
// fails this must not restart a server that is merely catching up.
func (a *API) healthz(r *request) error {
	return r.json(struct {
		Alive bool `json:"alive"`
	}{true})
}

// readyz answers 200 when deliveries are accepted and folded, else 503 and why
// not. The reasons are for those who may read the API.
func (a *API) readyz(r *request) error {
	s := Status{Ready: true}
	if a.o.Status != nil {
		s = a.o.Status()
	}
	if !s.Ready {
		r.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
		r.Status(http.StatusServiceUnavailable)
	}
	if !a.o.Open {
		if _, err := a.o.Gate.Require(r.Ctx, access.Viewer); err != nil {
			return r.json(struct {
				Ready bool `json:"ready"`
			}{s.Ready})
		}
	}
	return r.json(viewStatus(s))
}
