package conformance

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// drawn returns what Draw makes of pieces sent by role, with the key of the
// examples in RFC 6455 §5.7.
func drawn(role Role, pieces ...Piece) string {
	c := Case{Sends: pieces}
	return Draw(&Exchange{Data: c.AppendWire(nil, role, exampleMask)})
}

func TestDraw(t *testing.T) {
	tests := []struct {
		name string
		got  string
		want string
	}{
		{"nothing", Draw(&Exchange{Note: "half-closed"}), ""},
		{
			"close of a client", drawn(Client, bye(1001, "bye")),
			"close, fin, rsv 0, masked, 5 bytes: 1001 going away \"bye\"\n" +
				"    88     85      37 fa 21 3d  34 13 43 44 52\n" +
				"    FIN 8  MASK 5  key          payload\n",
		},
		{
			"text of a server in two fragments", drawn(Server, text("Hel").more(), cont("lo")),
			"text, not fin, rsv 0, 3 bytes: \"Hel\"\n" +
				"    01  03  48 65 6c\n" +
				"    1   3   payload\n" +
				"continuation, fin, rsv 0, 2 bytes: \"lo\"\n" +
				"    80     02  6c 6f\n" +
				"    FIN 0  2   payload\n",
		},
		{
			"reserved bits and opcode", drawn(Server, bin("").opcode(3).rsv(frame.RSV1|frame.RSV3)),
			"reserved opcode 3, fin, rsv 1+3, 0 bytes\n" +
				"    d3            00\n" +
				"    FIN RSV1+3 3  0\n",
		},
		{
			"length of 16 bits", drawn(Server, bin(strings.Repeat("\x00", 200))),
			"binary, fin, rsv 0, 200 bytes: hex " + strings.Repeat("00", 128) + "… (200 bytes)\n" +
				"    82     7e   00 c8       " + strings.TrimSpace(strings.Repeat("00 ", 32)) + " … (200 bytes)\n" +
				"    FIN 2  126  length 200  payload\n",
		},
		{
			"length of 64 bits that lies", drawn(Server, bin("ab").declared(1<<63)),
			"binary, fin, rsv 0, 2 of 9223372036854775808 bytes: \"ab\"\n" +
				"    82     7f   80 00 00 00 00 00 00 00     61 62\n" +
				"    FIN 2  127  length 9223372036854775808  payload\n",
		},
		{
			"part of a header", drawn(Client, text("Hello").keep(4)),
			"part of a header\n    81 85 37 fa\n",
		},
		{
			"text cut in a code point", drawn(Server, text("\xe2\x82\xac").cut(1)),
			"text, fin, rsv 0, 2 of 3 bytes: hex e282\n" +
				"    81     03  e2 82\n" +
				"    FIN 1  3   payload\n",
		},
		{
			"compressed", drawn(Server, text("\xf2H").rsv(frame.RSV1)),
			"text, fin, rsv 1, 2 bytes\n" +
				"    c1          02  f2 48\n" +
				"    FIN RSV1 1  2   payload\n",
		},
		{
			"HTTP and a frame behind it",
			Draw(&Exchange{Data: []byte("HTTP/1.1 101 S\r\nX: \x1b[31m\r\n\r\n\x81\x00"), Head: 28}),
			"HTTP/1.1 101 S\n\"X: \\x1b[31m\"\n" +
				"text, fin, rsv 0, 0 bytes\n" +
				"    81     00\n" +
				"    FIN 1  0\n",
		},
		{
			"rest of a frame before", Draw(&Exchange{Data: []byte("lo\x89\x00"), Rest: 2}),
			"2 bytes more of the frame before\n    6c 6f\n" +
				"ping, fin, rsv 0, 0 bytes\n" +
				"    89     00\n" +
				"    FIN 9  0\n",
		},
		{
			"rest that was cut off", Draw(&Exchange{Data: []byte("lo"), Rest: 500}),
			"500 bytes more of the frame before\n    6c 6f\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { assert.Equal(t, test.got, test.want) })
	}
}

// TestDrawIsBounded shows that no exchange makes a long drawing.
func TestDrawIsBounded(t *testing.T) {
	for name, x := range map[string]Exchange{
		"frames": {Data: []byte(strings.Repeat("\x81\x00", 2000))},
		"fields": {Data: []byte(strings.Repeat("A: b\r\n", 700)), Head: 4200},
		"line":   {Data: []byte(strings.Repeat("a", 4096)), Head: 4096},
		"rest":   {Data: make([]byte, 4096), Rest: 4096},
	} {
		got := Draw(&x)
		assert.True(t, strings.Count(got, "\n") <= 100 && len(got) < 10_000, name+": long drawing")
		assert.Contains(t, got, "…")
	}
}

// FuzzDraw shows that any bytes can be drawn, with nothing a terminal obeys.
func FuzzDraw(f *testing.F) {
	for _, c := range Cases()[:50] {
		f.Add(c.AppendWire(nil, Client, exampleMask), 0, 0)
	}
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n\x1b[0m"), 28, 3)
	f.Fuzz(func(t *testing.T, data []byte, head, rest int) {
		got := Draw(&Exchange{Data: data, Head: max(head, 0), Rest: max(rest, 0)})
		assert.True(t, strings.Count(got, "\n") <= 200, "long drawing")
		control := strings.ContainsFunc(got, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f })
		assert.True(t, !control, "a control character is drawn")
		if len(data) > 0 {
			assert.True(t, strings.HasSuffix(got, "\n"), "does not end in a newline")
		}
	})
}
