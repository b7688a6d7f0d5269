package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/duplexhq/duplex/websocket/frame"
)

// How much Draw shows.
const (
	drawnFrames = 20  // of an exchange
	drawnLines  = 60  // of HTTP
	drawnText   = 128 // bytes of a payload as text
	drawnHex    = 32  // bytes of a payload as they are on the wire
	drawnRest   = 64  // bytes of what is no frame
)

// Draw shows the bytes of an exchange to a person, in at most about 100 lines. The
// opening handshake is shown as text. A frame is a line that says what it is, the
// bytes on the wire, and what they are:
//
//	close, fin, rsv 0, masked, 5 bytes: 1001 going away "bye"
//	    88     85      37 fa 21 3d  34 13 43 44 58
//	    FIN 8  MASK 5  key          payload
//
// Of a long payload it shows the beginning. The result ends in a newline unless
// there is nothing to show. It may have any printable text in it, but no control
// characters but newlines.
func Draw(x *Exchange) string {
	var b strings.Builder
	data := x.Data
	head := min(x.Head, len(data))
	drawHead(&b, data[:head])
	data = data[head:]
	if rest := min(x.Rest, len(data)); rest > 0 {
		fmt.Fprintf(&b, "%d bytes more of the frame before\n", x.Rest)
		fmt.Fprintf(&b, "    %s\n", drawBytes(data[:rest], drawnRest))
		data = data[rest:]
	}
	for n := 0; len(data) > 0; n++ {
		if n == drawnFrames {
			fmt.Fprintf(&b, "… and %d bytes more\n", len(data))
			break
		}
		data = drawFrame(&b, data)
	}
	return b.String()
}

// drawHead draws HTTP, line by line.
func drawHead(b *strings.Builder, head []byte) {
	n := 0
	for l := range strings.SplitSeq(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n") {
		if n++; n > drawnLines {
			fmt.Fprintf(b, "… of %d bytes in all\n", len(head))
			return
		}
		if len(head) > 0 {
			b.WriteString(printable(l, 2*drawnText) + "\n")
		}
	}
}

// printable returns s as it is, without quotes, if it is short and can be printed,
// else its beginning in the form of a Go string.
func printable(s string, most int) string {
	more := ""
	if len(s) > most {
		s, more = s[:most], fmt.Sprintf("… (%d bytes)", len(s))
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		s = fmt.Sprintf("%q", s)
	}
	return s + more
}

// A drawnHeader is a header as it is, legal or not.
type drawnHeader struct {
	fin, masked bool
	rsv         byte
	op          frame.Opcode
	length      uint64
	key         uint32
	form        int // bytes of the length behind the first two
	size        int // bytes in all; 0 if some are missing
}

// readDrawn reads a header without judging it.
func readDrawn(b []byte) (h drawnHeader) {
	if len(b) < 2 {
		return h
	}
	h = drawnHeader{
		fin: b[0]&0x80 != 0, rsv: b[0] >> 4 & 7, op: frame.Opcode(b[0] & 15),
		masked: b[1]&0x80 != 0, length: uint64(b[1] & 0x7f),
	}
	size := 2
	switch h.length {
	case 126:
		h.form = 2
	case 127:
		h.form = 8
	}
	size += h.form
	if h.masked {
		size += 4
	}
	if len(b) < size {
		return h
	}
	switch h.form {
	case 2:
		h.length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 8:
		h.length = binary.BigEndian.Uint64(b[2:])
	}
	if h.masked {
		h.key = binary.LittleEndian.Uint32(b[size-4:])
	}
	h.size = size
	return h
}

