package conformance

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A mutant is an endpoint that sends back each message. It is written on package
// frame alone, and keeps all rules but those its flaws name: what the suite says
// of it is known before. How to add a flaw: ask for it by name where the rule is
// kept, with m.is, and give it a row in flaws.
type mutant struct {
	conn  net.Conn
	role  Role // of the mutant
	flaws []string
	limit int // of messages, 0 for none

	in      []byte
	inside  bool
	op      frame.Opcode
	message []byte
	zipped  bool // the message is compressed
	utf8    frame.UTF8
	empties int
	wire    uint64   // bytes of the message as they came
	held    [][]byte // frames that a flaw keeps back
	sent    int      // messages
	zip     *mutantZip
	wait    time.Duration // for the other end, in place of 2 s
}

// is reports whether the mutant has a flaw.
func (m *mutant) is(flaw string) bool { return slices.Contains(m.flaws, flaw) }

// errGone ends a mutant that has done its part.
var errGone = errors.New("gone")

// A fault is a broken rule that the mutant saw.
type fault struct{ code frame.StatusCode }

func (fault) Error() string { return "fault" }

// serve plays the mutant until the connection ends.
func (m *mutant) serve() {
	defer m.conn.Close()
	if m.is("loses what comes behind the handshake") {
		m.in = nil
	}
	if m.is("loses what is read late") {
		m.conn = lossy{m.conn}
	}
	if m.is("speaks first") {
		m.write(m.out(1, []byte("welcome")))
	}
	for {
		err := m.frame()
		var f fault
		switch {
		case err == nil:
			continue
		case errors.As(err, &f):
			m.fail(f.code)
		case errors.Is(err, io.EOF):
			m.left()
		}
		return
	}
}

// left is what the mutant does when the other end has left.
func (m *mutant) left() {
	if m.is("echoes what is cut off") && (m.inside || len(m.message) > 0 || len(m.in) > 0) {
		m.write(m.out(m.op, append(m.message, m.in...)))
	}
	if m.is("stays when the other end leaves") {
		m.stay()
	}
}

