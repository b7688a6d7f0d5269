package raw_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestBurst has a socket send many messages at once: they reach each socket of the same
// loop in one write.
func TestBurst(t *testing.T) {
	const burst, size = 32, 64
	s := serveTCP(t, options(event.Options{Driver: event.Epoll, Loops: 1}), nil)
	var peers []net.Conn
	for range 3 {
		c, err := s.dial(t.Context(), "tcp", "")
		assert.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		wstest.NewScript(t, c, wstest.Client).ClientHandshake("/t/room")
		peers = append(peers, c)
	}
	var b []byte
	for range burst {
		b = frame.AppendHeader(b, frame.Header{Fin: true, Opcode: frame.OpBinary, Masked: true, Length: size})
		b = append(b, make([]byte, size)...) // the mask is zero
	}
	_, err := peers[0].Write(b)
	assert.NoError(t, err)
	for _, c := range peers {
		got := make([]byte, 2*burst*(size+2))
		n, err := c.Read(got)
		assert.NoError(t, err)
		assert.Equal(t, n, burst*(size+2))
	}
}

// drainOf is the environment variable that makes the test binary a process that opens
// sockets and drops what they receive, so that a benchmark measures the server alone. It
// holds the address of the server.
const drainOf = "DUPLEX_BENCH_DRAIN"

// A drain is such a process, as the benchmark sees it.
type drain struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.Reader
	size int
}

// TestDrain is the process. It is told in numbers of 4 bytes how many messages to expect
// in all, says so when they are there, and ends with its input.
func TestDrain(t *testing.T) {
	target := os.Getenv(drainOf)
	if target == "" {
		return // it was not started by a benchmark
	}
	var want, got atomic.Int64
	there := make(chan struct{}, 1)
	count := func(*event.Conn, websocket.MessageType, []byte) {
		if got.Add(1) == want.Load() {
			there <- struct{}{}
		}
	}
	client := event.NewClient(event.Handler{OnMessage: count}, nil)
	n, err := strconv.Atoi(os.Getenv(drainOf + "_SOCKETS"))
	assert.NoError(t, err)
	for range n {
		_, _, err := client.Dial(t.Context(), target, nil)
		assert.NoError(t, err)
	}
	var number [4]byte
	_, _ = os.Stdout.Write(number[:])
	for {
		if _, err := io.ReadFull(os.Stdin, number[:]); err != nil {
			os.Exit(0) // before the test framework says more
		}
		if n := want.Add(int64(binary.BigEndian.Uint32(number[:]))); got.Load() < n {
			<-there
		}
		_, _ = os.Stdout.Write(number[:])
	}
}

// startDrain starts a process with n sockets at a URL.
func startDrain(b *testing.B, target string, n int) *drain {
	b.Helper()
	self, err := os.Executable()
	assert.NoError(b, err)
	d := &drain{cmd: exec.CommandContext(b.Context(), self, "-test.run=^TestDrain$"), size: n}
	d.cmd.Env = append(os.Environ(), drainOf+"="+target, drainOf+"_SOCKETS="+strconv.Itoa(n))
	d.cmd.Stderr = os.Stderr
	d.in, err = d.cmd.StdinPipe()
	assert.NoError(b, err)
	d.out, err = d.cmd.StdoutPipe()
	assert.NoError(b, err)
	assert.NoError(b, d.cmd.Start())
	b.Cleanup(func() {
		_ = d.in.Close()
		_ = d.cmd.Wait()
	})
	d.await(b)
	return d
}

// expect announces messages for each socket.
func (d *drain) expect(b *testing.B, messages int) {
	_, err := d.in.Write(binary.BigEndian.AppendUint32(nil, uint32(messages*d.size)))
	assert.NoError(b, err)
}

// await waits until they have arrived.
func (d *drain) await(b *testing.B) {
	var number [4]byte
	_, err := io.ReadFull(d.out, number[:])
	assert.NoError(b, err)
}

// hall is a plain event server whose sockets are a Group.
func hall(b *testing.B) (g *event.Group, addr string) {
	b.Helper()
	g = new(event.Group)
	server := event.NewServer(event.Handler{OnOpen: g.Add}, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(b, err)
	srv := &http.Server{Handler: server}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() {
		_ = srv.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	})
	return g, l.Addr().String()
}

// cpu returns the CPU time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFanOut sends messages to many raw sockets through the hub, and in turn the same
// messages to as many sockets of a plain event server through a Group. It reports the
// CPU time of the server for each message and receiver, and the ratio of the two.
func BenchmarkFanOut(b *testing.B) {
	for _, c := range []struct{ sockets, burst int }{{1000, 1}, {1000, 32}, {9000, 1}} {
		b.Run(fmt.Sprintf("sockets=%d/burst=%d", c.sockets, c.burst), func(b *testing.B) {
			benchmarkFanOut(b, c.sockets, c.burst)
		})
	}
}

func benchmarkFanOut(b *testing.B, sockets, burst int) {
	s := serveTCP(b, raw.Options{}, nil)
	conn, err := s.dial(b.Context(), "tcp", "")
	assert.NoError(b, err)
	members := startDrain(b, "ws://"+conn.RemoteAddr().String()+"/t/room", sockets)
	_ = conn.Close()
	g, addr := hall(b)
	plain := startDrain(b, "ws://"+addr+"/", sockets)
	payload := make([]byte, 64)
	var used [2]time.Duration
	n := 0
	for b.Loop() {
		for i, d := range []*drain{members, plain} {
			d.expect(b, burst)
			before := cpu()
			for range burst {
				if i == 0 {
					s.hub.PublishAsync(&hub.Message{Topic: "room", Kind: hub.Binary, Payload: payload}, nil)
					continue
				}
				m, err := websocket.Prepare(websocket.Binary, payload)
				assert.NoError(b, err)
				g.Broadcast(m)
			}
			d.await(b)
			used[i] += cpu() - before
		}
		n += burst * sockets
	}
	b.ReportMetric(float64(used[0])/float64(n), "hub-ns/receiver")
	b.ReportMetric(float64(used[1])/float64(n), "group-ns/receiver")
	b.ReportMetric(float64(used[0])/float64(used[1]), "hub/group")
}
