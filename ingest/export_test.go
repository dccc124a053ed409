package ingest

import "time"

// GreedyPause is how long a source that brings too much waits for its answer.
const GreedyPause = greedyPause

// Patient gives a sender other times than the server's own: for its header, for its
// body, and for what it still says after a refusal.
func (o AppOptions) Patient(header, read, drain time.Duration) AppOptions {
	o.header, o.read, o.drain = header, read, drain
	return o
}
