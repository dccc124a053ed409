package backtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// lineMax bounds one line of a recorded stream; chunkBytes what one entry carries of a CMDB.
const (
	lineMax    = 16 << 20
	chunkBytes = 1 << 19
)

// Stream is the history in a recorded stream of JSON lines, as replay reads it.
type Stream struct {
	Config correlate.Config
	CMDB   *cmdb.Changes // nil: no CMDB
	Events io.Reader
	Size   int64 // bytes of Events, for progress; 0: not known
	Decode func(number int, line []byte) (engine.Line, error)

	off itsm.Offset
	at  itsm.Time
}

// Once implements History.
func (s *Stream) Once() bool { return true }

// Each implements History.
func (s *Stream) Each(fn func(Entry) error) error {
	in := bufio.NewScanner(s.Events)
	in.Buffer(make([]byte, 0, 1<<16), lineMax)
	read := int64(0)
	number := 0
	for in.Scan() {
		number++
		read += int64(len(in.Bytes())) + 1
		if len(in.Bytes()) == 0 {
			continue
		}
		l, err := s.Decode(number, in.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		s.at = max(s.at, l.Time())
		if s.off == 0 {
			if err := s.begin(fn); err != nil {
				return err
			}
		}
		done := 0
		if s.Size > 0 {
			done = int(1000 * read / s.Size)
		}
		if err := s.put(fn, &l.Delivery, done); err != nil {
			return err
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return itsm.Errorf(itsm.TooLarge, "line %d is longer than %d bytes", number+1, lineMax)
	}
	return in.Err()
}

func (s *Stream) put(fn func(Entry) error, v any, done int) error {
	s.off++
	return fn(Entry{Offset: s.off, At: s.at, Value: v, Done: done})
}

// begin gives what a server would journal at its start.
func (s *Stream) begin(fn func(Entry) error) error {
	body, err := s.Config.Canonical()
	if err != nil {
		return err
	}
	if err := s.put(fn, &entry.Config{Body: body}, 0); err != nil || s.CMDB == nil {
		return err
	}
	chunks := s.CMDB.Chunks(chunkBytes)
	for i, c := range chunks {
		if err := s.put(fn, &entry.CMDBChunk{ImportID: "backtest", Seq: i, Body: c}, 0); err != nil {
			return err
		}
	}
	return s.put(fn, &entry.CMDBCommit{ImportID: "backtest", Source: "backtest", Chunks: len(chunks), Actor: "backtest"}, 0)
}
