package frame

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestStatusCode(t *testing.T) {
	tests := []struct {
		name     string
		code     StatusCode
		number   uint16
		sendable bool
		text     string
	}{
		{name: "RFC 6455 §7.4.1 1000", code: StatusNormalClosure, number: 1000, sendable: true, text: "1000 normal closure"},
		{name: "RFC 6455 §7.4.1 1001", code: StatusGoingAway, number: 1001, sendable: true, text: "1001 going away"},
		{name: "RFC 6455 §7.4.1 1002", code: StatusProtocolError, number: 1002, sendable: true, text: "1002 protocol error"},
		{name: "RFC 6455 §7.4.1 1003", code: StatusUnsupportedData, number: 1003, sendable: true, text: "1003 unsupported data"},
		{name: "RFC 6455 §7.4.1 1004 reserved", code: 1004, number: 1004, text: "1004"},
		{name: "RFC 6455 §7.4.1 1005 not on the wire", code: StatusNoStatusReceived, number: 1005, text: "1005 no status received"},
		{name: "RFC 6455 §7.4.1 1006 not on the wire", code: StatusAbnormalClosure, number: 1006, text: "1006 abnormal closure"},
		{name: "RFC 6455 §7.4.1 1007", code: StatusInvalidPayload, number: 1007, sendable: true, text: "1007 invalid payload"},
		{name: "RFC 6455 §7.4.1 1008", code: StatusPolicyViolation, number: 1008, sendable: true, text: "1008 policy violation"},
		{name: "RFC 6455 §7.4.1 1009", code: StatusMessageTooBig, number: 1009, sendable: true, text: "1009 message too big"},
		{name: "RFC 6455 §7.4.1 1010", code: StatusMandatoryExtension, number: 1010, sendable: true, text: "1010 mandatory extension"},
		{name: "RFC 6455 §7.4.1 1011", code: StatusInternalError, number: 1011, sendable: true, text: "1011 internal error"},
		{name: "RFC 6455 §11.7 1012 registered later", code: StatusServiceRestart, number: 1012, sendable: true, text: "1012 service restart"},
		{name: "RFC 6455 §11.7 1013 registered later", code: StatusTryAgainLater, number: 1013, sendable: true, text: "1013 try again later"},
		{name: "RFC 6455 §11.7 1014 registered later", code: StatusBadGateway, number: 1014, sendable: true, text: "1014 bad gateway"},
		{name: "RFC 6455 §7.4.1 1015 not on the wire", code: StatusTLSHandshake, number: 1015, text: "1015 TLS handshake"},
		{name: "RFC 6455 §7.4.2 0 not used", code: 0, number: 0, text: "0"},
		{name: "RFC 6455 §7.4.2 999 not used", code: 999, number: 999, text: "999"},
		{name: "RFC 6455 §7.4.2 1016 not registered", code: 1016, number: 1016, text: "1016"},
		{name: "RFC 6455 §7.4.2 2999 for extensions", code: 2999, number: 2999, text: "2999"},
		{name: "RFC 6455 §7.4.2 3000 first for libraries", code: 3000, number: 3000, sendable: true, text: "3000"},
		{name: "RFC 6455 §7.4.2 4000 first for applications", code: 4000, number: 4000, sendable: true, text: "4000"},
		{name: "RFC 6455 §7.4.2 4999 last for applications", code: 4999, number: 4999, sendable: true, text: "4999"},
		{name: "RFC 6455 §7.4.2 5000 not used", code: 5000, number: 5000, text: "5000"},
		{name: "RFC 6455 §7.4.2 65535 not used", code: 65535, number: 65535, text: "65535"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, uint16(tt.code), tt.number)
			assert.Equal(t, tt.code.Sendable(), tt.sendable)
			assert.Equal(t, tt.code.String(), tt.text)
		})
	}
}

func TestParseClose(t *testing.T) {
	longest := strings.Repeat("€", MaxReason/3) // 41 × 3 = 123 bytes
	tests := []struct {
		name    string
		payload string
		code    StatusCode
		reason  string
	}{
		{name: "RFC 6455 §7.1.5 no payload", payload: "", code: StatusNoStatusReceived},
		{name: "RFC 6455 §5.5.1 code alone", payload: "\x03\xe8", code: StatusNormalClosure},
		{name: "RFC 6455 §5.5.1 code and reason", payload: "\x03\xe9going down", code: StatusGoingAway, reason: "going down"},
		{name: "RFC 6455 §5.5.1 longest reason", payload: "\x0f\xa0" + longest, code: 4000, reason: longest},
		{name: "RFC 6455 §7.4.2 code of an application", payload: "\x13\x87bye", code: 4999, reason: "bye"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			assert.NoError(t, err)
			assert.Equal(t, code, tt.code)
			assert.Equal(t, string(reason), tt.reason)
			assert.Equal(t, reason == nil, tt.reason == "")

			again, err := AppendClosePayload([]byte("before"), code, string(reason))
			assert.NoError(t, err)
			assert.Equal(t, string(again), "before"+tt.payload)
		})
	}
}

func TestParseCloseReasonSharesMemory(t *testing.T) {
	p := []byte("\x03\xe8old")
	_, reason, err := ParseClose(p)
	assert.NoError(t, err)
	copy(p[2:], "new")
	assert.Equal(t, string(reason), "new")
}

