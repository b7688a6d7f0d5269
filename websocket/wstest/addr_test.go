package wstest

import (
	"net"
	"strconv"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestAddrIsAlwaysAPort numbers more addresses than there are ports.
func TestAddrIsAlwaysAPort(t *testing.T) {
	last := uint32(0)
	for range 70_000 {
		port := nextPort()
		if port < 1 || port > 65535 || port == last {
			t.Fatalf("port %d after %d", port, last)
		}
		last = port
	}
}

func TestAddrOfAListenerIsLocal(t *testing.T) {
	l := Listen()
	defer l.Close()
	host, port, err := net.SplitHostPort(l.Addr().String())
	assert.NoError(t, err)
	assert.Equal(t, host, "localhost") // which no proxy of the environment is used for
	_, err = strconv.ParseUint(port, 10, 16)
	assert.NoError(t, err)
	assert.Equal(t, l.Addr().Network(), "wstest")
}
