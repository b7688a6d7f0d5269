package wstest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"github.com/duplexhq/duplex/websocket/frame"
)

// drawLimit is how many bytes of a payload a drawing shows.
const drawLimit = 128

// draw says in one line what a frame is:
//
//	close, fin, rsv 0, masked, 5 bytes: 1001 going away "bye"
func draw(h frame.Header, payload []byte) string {
	s := fmt.Sprintf("%s, %d bytes", drawHeader(h), h.Length)
	switch {
	case h.Opcode == frame.OpClose && len(payload) >= 2:
		code := frame.StatusCode(binary.BigEndian.Uint16(payload))
		s += ": " + code.String()
		if len(payload) > 2 {
			s += " " + drawPayload(payload[2:])
		}
		return s
	case len(payload) > 0:
		return s + ": " + drawPayload(payload)
	}
	return s
}

func drawHeader(h frame.Header) string {
	s := h.Opcode.String()
	if h.Fin {
		s += ", fin"
	} else {
		s += ", not fin"
	}
	s += ", rsv " + drawRSV(h.RSV)
	if h.Masked {
		s += ", masked"
	}
	return s
}

func drawRSV(rsv byte) string {
	var names []string
	for i, bit := range []byte{frame.RSV1, frame.RSV2, frame.RSV3} {
		if rsv&bit != 0 {
			names = append(names, fmt.Sprint(i+1))
		}
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, "+")
}

// drawPayload returns p as quoted text if it is readable, else in hexadecimal.
// Of a long p it shows the start.
func drawPayload(p []byte) string {
	shown, more := p, ""
	if len(p) > drawLimit {
		shown = p[:drawLimit]
		more = fmt.Sprintf(" and %d bytes more", len(p)-drawLimit)
	}
	if readable(shown) {
		return fmt.Sprintf("%q", shown) + more
	}
	return "hex " + hex.EncodeToString(shown) + more
}

// readable reports whether p is text, or text that was cut in a character.
func readable(p []byte) bool {
	var v frame.UTF8
	return v.Write(p) && strings.IndexFunc(string(p), hidden) < 0
}

// hidden reports whether r is hard to see in print. The replacement character
// is not, so a character that was cut in two passes.
func hidden(r rune) bool {
	return !unicode.IsPrint(r) && !strings.ContainsRune("\r\n\t", r)
}

// drawDifference says where two payloads part, if a drawing does not show it.
func drawDifference(got, want []byte) string {
	if len(got) <= drawLimit && len(want) <= drawLimit {
		return ""
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("; the payloads differ from byte %d on", i)
		}
	}
	return ""
}
