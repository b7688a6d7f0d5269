package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestDefectBombPassesTheLimit: 16 KiB on the wire stand for 16 MiB of zeros. They
// are refused, and not inflated first.
func TestDefectBombPassesTheLimit(t *testing.T) {
	bomb := squeezed(t, strings.Repeat("\x00", 16<<20))
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		cost := allocated(func() {
			end := readAll(t, c)
			sendSqueezed(s, frame.OpBinary, true, bomb)
			assert.Contains(t, s.ExpectCloseCode(websocket.StatusMessageTooBig), "1048576 bytes")
			s.ExpectEOF()
			var tooBig *websocket.MessageTooBigError
			err := (<-end).err
			assert.True(t, errors.As(err, &tooBig) && tooBig.Limit == 1<<20, fmt.Sprintf("ended with %v", err))
		})
		assert.True(t, cost < 6<<20, fmt.Sprintf("the bomb made us allocate %d bytes", cost))
	})
}

// TestDefectEndlessEmptyBlocks: blocks that hold nothing never reach a limit that
// counts what they hold.
func TestDefectEndlessEmptyBlocks(t *testing.T) {
	blocks := bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 4000)
	compressingUpTo(t, 1000, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		end := readAll(t, c)
		wait := s.Go(func() {
			sendSqueezed(s, frame.OpText, false, blocks)
			for range 4 { // 100 kB in all, for a message of 1000 bytes at most
				s.SendFrame(frame.Header{}, blocks)
			}
		})
		s.ExpectCloseCode(websocket.StatusMessageTooBig)
		wait()
		s.Close()
		<-end
	})
}

// TestDefectWrongCodeForCompressedData: what does not inflate, or inflates to text
// that is not UTF-8, is no message: 1007, and as soon as it is known.
func TestDefectWrongCodeForCompressedData(t *testing.T) {
	type test struct {
		name string
		op   frame.Opcode
		fin  bool
		p    []byte
	}
	tests := []test{
		{"block of the reserved type", frame.OpBinary, true, []byte{0x06}},
		{"the same, found before the message ends", frame.OpBinary, false, []byte{0x06}},
		{"stored block whose length is not confirmed", frame.OpBinary, true, []byte{0x00, 1, 0, 0, 0, 'x'}},
		{"end inside a block", frame.OpBinary, true, squeezed(t, string(cycle(300, 300)))[:40]},
		{"distance before the first message", frame.OpBinary, true, []byte{0x02, 0x02, 0x00, 0x00}},
		{"text that is not UTF-8", frame.OpText, true, squeezed(t, "no \xff text")},
		{"the same, found before the message ends", frame.OpText, false, append(squeezed(t, "no \xff text"), flushed...)},
		{"text that is cut", frame.OpText, true, squeezed(t, "cut \xe2\x82")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				end := readAll(t, c)
				sendSqueezed(s, tt.op, tt.fin, tt.p)
				s.ExpectCloseCode(websocket.StatusInvalidPayload)
				s.ExpectEOF()
				var broken *websocket.ProtocolError
				err := (<-end).err
				assert.True(t, errors.As(err, &broken) && broken.Code == websocket.StatusInvalidPayload, fmt.Sprintf("ended with %v", err))
			})
		})
	}
}

// TestDefectFinalBlockEndsTheStream: a block with BFINAL ends nothing but itself, not
// even the message.
func TestDefectFinalBlockEndsTheStream(t *testing.T) {
	const hello = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00" // RFC 7692 §7.2.3.4
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		sendSqueezed(s, frame.OpText, true, []byte(hello))
		expect(t, c, text("Hello"))
		sendSqueezed(s, frame.OpText, true, []byte(strings.TrimSuffix(hello, "\x00")+hello))
		expect(t, c, text("HelloHello"))
		// The window goes on too: this is five bytes from five bytes back (§7.2.3.2).
		sendSqueezed(s, frame.OpText, true, []byte("\xf2\x00\x11\x00\x00"))
		expect(t, c, text("Hello"))
	})
}

