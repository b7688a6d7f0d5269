package wstest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// A failingTB is a testing.TB that may fail without failing the test: it keeps
// what a Script says.
type failingTB struct {
	testing.TB
	failed atomic.Bool
	said   string
}

func (f *failingTB) Helper()      {}
func (f *failingTB) Failed() bool { return f.failed.Load() }

func (f *failingTB) FailNow() {
	f.failed.Store(true)
	runtime.Goexit()
}

func (f *failingTB) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	f.FailNow()
}

// failure returns what a line of a script says that must fail.
func failure(t *testing.T, line func(t testing.TB)) string {
	t.Helper()
	f := &failingTB{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		line(f)
	}()
	<-done
	assert.True(t, f.failed.Load(), "the line did not fail")
	return f.said
}

// inScript runs f in a bubble with a Script and the other end of its pipe.
func inScript(t *testing.T, role Role, f func(t *testing.T, s *Script, c *PipeConn)) {
	t.Helper()
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		f(t, NewScript(t, a, role), b)
	})
}

// fails returns a Script that must fail, on the same connection as s.
func (s *Script) fails(t testing.TB) *Script {
	return &Script{t: t, c: s.c, role: s.role, timeout: s.timeout, in: s.in, key: s.key}
}

func TestSendWritesTheseBytes(t *testing.T) {
	tests := []struct {
		name string
		role Role
		send func(s *Script)
		wire string
	}{
		{"bytes", Client, func(s *Script) { s.Send([]byte{1, 2}) }, "0102"},
		{"hex with white space", Client, func(s *Script) { s.SendHex("81 05\n\t68656C 6c6f") }, "810568656c6c6f"},
		{"RFC 6455 §5.7 text", Server, func(s *Script) { s.SendText("Hello") }, "810548656c6c6f"},
		{"RFC 6455 §5.7 masked text", Client, func(s *Script) { s.SendText("Hello") }, "818537fa213d7f9f4d5158"},
		{"binary", Server, func(s *Script) { s.SendBinary([]byte{0, 255}) }, "820200ff"},
		{"ping", Server, func(s *Script) { s.SendPing([]byte("a")) }, "890161"},
		{"pong", Server, func(s *Script) { s.SendPong(nil) }, "8a00"},
		{"close", Server, func(s *Script) { s.SendClose(1001, "bye") }, "880503e9627965"},
		{"close with an illegal code", Server, func(s *Script) { s.SendClose(1006, "") }, "880203ee"},
		{"close without a code", Server, func(s *Script) { s.SendClose(1005, "") }, "8800"},
		{"fragment with RSV1", Server, func(s *Script) {
			s.SendFrame(frame.Header{RSV: frame.RSV1, Opcode: frame.OpText, Length: 99}, []byte("a"))
		}, "410161"},
		{"masked by a server", Server, func(s *Script) {
			s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpText, Masked: true, Key: 1}, []byte("a"))
		}, "81810100000060"},
		{"key of its own", Client, func(s *Script) {
			s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpText, Key: 0x100}, []byte("ab"))
		}, "8182000100006163"},
		{"not masked by a client", Client, func(s *Script) {
			s.SendExact(frame.Header{Fin: true, Opcode: frame.OpText, Length: 1}, []byte("a"))
		}, "810161"},
		{"length that lies", Client, func(s *Script) {
			s.SendExact(frame.Header{Fin: true, Opcode: frame.OpText, Length: 5}, []byte("a"))
		}, "810561"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScript(t, test.role, func(t *testing.T, s *Script, c *PipeConn) {
				test.send(s)
				s.CloseWrite()
				got, err := io.ReadAll(c)
				assert.NoError(t, err)
				assert.Equal(t, fmt.Sprintf("%x", got), test.wire)
			})
		})
	}
}

func TestSendChangesTheKey(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		server := NewScript(t, c, Server)
		s.SendText("one")
		s.SendText("two")
		first, _ := server.ExpectFrame()
		second, _ := server.ExpectFrame()
		assert.True(t, first.Key != second.Key, "two frames have the same masking key")
	})
}

func TestSendHexOfSomethingElse(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		said := failure(t, func(t testing.TB) { s.fails(t).SendHex("81 0g") })
		assert.Contains(t, said, "the scripted client")
		assert.Contains(t, said, "invalid byte")
	})
}

