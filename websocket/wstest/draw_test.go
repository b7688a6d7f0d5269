package wstest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

func TestDraw(t *testing.T) {
	tests := []struct {
		name    string
		h       frame.Header
		payload []byte
		want    string
	}{
		{"empty", frame.Header{Fin: true, Opcode: frame.OpText}, nil, "text, fin, rsv 0, 0 bytes"},
		{"reserved", frame.Header{Fin: true, Opcode: 11}, nil, "reserved opcode 11, fin, rsv 0, 0 bytes"},
		{"everything", frame.Header{RSV: 7, Opcode: frame.OpContinuation, Masked: true, Key: 7, Length: 1}, []byte("a"),
			`continuation, not fin, rsv 1+2+3, masked, 1 bytes: "a"`},
		{"close", frame.Header{Fin: true, Opcode: frame.OpClose, Length: 6}, []byte("\x0f\xa0why?"),
			`close, fin, rsv 0, 6 bytes: 4000 "why?"`},
		{"close with 1 byte", frame.Header{Fin: true, Opcode: frame.OpClose, Length: 1}, []byte{3},
			"close, fin, rsv 0, 1 bytes: hex 03"},
		{"close with a reason that is no text", frame.Header{Fin: true, Opcode: frame.OpClose, Length: 3}, []byte("\x03\xe8\xff"),
			"close, fin, rsv 0, 3 bytes: 1000 normal closure hex ff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, draw(test.h, test.payload), test.want)
		})
	}
}

func TestDrawPayload(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    string
	}{
		{"text", []byte("Ünï 世界 \r\n\t"), `"Ünï 世界 \r\n\t"`},
		{"control characters", []byte("a\x00"), "hex 6100"},
		{"not UTF-8", []byte("a\xff"), "hex 61ff"},
		{"long text", []byte(strings.Repeat("a", 130)), `"` + strings.Repeat("a", 128) + `" and 2 bytes more`},
		{"long text cut in a character", []byte(strings.Repeat("a", 127) + "ä"),
			`"` + strings.Repeat("a", 127) + `\xc3" and 1 bytes more`},
		{"long bytes", bytes.Repeat([]byte{0xfe}, 1000), "hex " + strings.Repeat("fe", 128) + " and 872 bytes more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, drawPayload(test.payload), test.want)
		})
	}
}

func TestDrawDifference(t *testing.T) {
	long := strings.Repeat("a", 200)
	assert.Equal(t, drawDifference([]byte("a"), []byte("b")), "")
	assert.Equal(t, drawDifference([]byte(long), []byte(long+"a")), "") // the lengths say it
	assert.Equal(t, drawDifference([]byte(long), []byte("b"+long)), "; the payloads differ from byte 0 on")
}
