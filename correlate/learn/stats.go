package learn

import "math"

// wilsonZ is the quantile of a two-sided 95 % interval.
const wilsonZ = 1.96

// wilson is the lower bound of a share of k in n.
func wilson(k, n int) float64 {
	if n == 0 {
		return 0
	}
	p, nn, z2 := float64(k)/float64(n), float64(n), wilsonZ*wilsonZ
	return (p + z2/(2*nn) - wilsonZ*math.Sqrt(p*(1-p)/nn+z2/(4*nn*nn))) / (1 + z2/nn)
}

// poissonTail is the probability of n or more where lambda are expected. Terms
// shrink above the mean, so few are needed; n is above it wherever it matters.
func poissonTail(n int, lambda float64) float64 {
	if n <= 0 {
		return 1
	}
	if lambda <= 0 {
		return 0
	}
	if float64(n) <= lambda {
		return 1 // not asked for: nothing at or below the mean is surprising
	}
	lg, _ := math.Lgamma(float64(n) + 1)
	term := math.Exp(float64(n)*math.Log(lambda) - lambda - lg)
	sum := 0.0
	for i := n; term > sum*1e-12 && i < n+10_000; i++ {
		sum += term
		term *= lambda / float64(i+1)
	}
	return min(sum, 1)
}

// binomialHead is the probability of k or fewer in n where each has p.
func binomialHead(k, n int, p float64) float64 {
	sum := 0.0
	for i := range k + 1 {
		lgN, _ := math.Lgamma(float64(n) + 1)
		lgI, _ := math.Lgamma(float64(i) + 1)
		lgR, _ := math.Lgamma(float64(n-i) + 1)
		sum += math.Exp(lgN - lgI - lgR + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}