// TestDefectTakeoverIgnored: the two ends are of different opinions on what a message
// may refer to, or a library never remembers anything.
func TestDefectTakeoverIgnored(t *testing.T) {
	message := string(cycle(3000, 3000))
	t.Run("what we send refers to what was before", func(t *testing.T) {
		compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			for _, window := range []string{"", message} {
				assert.NoError(t, c.Post(websocket.Text, []byte(message)))
				h, p := s.ExpectFrame()
				assert.Equal(t, h.RSV, frame.RSV1)
				assert.True(t, window == "" || len(p) < len(message)/20, fmt.Sprintf("%d bytes the second time", len(p)))
				got, err := inflate(p, []byte(window))
				assert.NoError(t, err)
				assert.Equal(t, string(got), message)
			}
		})
	})
	for name, z := range map[string]websocket.Compression{"we want": {NoContextTakeover: true}, "the peer wants": {}} {
		t.Run("what we send stands alone, as "+name, func(t *testing.T) {
			compressing(t, z, "; own_no_context_takeover", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				for range 3 {
					assert.NoError(t, c.Post(websocket.Text, []byte(message)))
					h, p := s.ExpectFrame()
					assert.Equal(t, h.RSV, frame.RSV1)
					got, err := inflate(p, nil)
					assert.NoError(t, err)
					assert.Equal(t, string(got), message)
				}
			})
		})
	}
	t.Run("what we receive may refer to what was before", func(t *testing.T) {
		compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			var z squeezer
			for range 3 {
				sendSqueezed(s, frame.OpText, true, z.message(t, message))
				expect(t, c, text(message))
			}
		})
	})
}

// TestDefectUncompressedMessageInTheWindow: a window holds what was compressed, and
// nothing else. Whoever enters all that was sent refers to what the peer has not kept.
func TestDefectUncompressedMessageInTheWindow(t *testing.T) {
	random := string(sampleBinary()[:1000])
	t.Run("sending", func(t *testing.T) {
		compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			small := "below the threshold: 0123456789"
			for _, p := range []string{random, small} {
				assert.NoError(t, c.Post(websocket.Binary, []byte(p)))
				s.ExpectBinary([]byte(p))
			}
			again := strings.Repeat(small+random, 2)
			assert.NoError(t, c.Post(websocket.Binary, []byte(again)))
			h, p := s.ExpectFrame()
			assert.Equal(t, h.RSV, frame.RSV1)
			got, err := inflate(p, nil)
			assert.NoError(t, err)
			assert.Equal(t, string(got), again)
		})
	})
	t.Run("receiving", func(t *testing.T) {
		compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			var z squeezer
			message := string(cycle(500, 500))
			for range 3 {
				sendSqueezed(s, frame.OpText, true, z.message(t, message))
				expect(t, c, text(message))
				s.SendBinary([]byte(random))
				expect(t, c, websocket.Message{Type: websocket.Binary, Data: []byte(random)})
			}
		})
	})
}

// TestDefectEverythingIsCompressed: what compression would not make smaller goes out
// as it is, and so does what is too small to be worth it.
func TestDefectEverythingIsCompressed(t *testing.T) {
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		for _, p := range []string{"", "x", strings.Repeat("x", 127), string(sampleBinary()[:1000]), string(sampleBinary()[:100_000])} {
			wait := writing(t.Context(), c, websocket.Message{Type: websocket.Binary, Data: []byte(p)})
			s.ExpectBinary([]byte(p))
			assert.NoError(t, wait())
		}
		assert.NoError(t, c.Post(websocket.Binary, make([]byte, 128)))
		h, _ := s.ExpectFrame()
		assert.True(t, h.RSV == frame.RSV1 && h.Length < 20, fmt.Sprintf("RSV %d, %d bytes", h.RSV, h.Length))
	})
}
