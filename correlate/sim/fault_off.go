//go:build !fault

package sim

// faultAckEarly is a planted fault: the door answers before the entry is durable.
const faultAckEarly = false
