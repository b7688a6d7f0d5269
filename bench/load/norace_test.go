//go:build !race

package load_test

// race tells whether the race detector is at work.
const race = false
