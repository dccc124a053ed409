//go:build !fault

package sim

// faultAckEarly is a planted fault of the modelled door: it answers before the
// entry is durable. The real door's is shown by ingest/journal, whose tests cut the
// power with and without its sync.
const faultAckEarly = false