func TestSendHasABound(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		start := time.Now()
		assert.ErrorIs(t, s.TrySend(make([]byte, pipeSize+1)), os.ErrDeadlineExceeded)
		assert.Equal(t, time.Since(start), 5*time.Second)
		s.SetTimeout(time.Minute)
		said := failure(t, func(t testing.TB) { s.fails(t).Send([]byte("more")) })
		assert.Equal(t, time.Since(start), 65*time.Second)
		assert.Contains(t, said, `to send "more"`)
		assert.Contains(t, said, "i/o timeout")
	})
}

func TestTrySendToAClosedPeer(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		c.Close()
		assert.ErrorIs(t, s.TrySend([]byte("x")), syscall.EPIPE)
	})
}

func TestScriptEndsTheConnection(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		s.SendText("a")
		s.CloseWrite()
		peer := NewScript(t, c, Client)
		peer.ExpectText("a")
		peer.ExpectEOF()
		peer.SendText("b")
		s.ExpectText("b")
		said := failure(t, func(t testing.TB) {
			s.Close()
			s.fails(t).CloseWrite()
		})
		assert.Contains(t, said, net.ErrClosed.Error())
	})
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		s.SendText("lost")
		s.Reset()
		NewScript(t, c, Client).ExpectReset()
	})
}

func TestScriptOnAConnWithoutHalves(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	said := failure(t, func(t testing.TB) { NewScript(t, a, Client).CloseWrite() })
	assert.Contains(t, said, "*net.pipe cannot close one direction")
	said = failure(t, func(t testing.TB) { NewScript(t, b, Client).Reset() })
	assert.Contains(t, said, "*net.pipe cannot be reset")
}

// TestScriptOverTCP does everything that depends on the connection on a real
// one.
func TestScriptOverTCP(t *testing.T) {
	for _, reset := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, err)
		defer l.Close()
		a, err := net.Dial("tcp", l.Addr().String())
		assert.NoError(t, err)
		b, err := l.Accept()
		assert.NoError(t, err)
		client, server := NewScript(t, a, Client), NewScript(t, b, Server)
		client.SendText("hello")
		server.ExpectText("hello")
		client.ExpectSilence(time.Millisecond)
		if reset {
			server.Reset()
			client.ExpectReset()
			continue
		}
		server.CloseWrite()
		client.ExpectEOF()
		client.Close()
		server.ExpectEOF()
	}
}

func TestScriptClosesAtTheEndOfTheTest(t *testing.T) {
	a, b := NetPipe()
	defer b.Close()
	t.Run("with a script", func(t *testing.T) { NewScript(t, a, Client) })
	_, err := b.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
}

// TestGoAndATestThatGivesUp has the test fail while a script waits in the
// background: the end of the test does not wait for its timeout.
func TestGoAndATestThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := NetPipe()
		defer b.Close()
		start := time.Now()
		cleanups := &cleanupTB{failingTB: failingTB{TB: t}}
		s := NewScript(cleanups, a, Client)
		s.Go(func() { s.ExpectText("never sent") })
		synctest.Wait()
		cleanups.failed.Store(true)
		cleanups.end()
		assert.Equal(t, time.Since(start), 0)
	})
}

// A cleanupTB is a failingTB that ends when end is called.
type cleanupTB struct {
	failingTB
	cleanups []func()
}

func (c *cleanupTB) Cleanup(f func()) { c.cleanups = append(c.cleanups, f) }

func (c *cleanupTB) end() {
	for _, f := range slices.Backward(c.cleanups) {
		f()
	}
}

func TestGoRunsBesideTheTest(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		client := NewScript(t, c, Client)
		wait := client.Go(func() {
			client.ExpectText("question")
			client.SendText("answer")
		})
		s.SendText("question")
		s.ExpectText("answer")
		wait()
	})
}

// TestGoThatFails has a script in the background go wrong: the test must not
// wait for it in vain, and must not go on as if nothing had happened.
func TestGoThatFails(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		var read error
		goneOn := false
		said := failure(t, func(t testing.TB) {
			background := s.fails(t)
			wait := background.Go(func() { background.ExpectText("hello") })
			c.Write([]byte("\x81\x80\x00\x00\x00\x00"))
			_, read = c.Read(make([]byte, 1))
			wait()
			goneOn = true
		})
		assert.Contains(t, said, `wanted text, fin, rsv 0, masked, 5 bytes: "hello"`)
		assert.True(t, errors.Is(read, io.EOF), "the connection of a failed script is open")
		assert.True(t, !goneOn, "a test went on after its script had failed")
	})
}