func TestParseCloseRefuses(t *testing.T) {
	const notUTF8 = "close reason is not valid UTF-8"
	tests := []struct {
		name    string
		payload string
		code    StatusCode
		section string
		problem string
	}{
		{name: "RFC 6455 §5.5.1 1 byte", payload: "\x03", code: 1002, section: "§5.5.1", problem: "close frame with a payload of 1 byte"},
		{name: "RFC 6455 §7.4 code 0", payload: "\x00\x00", code: 1002, section: "§7.4", problem: "close frame with the illegal status code 0"},
		{name: "RFC 6455 §7.4 code 1005", payload: "\x03\xed", code: 1002, section: "§7.4", problem: "close frame with the illegal status code 1005"},
		{name: "RFC 6455 §7.4 code 1006 before a bad reason", payload: "\x03\xee\xff", code: 1002, section: "§7.4", problem: "close frame with the illegal status code 1006"},
		{name: "RFC 6455 §7.4 code 1015", payload: "\x03\xf7tls", code: 1002, section: "§7.4", problem: "close frame with the illegal status code 1015"},
		{name: "RFC 6455 §7.4 code 65535", payload: "\xff\xff", code: 1002, section: "§7.4", problem: "close frame with the illegal status code 65535"},
		{name: "RFC 6455 §8.1 lone byte", payload: "\x03\xe8\xff", code: 1007, section: "§5.5.1, §8.1", problem: notUTF8},
		{name: "RFC 6455 §8.1 surrogate", payload: "\x03\xe8\xed\xa0\x80", code: 1007, section: "§5.5.1, §8.1", problem: notUTF8},
		{name: "RFC 6455 §8.1 cut sequence", payload: "\x03\xe8caf\xc3", code: 1007, section: "§5.5.1, §8.1", problem: notUTF8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			wantProtocolError(t, err, tt.code, "RFC 6455 "+tt.section, tt.problem)
			assert.Equal(t, code, StatusCode(0))
			assert.Equal(t, reason, nil)
		})
	}
}

// Every code there is: what ParseClose takes is what AppendClosePayload writes.
func TestCloseEveryCode(t *testing.T) {
	for n := range 1 << 16 {
		code := StatusCode(n)
		legal := n >= 1000 && n <= 1003 || n >= 1007 && n <= 1014 || n >= 3000 && n <= 4999
		assert.Equal(t, code.Sendable(), legal)

		_, _, err := ParseClose([]byte{byte(n >> 8), byte(n)})
		assert.Equal(t, err == nil, legal)
		if err != nil {
			wantProtocolError(t, err, StatusProtocolError, "RFC 6455 §7.4", fmt.Sprintf("close frame with the illegal status code %d", n))
		}

		payload, err := AppendClosePayload(nil, code, "")
		assert.Equal(t, err == nil, legal || code == StatusNoStatusReceived)
		assert.Equal(t, len(payload) == 2, legal)
	}
}

func TestAppendClosePayloadRefuses(t *testing.T) {
	tests := []struct {
		name   string
		code   StatusCode
		reason string
		advice string
	}{
		{name: "RFC 6455 §7.4.1 code 1006", code: StatusAbnormalClosure, advice: "status code 1006 must not be sent: use 1000"},
		{name: "RFC 6455 §7.4.2 code 5000", code: 5000, advice: "3000 to 4999"},
		{name: "RFC 6455 §5.5.1 reason without a code", code: StatusNoStatusReceived, reason: "why", advice: "use 1000 instead of 1005"},
		{name: "RFC 6455 §5.5 reason of 124 bytes", code: StatusNormalClosure, reason: strings.Repeat("x", 124), advice: "close reason of 124 bytes: shorten it to 123"},
		{name: "RFC 6455 §5.5.1 reason not UTF-8", code: StatusNormalClosure, reason: "caf\xe9", advice: "not valid UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendClosePayload([]byte("before"), tt.code, tt.reason)
			assert.True(t, err != nil, "no error")
			assert.Contains(t, err.Error(), "websocket: ")
			assert.Contains(t, err.Error(), tt.advice)
			assert.Equal(t, string(got), "before")
			var breach *ProtocolError
			assert.True(t, !errors.As(err, &breach), "a mistake of the caller is reported as a breach by the peer")
		})
	}
}

func FuzzParseClose(f *testing.F) {
	for _, s := range []string{"", "\x03", "\x03\xe8", "\x03\xe9going down", "\x03\xed", "\x03\xe8\xff", "\x0f\xa0漢字"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		before := bytes.Clone(p)
		code, reason, err := ParseClose(p)
		if !bytes.Equal(p, before) {
			t.Fatalf("%x was changed to %x", before, p)
		}
		if err != nil {
			want := StatusProtocolError
			if len(p) > 2 && (StatusCode(p[0])<<8 | StatusCode(p[1])).Sendable() && !utf8.Valid(p[2:]) {
				want = StatusInvalidPayload
			}
			var breach *ProtocolError
			if !errors.As(err, &breach) || breach.Code != want || code != 0 || reason != nil {
				t.Fatalf("%x: %v %q with error %v, want status %v", p, code, reason, err, want)
			}
			return
		}
		if len(reason) > MaxReason {
			return // no control frame holds it
		}
		again, err := AppendClosePayload(nil, code, string(reason))
		if err != nil || !bytes.Equal(again, p) {
			t.Fatalf("%x: parsed as %v %q and encoded again as %x, %v", p, code, reason, again, err)
		}
	})
}

func BenchmarkParseClose(b *testing.B) {
	p := []byte("\x03\xe9going away, come back soon")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseClose(p); err != nil {
			b.Fatal(err)
		}
	}
}
