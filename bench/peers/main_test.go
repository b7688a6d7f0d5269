package peers_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) {
	// The first header that fasthttp writes starts a goroutine for good.
	_ = new(fasthttp.ResponseHeader).Header()
	assert.RunWithoutLeaks(m)
}
