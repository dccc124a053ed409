package report

import (
	"slices"
	"time"
)

// sample is durations, of which the mean and quantiles are asked.
type sample struct {
	list   []time.Duration
	sorted bool
}

func (s *sample) add(d time.Duration) { s.list, s.sorted = append(s.list, d), false }

func (s *sample) len() int { return len(s.list) }

// mean is the arithmetic mean in seconds; nothing of nothing.
func (s *sample) mean() Cell {
	if len(s.list) == 0 {
		return Cell{}
	}
	var sum float64
	for _, d := range s.list {
		sum += d.Seconds()
	}
	return number(sum / float64(len(s.list)))
}

// quantile is the nearest rank: the smallest duration of the sample that at least
// percent of it do not exceed, in seconds.
func (s *sample) quantile(percent int) Cell {
	n := len(s.list)
	if n == 0 {
		return Cell{}
	}
	if !s.sorted {
		slices.Sort(s.list)
		s.sorted = true
	}
	rank := (n*percent + 99) / 100 // rounded up
	return number(s.list[max(rank, 1)-1].Seconds())
}
