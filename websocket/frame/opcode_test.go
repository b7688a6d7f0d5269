package frame

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestOpcode(t *testing.T) {
	tests := []struct {
		name     string
		opcode   Opcode
		control  bool
		reserved bool
		text     string
	}{
		{name: "RFC 6455 §5.4 continuation", opcode: 0x0, text: "continuation"},
		{name: "RFC 6455 §5.6 text", opcode: 0x1, text: "text"},
		{name: "RFC 6455 §5.6 binary", opcode: 0x2, text: "binary"},
		{name: "RFC 6455 §5.2 reserved data 3", opcode: 0x3, reserved: true, text: "reserved opcode 3"},
		{name: "RFC 6455 §5.2 reserved data 4", opcode: 0x4, reserved: true, text: "reserved opcode 4"},
		{name: "RFC 6455 §5.2 reserved data 5", opcode: 0x5, reserved: true, text: "reserved opcode 5"},
		{name: "RFC 6455 §5.2 reserved data 6", opcode: 0x6, reserved: true, text: "reserved opcode 6"},
		{name: "RFC 6455 §5.2 reserved data 7", opcode: 0x7, reserved: true, text: "reserved opcode 7"},
		{name: "RFC 6455 §5.5.1 close", opcode: 0x8, control: true, text: "close"},
		{name: "RFC 6455 §5.5.2 ping", opcode: 0x9, control: true, text: "ping"},
		{name: "RFC 6455 §5.5.3 pong", opcode: 0xA, control: true, text: "pong"},
		{name: "RFC 6455 §5.2 reserved control B", opcode: 0xB, control: true, reserved: true, text: "reserved opcode 11"},
		{name: "RFC 6455 §5.2 reserved control C", opcode: 0xC, control: true, reserved: true, text: "reserved opcode 12"},
		{name: "RFC 6455 §5.2 reserved control D", opcode: 0xD, control: true, reserved: true, text: "reserved opcode 13"},
		{name: "RFC 6455 §5.2 reserved control E", opcode: 0xE, control: true, reserved: true, text: "reserved opcode 14"},
		{name: "RFC 6455 §5.2 reserved control F", opcode: 0xF, control: true, reserved: true, text: "reserved opcode 15"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.opcode.IsControl(), tt.control)
			assert.Equal(t, tt.opcode.IsReserved(), tt.reserved)
			assert.Equal(t, tt.opcode.String(), tt.text)
		})
	}
}

func TestOpcodeConstants(t *testing.T) {
	got := []Opcode{OpContinuation, OpText, OpBinary, OpClose, OpPing, OpPong}
	assert.Equal(t, got, []Opcode{0x0, 0x1, 0x2, 0x8, 0x9, 0xA})
}
