package handshake

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// assertError checks that err is an *Error with this status and section, and
// that its text has the part in it.
func assertError(t *testing.T, err error, status int, section, part string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an *Error", err)
	}
	assert.Equal(t, e.Status, status)
	assert.Equal(t, e.Section, section)
	assert.Contains(t, e.Error(), part)
	return e
}

// sections are the sections an Error of this package may name.
var sections = []string{
	"", "RFC 6454 §7.3", "RFC 6455 §10.2", "RFC 6455 §11.3.1", "RFC 6455 §11.3.3",
	"RFC 6455 §11.3.4", "RFC 6455 §11.3.5", "RFC 6455 §3", "RFC 6455 §4.1",
	"RFC 6455 §4.2.1", "RFC 6455 §4.2.2", "RFC 6455 §4.4", "RFC 6455 §9.1", "RFC 6585 §5", "RFC 9110 §15.5.15", "RFC 9110 §5.5",
	"RFC 9110 §9.3.1", "RFC 9112 §2.2", "RFC 9112 §3", "RFC 9112 §3.2", "RFC 9112 §5", "RFC 9112 §5.1",
	"RFC 9112 §5.2", "RFC 9112 §6.3",
}

// assertPrintable checks what every error promises, whatever the peer sent.
func assertPrintable(t *testing.T, err error) {
	t.Helper()
	var e *Error
	assert.True(t, errors.As(err, &e), "not an *Error")
	found := false
	for _, s := range sections {
		found = found || s == e.Section
	}
	assert.True(t, found, "section "+e.Section+" is unknown")
	assert.True(t, e.Problem != "", "an error without a problem")
	assert.True(t, len(e.Problem) < 4*2*maxQuoted+300, "the error repeats too much of the peer's words")
	for _, r := range e.Error() {
		if r < ' ' || r == 0x7f || r > 0x7f && r != '§' && r != '…' {
			t.Fatalf("%q in error %q", r, e.Error())
		}
	}
}

func TestErrorPrintsProblemAndSection(t *testing.T) {
	tests := []struct {
		err  *Error
		want string
	}{
		{
			&Error{Status: 400, Section: "RFC 6455 §4.2.1", Problem: "Sec-WebSocket-Key is missing"},
			"websocket: handshake: Sec-WebSocket-Key is missing (RFC 6455 §4.2.1)",
		},
		{
			&Error{Problem: "header Host cannot be set: give the host in the options"},
			"websocket: handshake: header Host cannot be set: give the host in the options",
		},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.err.Error(), tt.want)
	}
}

func TestErrorIsFoundThroughWrapping(t *testing.T) {
	inner := refuse(400, "RFC 6455 §4.2.1", "Host is missing")
	var e *Error
	assert.True(t, errors.As(fmt.Errorf("accept: %w", inner), &e), "errors.As finds no *Error")
	assert.True(t, e == inner, "errors.As finds another *Error")
}

func TestErrorHeadersAreNotShared(t *testing.T) {
	a := refuse(426, "", "a").withUpgrade()
	b := refuse(426, "", "b").withUpgrade()
	a.Header["Upgrade"][0] = "changed"
	assert.Equal(t, b.Header, map[string][]string{
		"Upgrade":               {"websocket"},
		"Connection":            {"Upgrade"},
		"Sec-Websocket-Version": {"13"},
	})
}

func TestQuote(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `""`},
		{"chat", `"chat"`},
		{"a\r\nSet-Cookie: x=1\x00\x7f", `"a\r\nSet-Cookie: x=1\x00\x7f"`},
		{"\x1b[31mred", `"\x1b[31mred"`},
		{"b\u00fccher", `"b\u00fccher"`},
		{"\xff", `"\xff"`},
		{strings.Repeat("x", 100), `"` + strings.Repeat("x", 100) + `"`},
		{strings.Repeat("x", 101), `"` + strings.Repeat("x", 100) + `"…`},
		// A cut through the middle of a character leaves an escaped half.
		{strings.Repeat("x", 99) + "é", `"` + strings.Repeat("x", 99) + `\xc3"…`},
	}
	for _, tt := range tests {
		assert.Equal(t, quote(tt.in), tt.want)
	}
}
