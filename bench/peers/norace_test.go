//go:build !race

package peers_test

// race tells whether the race detector is at work.
const race = false
