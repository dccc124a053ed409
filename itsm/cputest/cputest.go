// Package cputest measures what a test or a benchmark costs.
package cputest

import (
	"syscall"
	"testing"
	"time"
)

// Used is the processor time of all threads of the process, the garbage collector's
// included: unlike the wall clock it means the same on a busy machine.
func Used(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
