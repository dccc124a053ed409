package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets of at most 1/64 relative width, from a
// microsecond up to an hour. Each worker has its own; they are added at the end.
type histogram struct {
	buckets [27 * subBuckets]uint64
	count   uint64
	max     time.Duration
}

// subBuckets is how many buckets a doubling has.
const subBuckets = 64

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < subBuckets {
		return int(us)
	}
	shift := bits.Len64(us) - 7 // us>>shift is in [64, 128)
	return min((shift+1)*subBuckets+int(us>>shift)-subBuckets, len(histogram{}.buckets)-1)
}

// upper is the highest duration a bucket stands for.
func upper(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i) * time.Microsecond
	}
	shift := i/subBuckets - 1
	return time.Duration((uint64(i%subBuckets+subBuckets)+1)<<shift-1) * time.Microsecond
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
	h.max = max(h.max, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
	h.max = max(h.max, o.max)
}

// quantile is the duration that a share of all does not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.count)), uint64(0)
	for i, n := range h.buckets {
		if seen += n; n > 0 && seen > min(rank, h.count-1) {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// latencies are the figures of a histogram that a report shows, in milliseconds.
type latencies struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func (h *histogram) figures() latencies {
	return latencies{h.count, ms(h.quantile(0.50)), ms(h.quantile(0.95)), ms(h.quantile(0.99)), ms(h.max)}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
