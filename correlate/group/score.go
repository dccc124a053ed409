package group

import (
	"math/bits"

	"signalbox/itsm"
)

// All scores are integers: thousandths, or 20-bit fixed point inside a function.

const one = 1 << 20 // 1.0 in 20-bit fixed point

// eighth is e^(-1/8) in 20-bit fixed point.
const eighth = 925_363

// decay returns exp(-dt/τ) in thousandths, for times in milliseconds.
func decay(dt, tau itsm.Time) int {
	if dt <= 0 {
		return 1000
	}
	if tau <= 0 || dt > 8*tau {
		return 0
	}
	x := dt * 8
	steps, rest := int(x/tau), x%tau
	q := uint64(one)
	for range steps {
		q = q * eighth >> 20
	}
	next := q * eighth >> 20
	q -= (q - next) * uint64(rest) / uint64(tau) // linear within a step: off by under 0.2 %
	return int(q * 1000 >> 20)
}

// power returns (milli/1000)^n in thousandths.
func power(milli, n int) int {
	p := 1000
	for range n {
		p = p * milli / 1000
	}
	return p
}

// log2 returns log2(n) in thousandths for n ≥ 1.
func log2(n int) int {
	if n <= 1 {
		return 0
	}
	whole := bits.Len(uint(n)) - 1
	x := uint64(n) << 20 >> uint(whole) // [1, 2)
	frac := 0
	for bit := 512; bit > 0; bit >>= 1 { // ten binary digits
		x = x * x >> 20
		if x >= 2*one {
			x >>= 1
			frac += bit
		}
	}
	return whole*1000 + frac*1000/1024
}

// prior returns 1/(1+β·log2(1+fanin)) in thousandths.
func prior(betaMilli, fanin int) int {
	return 1_000_000 / (1000 + betaMilli*log2(1+fanin)/1000)
}

// saturate returns p = s/(s+0.25) in thousandths.
func saturate(s int) int { return s * 1000 / (s + 250) }

// either returns 1-(1-a)(1-b) in thousandths.
func either(a, b int) int { return 1000 - (1000-a)*(1000-b)/1000 }
