package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
)

// echoLoops are the ways to write an echo.
var echoLoops = []struct {
	name string
	echo func(context.Context, *websocket.Conn) error
}{
	{"Read+Write", echoAll},
	{"ReadInto+Write", echoInto},
	{"Next+Write", echoNext},
	{"Next+Post", echoPosted},
}

func echoAll(ctx context.Context, c *websocket.Conn) error {
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, p); err != nil {
			return err
		}
	}
}

func echoInto(ctx context.Context, c *websocket.Conn) error {
	var buf []byte
	for {
		t, p, err := c.ReadInto(ctx, buf)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, p); err != nil {
			return err
		}
		buf = p
	}
}

func echoNext(ctx context.Context, c *websocket.Conn) error {
	for {
		t, p, err := c.Next(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, p); err != nil {
			return err
		}
	}
}

func echoPosted(ctx context.Context, c *websocket.Conn) error {
	for {
		t, p, err := c.Next(ctx)
		if err != nil {
			return err
		}
		err = c.Post(t, p)
		if errors.Is(err, websocket.ErrQueueFull) {
			err = c.Write(ctx, t, p) // waits for the network
		}
		if err != nil {
			return err
		}
	}
}

// An echoPeer is a client that costs next to nothing: it writes the same messages
// again and again and counts the bytes that come back.
type echoPeer struct {
	net.Conn
	wire  []byte
	back  int
	buf   []byte
	wrote chan error
}

// newEchoPeer returns a peer that has n messages of size bytes in flight.
func newEchoPeer(c net.Conn, size, n int) *echoPeer {
	p := &echoPeer{Conn: c, buf: make([]byte, 64<<10), wrote: make(chan error, 1)}
	for range n {
		p.wire = frame.AppendHeader(p.wire, frame.Header{Fin: true, Opcode: frame.OpBinary, Masked: true, Length: int64(size)})
		p.wire = append(p.wire, make([]byte, size)...)
		p.back += len(frame.AppendHeader(nil, frame.Header{Length: int64(size)})) + size
	}
	return p
}

// round has all messages echoed once. A large one does not fit into the buffers of
// the sockets, so that writing and reading must go on at the same time.
func (p *echoPeer) round(b testing.TB) {
	if len(p.wire) > 64<<10 {
		go p.writeAll()
	} else {
		p.writeAll()
	}
	for got := 0; got < p.back; {
		n, err := p.Read(p.buf)
		assert.NoError(b, err)
		got += n
	}
	assert.NoError(b, <-p.wrote)
}

func (p *echoPeer) writeAll() {
	_, err := p.Write(p.wire)
	p.wrote <- err
}

// BenchmarkEcho has a server echo one message after the other over TCP. What is
// allocated is the server's.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10, 1 << 20} {
		for _, e := range echoLoops {
			b.Run(fmt.Sprintf("%d/%s", size, e.name), func(b *testing.B) {
				url := benchServer(b, e.echo, nil)
				c := openBare(b, strings.TrimPrefix(url, "ws://"), false, "")
				defer c.Close()
				p := newEchoPeer(c, size, 1)
				p.round(b)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					p.round(b)
				}
			})
		}
	}
}

// BenchmarkPipelined has 16 messages of 64 bytes in flight, which come to the server
// with one read, and measures what each costs the server, a process of its own: the
// time of processors, and writes to the transport.
func BenchmarkPipelined(b *testing.B) {
	const inFlight = 16
	if runtime.GOOS != "linux" {
		b.Log("a process is looked at through /proc, which only Linux has")
		return
	}
	for _, e := range echoLoops {
		b.Run(e.name, func(b *testing.B) {
			cmd, addr, stop := startServer(b, "echo:"+e.name)
			c := openBare(b, addr, false, "")
			defer c.Close()
			p := newEchoPeer(c, 64, inFlight)
			for range 100 {
				p.round(b)
			}
			cpu, writes := spent(b, cmd.Process.Pid)
			b.ReportAllocs()
			rounds := 0
			for b.Loop() {
				p.round(b)
				rounds++
			}
			cpuAfter, writesAfter := spent(b, cmd.Process.Pid)
			n := float64(rounds * inFlight)
			b.ReportMetric(float64(cpuAfter-cpu)/n, "cpu-ns/msg")
			b.ReportMetric(float64(writesAfter-writes)/n, "writes/msg")
			stop()
		})
	}
}

// startServer starts this binary as a server of its own process and returns it, its
// address and what ends it.
func startServer(b *testing.B, mode string) (cmd *exec.Cmd, addr string, stop func()) {
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), idleServerEnv+"="+mode)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	assert.NoError(b, err)
	stdout, err := cmd.StdoutPipe()
	assert.NoError(b, err)
	assert.NoError(b, cmd.Start())
	out := bufio.NewScanner(stdout)
	out.Scan()
	return cmd, out.Text(), func() {
		_ = in.Close()
		assert.NoError(b, cmd.Wait())
	}
}

// spent returns the processor time of a process in nanoseconds, and how many write
// system calls it made.
func spent(b *testing.B, pid int) (cpu, writes int64) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	assert.NoError(b, err)
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		assert.NoError(b, err)
		var ns int64
		_, err = fmt.Sscan(string(text), &ns)
		assert.NoError(b, err)
		cpu += ns
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/io", pid))
	assert.NoError(b, err)
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		_, _ = fmt.Sscanf(s.Text(), "syscw: %d", &writes)
	}
	return cpu, writes
}

// echoHandler returns the handler of a mode of startServer.
func echoHandler(mode string) http.Handler {
	for _, e := range echoLoops {
		if "echo:"+e.name == mode {
			return websocket.Handler(e.echo, nil)
		}
	}
	return nil
}
