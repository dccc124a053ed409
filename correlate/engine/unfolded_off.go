//go:build !unfolded

package engine

// unfolded is true in a build that measures what everything but the fold costs ('make
// bench-door'): deliveries are journaled and acknowledged, and come to nothing.
const unfolded = false
