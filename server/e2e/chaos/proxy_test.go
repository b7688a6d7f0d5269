package chaos_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/e2e/chaos"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// echoServer sends back what it gets until its end.
func echoServer(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return l
}

// exchange sends p and returns what comes back.
func exchange(address string, p []byte) ([]byte, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	go func() {
		_, _ = c.Write(p)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	return io.ReadAll(c)
}

// A proxy that is quiet passes on everything, one that is not cuts some of it short, and
// never changes it.
func TestProxy(t *testing.T) {
	server := echoServer(t)
	p, err := chaos.NewProxy(server.Addr().String(), 1)
	assert.NoError(t, err)
	t.Cleanup(p.Close)
	sent := make([]byte, 100_000)
	for i := range sent {
		sent[i] = byte(i * 31 >> 3)
	}
	got, err := exchange(p.Address(), sent)
	assert.NoError(t, err)
	assert.True(t, bytes.Equal(got, sent), "the quiet proxy changed something")

	p.Disturb()
	var all sync.WaitGroup
	var mu sync.Mutex
	whole, cut := 0, 0
	for range 60 {
		all.Go(func() {
			got, err := exchange(p.Address(), sent)
			mu.Lock()
			defer mu.Unlock()
			if !bytes.HasPrefix(sent, got) {
				t.Error("the proxy changed something")
			}
			if err == nil && len(got) == len(sent) {
				whole++
			} else {
				cut++
			}
		})
	}
	all.Wait()
	p.Calm()
	assert.True(t, whole > 0 && cut > 0, "there is no trouble, or nothing else")

	got, err = exchange(p.Address(), sent)
	assert.NoError(t, err)
	assert.True(t, bytes.Equal(got, sent), "the trouble is not over")
}

func TestProxyWithoutServer(t *testing.T) {
	server := echoServer(t)
	address := server.Addr().String()
	_ = server.Close()
	p, err := chaos.NewProxy(address, 1)
	assert.NoError(t, err)
	t.Cleanup(p.Close)
	got, err := exchange(p.Address(), []byte("hello"))
	assert.True(t, err != nil || len(got) == 0, "somebody answered")
}
