//go:build !js

package browser_test

import (
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/browser/browsertest"
)

var server *httptest.Server

func serverURL() string { return server.URL }

// TestMain starts the server of the contract, and fails the run if a test leaves a
// goroutine behind.
func TestMain(m *testing.M) {
	server = httptest.NewServer(browsertest.Handler())
	assert.RunWithoutLeaks(m, server.Close)
}
