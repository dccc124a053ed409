package badgerkv

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// logger passes what Badger says to slog. Its informative lines are of interest
// to nobody but its authors and go to debug.
type logger struct{ log *slog.Logger }

func (l logger) say(level slog.Level, format string, args []any) {
	if l.log == nil || !l.log.Enabled(context.Background(), level) {
		return
	}
	l.log.Log(context.Background(), level, "badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Errorf implements badger.Logger.
func (l logger) Errorf(f string, a ...any) { l.say(slog.LevelError, f, a) }

// Warningf implements badger.Logger.
func (l logger) Warningf(f string, a ...any) { l.say(slog.LevelWarn, f, a) }

// Infof implements badger.Logger.
func (l logger) Infof(f string, a ...any) { l.say(slog.LevelDebug, f, a) }

// Debugf implements badger.Logger.
func (l logger) Debugf(f string, a ...any) { l.say(slog.LevelDebug, f, a) }
