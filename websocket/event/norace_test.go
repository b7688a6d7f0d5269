//go:build !race

package event_test

// raced says that the tests run under the race detector.
const raced = false