// drawFrame draws the first frame of data and returns what is behind it.
func drawFrame(b *strings.Builder, data []byte) (rest []byte) {
	h := readDrawn(data)
	if h.size == 0 {
		fmt.Fprintf(b, "part of a header\n    %s\n", drawBytes(data, drawnRest))
		return nil
	}
	payload := data[h.size:]
	if h.length < uint64(len(payload)) {
		payload, rest = payload[:h.length], payload[h.length:]
	}
	plain := slices.Clone(payload)
	frame.Mask(plain, h.key)
	fmt.Fprintf(b, "%s%s\n", h.words(len(payload)), h.text(plain))
	cells := h.cells(data)
	if len(payload) > 0 {
		cells = append(cells, [2]string{drawBytes(payload, drawnHex), "payload"})
	}
	var above, below strings.Builder
	for _, c := range cells {
		width := max(len([]rune(c[0])), len(c[1])) + 2
		fmt.Fprintf(&above, "%-*s", width, c[0])
		fmt.Fprintf(&below, "%-*s", width, c[1])
	}
	fmt.Fprintf(b, "    %s\n    %s\n", strings.TrimRight(above.String(), " "), strings.TrimRight(below.String(), " "))
	return rest
}

// words says what a header says, and how much of the payload is there if that is
// not all.
func (h *drawnHeader) words(there int) string {
	s := h.op.String()
	if h.op.IsReserved() {
		s = fmt.Sprintf("reserved opcode %d", h.op)
	}
	if h.fin {
		s += ", fin"
	} else {
		s += ", not fin"
	}
	s += ", rsv " + h.bits()
	if h.masked {
		s += ", masked"
	}
	if uint64(there) < h.length {
		return fmt.Sprintf("%s, %d of %d bytes", s, there, h.length)
	}
	return fmt.Sprintf("%s, %d bytes", s, h.length)
}

// bits returns which reserved bits are set, as in "1+3", or "0".
func (h *drawnHeader) bits() string {
	return [...]string{"0", "3", "2", "2+3", "1", "1+3", "1+2", "1+2+3"}[h.rsv]
}

// text says what the payload says.
func (h *drawnHeader) text(p []byte) string {
	switch {
	case len(p) == 0:
		return ""
	case h.op == frame.OpClose && len(p) >= 2:
		s := ": " + frame.StatusCode(binary.BigEndian.Uint16(p)).String()
		if len(p) > 2 {
			s += " " + drawText(p[2:])
		}
		return s
	case h.rsv&frame.RSV1 != 0:
		return "" // compressed, most likely
	default:
		return ": " + drawText(p)
	}
}

// cells returns the fields of a header: their bytes, and what they are.
func (h *drawnHeader) cells(data []byte) [][2]string {
	first := fmt.Sprintf("%d", h.op)
	if h.rsv != 0 {
		first = "RSV" + h.bits() + " " + first
	}
	if h.fin {
		first = "FIN " + first
	}
	second := fmt.Sprintf("%d", data[1]&0x7f)
	if h.masked {
		second = "MASK " + second
	}
	cells := [][2]string{{hex.EncodeToString(data[:1]), first}, {hex.EncodeToString(data[1:2]), second}}
	at := 2
	if h.form > 0 {
		cells = append(cells, [2]string{drawBytes(data[at:at+h.form], h.form), fmt.Sprintf("length %d", h.length)})
		at += h.form
	}
	if h.masked {
		cells = append(cells, [2]string{drawBytes(data[at:at+4], 4), "key"})
	}
	return cells
}

// drawBytes returns the first bytes of p in hexadecimal.
func drawBytes(p []byte, most int) string {
	s := fmt.Sprintf("% x", p[:min(len(p), most)])
	if len(p) > most {
		s += fmt.Sprintf(" … (%d bytes)", len(p))
	}
	return s
}

// drawText returns the beginning of p as quoted text if it can be read, else in
// hexadecimal.
func drawText(p []byte) string {
	shown, more := p, ""
	if len(p) > drawnText {
		shown, more = p[:drawnText], fmt.Sprintf("… (%d bytes)", len(p))
	}
	var v frame.UTF8
	legible := v.Write(shown) && !strings.ContainsFunc(string(shown), func(r rune) bool {
		return !unicode.IsPrint(r) && !strings.ContainsRune("\r\n\t", r)
	})
	if legible && (more != "" || v.Complete()) {
		return fmt.Sprintf("%q", shown) + more
	}
	return "hex " + hex.EncodeToString(shown) + more
}
