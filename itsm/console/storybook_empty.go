package console

import (
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/correlate/engine"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
	"signalbox/itsm/ledger"
)

// StorybookEmpty serves every page as a server shows it that was just started and
// has received nothing.
func StorybookEmpty(external string, clock func() time.Time, log *slog.Logger) (*Console, *fiber.App, error) {
	b, err := emptyBook(clock)
	if err != nil {
		return nil, nil, err
	}
	return b.serve(external, log, access.Token{Secret: StorybookToken, Name: "admin", Role: access.Admin})
}

// emptyBook has no record, no CMDB and no source that ever delivered.
func emptyBook(clock func() time.Time) (*book, error) {
	d, err := desk.Open(kv.Mem())
	if err != nil {
		return nil, err
	}
	b := &book{Desk: d, folder: engine.NewFolder(), clock: clock, tries: &cannedTries{clock: clock}, totals: func() ledger.Totals { return ledger.Totals{} }, counts: func(itsm.Time) []RuleCount { return nil }, learned: func(itsm.Time) learn.Report { return learn.Report{} }, folded: make(chan struct{}), done: map[string]itsm.Offset{}}
	b.healthy = func() Health {
		now := itsm.TimeOf(clock())
		return Health{HeadAt: now, StartedAt: now.Add(-time.Minute), BindPermille: -1,
			Sources: []SourceHealth{{Name: "alertmanager", Kind: "alertmanager", Open: true}, {Name: "datadog", Kind: "datadog", Open: true},
				{Name: "generic", Kind: "generic", Open: true}, {Name: "main", Kind: "prometheus", Open: true}},
			Storage: []StorageHealth{{Name: "Journal", Bytes: 1 << 10}, {Name: "Records", Bytes: 64 << 10}, {Name: "Free space", Bytes: 41 << 30}}}
	}
	return b, nil
}
