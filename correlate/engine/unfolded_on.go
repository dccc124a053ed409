//go:build unfolded

package engine

// See unfolded_off.go.
const unfolded = true