// fill reads more.
func (m *mutant) fill() error {
	buf := make([]byte, 32<<10)
	n, err := m.conn.Read(buf)
	m.in = append(m.in, buf[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// need reads until n bytes are there.
func (m *mutant) need(n int) error {
	for len(m.in) < n {
		if m.is("wants frames in one read") && len(m.in) > 0 {
			return fault{1002}
		}
		if err := m.fill(); err != nil {
			return err
		}
	}
	return nil
}

// A mutantHeader is a header as the mutant read it.
type mutantHeader struct {
	fin    bool
	rsv    byte
	op     frame.Opcode
	masked bool
	key    uint32
	length uint64
}

// header reads a header. What is wrong in its first bytes is found there.
func (m *mutant) header() (h mutantHeader, err error) {
	if err := m.need(2); err != nil {
		return h, err
	}
	h = mutantHeader{
		fin: m.in[0]&0x80 != 0, rsv: m.in[0] >> 4 & 7, op: frame.Opcode(m.in[0] & 15),
		masked: m.in[1]&0x80 != 0, length: uint64(m.in[1] & 0x7f),
	}
	if err := m.checkStart(&h); err != nil {
		return h, err
	}
	n, err := m.length(&h)
	if err != nil {
		return h, err
	}
	if h.op >= 8 && h.length > 125 && !m.is("takes long control frames") && !m.is("finds long control frames late") {
		return h, fault{1002}
	}
	if h.masked {
		if err := m.need(n + 4); err != nil {
			return h, err
		}
		h.key = binary.LittleEndian.Uint32(m.in[n:])
		n += 4
	}
	if m.is("ignores masks") {
		h.key = 0
	}
	m.in = m.in[n:]
	return h, nil
}

// length reads the rest of a length and returns where it ends.
func (m *mutant) length(h *mutantHeader) (n int, err error) {
	switch h.length {
	default:
		return 2, nil
	case 126:
		if err := m.need(4); err != nil {
			return 0, err
		}
		h.length = uint64(binary.BigEndian.Uint16(m.in[2:]))
		if h.length < 126 && !m.is("takes long forms of lengths") {
			return 0, fault{1002}
		}
		return 4, nil
	case 127:
		if err := m.need(10); err != nil {
			return 0, err
		}
		h.length = binary.BigEndian.Uint64(m.in[2:])
		switch {
		case m.is("takes the low 16 bits of lengths"):
			h.length &= 0xFFFF
		case h.length < 65536 && !m.is("takes long forms of lengths"):
			return 0, fault{1002}
		case h.length>>63 != 0 && !m.is("takes lengths of 64 bits"):
			return 0, fault{1002}
		}
		return 10, nil
	}
}

// checkStart holds the first two bytes of a header against the rules.
func (m *mutant) checkStart(h *mutantHeader) error {
	control := h.op >= 8
	compressed := m.zip != nil && h.rsv == 4 && (h.op == 1 || h.op == 2)
	switch {
	case h.masked != (m.role == Server) && !m.is("takes wrong masks"):
		return fault{1002}
	case h.rsv != 0 && !compressed && !m.is("ignores reserved bits"):
		return fault{1002}
	case h.op.IsReserved() && !m.is("skips reserved opcodes") && !m.is("takes reserved opcodes for binary"):
		return fault{1002}
	case control && !h.fin && !m.is("takes fragmented control frames"):
		return fault{1002}
	case control:
		return nil
	case h.op == 0 && !m.inside && !m.is("takes continuations of nothing"):
		return fault{1002}
	case h.op != 0 && m.inside && !m.is("takes messages inside messages"):
		return fault{1002}
	}
	return nil
}

// frame reads a frame and does what it asks for.
func (m *mutant) frame() error {
	h, err := m.header()
	if err != nil {
		return err
	}
	if h.op >= 8 || h.op.IsReserved() {
		if err := m.need(int(min(h.length, 1<<40))); err != nil {
			return err
		}
		p := m.take(int(h.length), &h)
		return m.control(&h, p)
	}
	return m.data(&h)
}

// take returns n bytes of payload, unmasked.
func (m *mutant) take(n int, h *mutantHeader) []byte {
	p := slices.Clone(m.in[:n])
	m.in = m.in[n:]
	h.key = frame.Mask(p, h.key)
	return p
}

// data takes the payload of a data frame as it comes.
func (m *mutant) data(h *mutantHeader) error {
	if h.op != 0 || !m.inside {
		m.inside, m.op, m.zipped = true, h.op, h.rsv&4 != 0 && m.zip != nil
		m.message, m.wire = m.message[:0], 0
		m.utf8.Reset()
		if m.zipped {
			m.zip.begin()
		}
		if h.op == 0 {
			m.op = 2
		}
	}
	if err := m.bound(h); err != nil {
		return err
	}
	for h.length > 0 {
		if err := m.need(1); err != nil {
			return err
		}
		p := m.take(int(min(uint64(len(m.in)), h.length)), h)
		h.length -= uint64(len(p))
		if err := m.grow(p); err != nil {
			return err
		}
	}
	if !h.fin {
		return m.pause()
	}
	m.inside, m.empties = false, 0
	return m.complete()
}

// pause is what is done between two fragments.
func (m *mutant) pause() error {
	if m.zipped && m.is("inflates fragments one by one") {
		if err := m.zip.end(m.append); err != nil {
			return err
		}
		m.zip.begin()
	}
	if m.is("wants code points whole in each fragment") && m.op == 1 && !m.utf8.Complete() {
		return fault{1007}
	}
	return nil
}

// bound holds the size of a message against the limit, at its header, and the
// number of empty fragments against another.
func (m *mutant) bound(h *mutantHeader) error {
	if h.length == 0 && !h.fin {
		m.empties++
	} else {
		m.empties = 0
	}
	if m.empties > maxEmpty && !m.is("takes any number of empty fragments") {
		return fault{1008}
	}
	m.wire += h.length
	size := uint64(len(m.message)) + h.length
	switch {
	case m.zipped:
		if m.is("holds the wire to the limit") && m.wire > uint64(m.limit) {
			return fault{1009}
		}
		// What it inflates to counts, see grow; but not without end.
		if m.limit > 0 && m.wire > 2*uint64(m.limit)+64<<10 {
			return fault{1009}
		}
		return nil
	case m.is("limits frames, not messages"):
		size = h.length
	case size < h.length, m.limit == 0 && h.length > 1<<40 && !m.is("takes lengths of 64 bits"):
		return fault{1009}
	case m.is("finds the limit late"):
		return nil
	}
	return m.limited(size)
}

// limited holds a size against the limit, as the mutant sees it.
func (m *mutant) limited(size uint64) error {
	most := uint64(m.limit)
	switch {
	case m.limit == 0, m.is("has no limit"):
		return nil
	case m.is("has a lower limit"):
		most--
	case m.is("has a much lower limit"):
		most /= 2
	case m.is("has a higher limit"):
		most = 2*most - 1
	}
	if size <= most {
		return nil
	}
	if m.is("cuts messages at the limit") {
		m.message = m.message[:0]
		return nil
	}
	return fault{1009}
}

// grow takes the next bytes of a message.
func (m *mutant) grow(p []byte) error {
	if m.zipped {
		return m.zip.inflate(p, m.append)
	}
	return m.append(p)
}

// append adds to the message, inflated.
func (m *mutant) append(p []byte) error {
	m.message = append(m.message, p...)
	if m.zipped && !m.is("finds the limit late") && !m.is("limits what is on the wire") {
		if err := m.limited(uint64(len(m.message))); err != nil {
			return err
		}
	}
	if m.op == 1 || m.is("checks binary for UTF-8") {
		if !m.utf8.Write(p) && !m.is("does not check UTF-8") && !m.is("checks UTF-8 at the end") {
			return fault{1007}
		}
	}
	return nil
}

// complete sends the message back.
func (m *mutant) complete() error {
	if m.zipped {
		if err := m.zip.end(m.append); err != nil {
			return err
		}
	}
	if m.is("finds the limit late") {
		if err := m.limited(uint64(len(m.message))); err != nil {
			return err
		}
	}
	text := m.op == 1 && !m.is("does not check UTF-8") || m.is("checks binary for UTF-8")
	if text && !(m.utf8.Write(nil) && m.utf8.Complete()) {
		return fault{1007}
	}
	return m.echo(m.message)
}

// echo sends a message back, right or wrong.
func (m *mutant) echo(p []byte) error {
	m.sent++
	op := m.op
	switch {
	case m.is("refuses non-characters") && op == 1 && hasNonCharacter(string(p)):
		return fault{1007}
	case m.is("drops empty messages") && len(p) == 0:
		return nil
	case m.is("never echoes"):
		return nil
	case m.is("echoes text as binary"):
		op = 2
	case m.is("echoes binary as text") && op == 2:
		op = 1
	case m.is("corrupts payloads") && len(p) > 0:
		p[len(p)-1] ^= 1
	case m.is("loses the last byte") && len(p) > 0:
		p = p[:len(p)-1]
	case m.is("adds a byte"):
		p = append(p, 'x')
	case m.is("echoes twice"):
		m.write(m.out(op, p))
	case m.is("echoes messages in the wrong order"):
		m.held = append(m.held, m.out(op, p))
		if len(m.held) == 2 {
			m.write(append(m.held[1], m.held[0]...))
			m.held = nil
		}
		return nil
	}
	m.write(m.out(op, p))
	if m.is("drops the connection after a message") {
		return errGone
	}
	return nil
}

func hasNonCharacter(s string) bool {
	return slices.ContainsFunc([]rune(s), func(r rune) bool { return r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF })
}

// control does what a control frame asks for.
func (m *mutant) control(h *mutantHeader, p []byte) error {
	if h.op < 16 && h.op >= 8 && len(p) > 125 && m.is("finds long control frames late") {
		return fault{1002}
	}
	switch h.op {
	case frame.OpPing:
		return m.ping(p)
	case frame.OpPong:
		switch {
		case m.is("answers pongs"):
			m.write(m.out(10, p))
		case m.is("fails on pongs nobody asked for"):
			return fault{1002}
		case m.is("takes pongs for messages"):
			m.op = 2
			return m.echo(p)
		}
	case frame.OpClose:
		return m.close(p)
	default:
		if m.is("takes reserved opcodes for binary") {
			m.op = 2
			return m.echo(p)
		}
	}
	return nil
}

// ping answers a ping, right or wrong.
func (m *mutant) ping(p []byte) error {
	switch {
	case m.is("does not answer pings"):
		return nil
	case m.is("fails on pings between fragments") && m.inside:
		return fault{1002}
	case m.is("loses the message at a ping") && m.inside:
		m.message = m.message[:0]
	case m.is("answers pings twice"):
		m.write(m.out(10, p))
	case m.is("answers pings with empty pongs"):
		p = nil
	case m.is("answers pings with other payloads"):
		p = append(p, 'x')
	case m.is("answers pings in the wrong order"):
		m.held = append([][]byte{m.out(10, p)}, m.held...)
		if len(m.held) > 1 {
			m.write(slices.Concat(m.held...))
			m.held = nil
		}
		return nil
	case m.is("wants pings to be UTF-8") && !frame.ValidUTF8(p):
		return fault{1007}
	}
	m.write(m.out(10, p))
	return nil
}

// close answers a close frame, right or wrong, and ends the mutant.
func (m *mutant) close(p []byte) error {
	code := 1005
	if len(p) >= 2 {
		code = int(binary.BigEndian.Uint16(p))
	}
	known := frame.StatusCode(code).Sendable() || code == 1005 && len(p) == 0
	switch {
	case m.is("fails on any close frame"):
		return fault{1002}
	case m.is("fails on close frames without a code") && len(p) == 0:
		return fault{1002}
	case len(p) == 1 && !m.is("takes close frames of 1 byte"):
		return fault{1002}
	case len(p) > 2 && !frame.ValidUTF8(p[2:]) && known && !m.is("does not check reasons"):
		return fault{1007}
	case !known && len(p) != 1 && !m.is("takes any code"):
		return fault{1002}
	case m.is("does not answer close frames"):
		m.linger()
		return errGone
	case m.is("drops the connection at a close frame"):
		return errGone
	}
	return m.farewell(p, code)
}

// farewell answers a correct close frame.
func (m *mutant) farewell(p []byte, code int) error {
	switch {
	case m.is("always closes with 1000"):
		code = 1000
	case m.is("always closes with 1001"):
		code = 1001
	case m.is("sends 1005 for an empty close frame") && len(p) == 0:
		m.write(m.out(8, []byte{3, 0xed}))
		return m.finish()
	case m.is("sends a reason that is not UTF-8"):
		m.write(m.out(8, []byte("\x03\xe8\xff")))
		return m.finish()
	case m.is("goes on after a close frame"):
		m.flaws = append(m.flaws, "does not answer close frames")
		m.write(m.out(8, codePayload(code)))
		return nil
	}
	m.write(m.out(8, codePayload(code)))
	if m.is("closes twice") {
		m.write(m.out(8, codePayload(code)))
	}
	if m.is("echoes after its close frame") {
		m.write(m.out(1, []byte("late")))
	}
	return m.finish()
}

func codePayload(code int) []byte {
	if code == 1005 {
		return nil
	}
	return binary.BigEndian.AppendUint16(nil, uint16(code))
}

// fail is what a mutant does with a broken rule, right or wrong.
func (m *mutant) fail(code frame.StatusCode) {
	switch {
	case m.is("echoes what broke a rule"):
		m.write(m.out(2, []byte("offence")))
	case m.is("ignores broken rules"):
		m.resume()
		return
	case m.is("hangs at a broken rule"):
		m.linger()
		return
	case m.is("drops the connection at a broken rule"):
		return
	case m.is("fails with 1011"):
		code = 1011
	}
	m.write(m.out(8, codePayload(int(code))))
	_ = m.finish()
}

// resume goes on behind a broken rule, with what comes next.
func (m *mutant) resume() {
	m.in = nil
	m.inside = false
	m.serve()
}

// finish ends TCP when both close frames are there, gently: so that the other end
// gets what was sent.
func (m *mutant) finish() error {
	switch conn := m.conn.(type) {
	case *net.TCPConn:
		if m.is("resets TCP") {
			_ = conn.SetLinger(0)
			return errGone
		}
	case *tls.Conn:
		if m.is("drops TLS without close_notify") {
			_ = conn.NetConn().Close()
			return errGone
		}
	}
	if m.is("ends TCP first") {
		return errGone
	}
	if m.is("never ends TCP") {
		m.stay()
		return errGone
	}
	if c, ok := m.conn.(interface{ CloseWrite() error }); ok && m.role == Server {
		_ = c.CloseWrite()
	}
	m.linger()
	return errGone
}

// linger reads until the other end leaves, or for a while.
func (m *mutant) linger() {
	wait := m.wait
	if wait == 0 {
		wait = 2 * time.Second
	}
	_ = m.conn.SetReadDeadline(time.Now().Add(wait))
	_, _ = io.Copy(io.Discard, m.conn)
}

// stay keeps the connection, whatever the other end does, until the other end must
// have seen that.
func (m *mutant) stay() {
	time.Sleep(time.Second)
	m.linger()
}

// out returns a frame of the mutant.
func (m *mutant) out(op frame.Opcode, p []byte) []byte {
	rsv := byte(0)
	if m.zip != nil && (op == 1 || op == 2) {
		p, rsv = m.zip.deflate(p)
	}
	piece := Piece{Fin: true, Opcode: op, Payload: string(p), RSV: rsv}
	control := op >= 8
	switch {
	case m.is("masks as no role should"):
		piece.WrongMask = true
	case m.is("writes long forms of lengths") && len(p) < 126:
		piece.Form = In16Bits
	case m.is("writes lengths in 64 bits") && len(p) < 65536:
		piece.Form = In64Bits
	case m.is("sets RSV2"):
		piece.RSV |= 2
	case m.is("sets RSV1"):
		piece.RSV |= 4
	case m.is("sends a reserved opcode") && !control:
		piece.Opcode = 3
	case m.is("fragments control frames") && control:
		piece.Fin = false
	case m.is("sends fragments without end") && !control:
		piece.Fin = false
	case (m.is("echoes in fragments") || m.is("marks all fragments")) && !control && len(p) > 1:
		first, second := piece, piece
		first.Fin, first.Payload = false, first.Payload[:len(p)/2]
		second.RSV, second.Opcode, second.Payload = 0, 0, second.Payload[len(p)/2:]
		if m.is("marks all fragments") {
			second.RSV = first.RSV
		}
		return second.append(first.append(nil, m.role, 0x01020304), m.role, 0x05060708)
	case m.is("sends all as first frames") && !control && len(p) > 1:
		first := piece
		first.Fin = false
		return piece.append(first.append(nil, m.role, 0x01020304), m.role, 0x05060708)
	}
	return piece.append(nil, m.role, 0x0a0b0c0d)
}

func (m *mutant) write(b []byte) {
	_ = m.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, _ = m.conn.Write(b)
}
