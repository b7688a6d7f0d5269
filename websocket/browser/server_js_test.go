//go:build js && wasm

package browser_test

import "os"

// serverURL returns where browsertest.Handler is served. Whoever runs this test in
// a browser has started it: see server/e2e.
func serverURL() string { return os.Getenv("DUPLEX_BROWSERTEST") }
