//go:build race

package websocket_test

// raced says that the tests run under the race detector.
const raced = true
