package problem

import (
	"math"
	"slices"
)

// surprise is the probability of n or more events where mean are expected and that
// expectation is itself an estimate from shape events: the tail of a negative
// binomial distribution.
func surprise(n int, mean, shape float64) float64 {
	if n <= 0 {
		return 1
	}
	if mean <= 0 {
		return 0
	}
	q := mean / (shape + mean)
	term, sum := math.Exp(shape*math.Log1p(-q)), 0.0
	for i := range n {
		sum += term
		term *= (shape + float64(i)) * q / float64(i+1)
	}
	if sum < 1-1e-9 {
		return 1 - sum
	}
	tail := 0.0 // too small for a difference from one
	for i := n; term > tail*1e-12 && i < n+1000; i++ {
		tail += term
		term *= (shape + float64(i)) * q / float64(i+1)
	}
	return tail
}

// poisson is the probability of n or more events where mean are expected for sure.
func poisson(n int, mean float64) float64 {
	if n <= 0 {
		return 1
	}
	term, tail := math.Exp(-mean), 0.0
	for i := 1; i < n; i++ {
		term *= mean / float64(i)
	}
	for i := n; term > tail*1e-12 && i < n+1000; i++ {
		term *= mean / float64(i)
		tail += term
	}
	return tail
}

// median of values, which are sorted in place; 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// spread is the relative spread of values about their median: 1.4826·MAD/median,
// which is the coefficient of variation where they are normally distributed.
func spread(v []float64) (med, rel float64) {
	if med = median(v); med <= 0 {
		return 0, math.Inf(1)
	}
	dev := make([]float64, len(v))
	for i, x := range v {
		dev[i] = math.Abs(x - med)
	}
	return med, 1.4826 * median(dev) / med
}

// arrow is a direction on a cycle and, by its length of at most 1, how sure it is: the
// mean of several directions is short when they disagree.
type arrow struct{ x, y float64 }

// arrowTo is the arrow to a phase, in turns.
func arrowTo(phase float64) arrow {
	y, x := math.Sincos(2 * math.Pi * phase)
	return arrow{x, y}
}

// phase is where the arrow points to, in turns.
func (a arrow) phase() float64 {
	p := math.Atan2(a.y, a.x) / (2 * math.Pi)
	if p < 0 {
		p++
	}
	return p
}

// rayleigh is the probability that directions of no preference lie together as closely
// as these, at most, and their mean in turns.
func rayleigh(list []arrow) (p, mean float64) {
	var sum arrow
	for _, a := range list {
		sum.x, sum.y = sum.x+a.x, sum.y+a.y
	}
	n := float64(len(list))
	r := math.Hypot(sum.x, sum.y)
	p = math.Exp(math.Sqrt(1+4*n+4*(n*n-r*r)) - (1 + 2*n)) // Zar's approximation
	return min(p, 1), sum.phase()
}

// atLeast is the probability of k or more in n where each has p.
func atLeast(k, n int, p float64) float64 {
	if k <= 0 || p >= 1 {
		return 1
	}
	if p <= 0 {
		return 0
	}
	sum := 0.0
	for i := k; i <= n; i++ {
		lgN, _ := math.Lgamma(float64(n) + 1)
		lgI, _ := math.Lgamma(float64(i) + 1)
		lgR, _ := math.Lgamma(float64(n-i) + 1)
		sum += math.Exp(lgN - lgI - lgR + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}

// ppm writes a probability in millionths.
func ppm(p float64) int64 { return int64(math.Round(p * 1e6)) }
