package fuzz_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// maxDecoded is the largest message that our machine takes here, in bytes.
const maxDecoded = 64 << 10

// A decoding is what a server made of what a client sent.
type decoding struct {
	// heard are messages and control frames in the order in which they were
	// complete: the kind, a space, the payload.
	heard []string

	// failed is why the connection was failed, "" if it was not.
	failed string

	// cut tells that the input ended inside something that the decoder waits
	// for. It might have failed yet, so nothing follows from it not failing.
	cut bool
}

func (d *decoding) hear(kind string, payload []byte) {
	d.heard = append(d.heard, kind+" "+string(payload))
}

func (d *decoding) close(code int, reason string) {
	d.heard = append(d.heard, fmt.Sprintf("close %d %s", code, reason))
}

// withoutTakeover is what all decoders here agree on if they inflate.
var withoutTakeover = deflate.Params{
	ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
}

var (
	encoders = &sync.Pool{New: func() any { return deflate.NewEncoder() }}
	decoders = &sync.Pool{New: func() any { return deflate.NewDecoder() }}
)

// decodeOurs is our machine.
func decodeOurs(wire []byte, inflate bool) (d decoding) {
	c := proto.Config{Role: proto.Server, MaxMessage: maxDecoded}
	if inflate {
		c.Deflate = &proto.Deflate{Params: withoutTakeover, WindowBits: 15, Encoders: encoders, Decoders: decoders}
	}
	m := proto.New(c)
	m.Receive(slices.Clone(wire))
	var message []byte
	for {
		ev := m.Next()
		switch ev.Kind {
		case proto.Data:
			if ev.First {
				message = message[:0]
			}
			message = append(message, ev.Payload...)
			if ev.Last {
				d.hear(ev.Opcode.String(), message)
			}
		case proto.Ping, proto.Pong:
			d.hear(ev.Kind.String(), ev.Payload)
			m.Reply(nil, ev)
		case proto.Close:
			d.close(int(ev.Code), string(ev.Payload))
			return d
		case proto.Failure:
			d.failed = ev.Err.Error()
			return d
		default:
			_, d.cut = frames(wire)
			return d
		}
	}
}

// A difference is something that a library does otherwise, and the sentence that
// makes ours right, or why both are.
type difference struct {
	library string
	what    string // part of the reason to fail: of ours if it is looser, of its own if it is stricter
	why     string
}

// looser lists where we fail a connection and the library does not.
var looser = []difference{
	{"gorilla", "UTF-8", "RFC 6455 §8.1: an endpoint must fail the connection if a text is not UTF-8; it leaves that to the application"},
	{"gorilla", "RSV1", "RFC 7692 §6.1: only the first frame of a message may have RSV1"},
	{"gorilla", "length below", "RFC 6455 §5.2: the minimal number of bytes must be used for a length"},
	{"gorilla", "close frame with a payload of 1 byte", "RFC 6455 §5.5.1: if there is a body, its first two bytes must be a code"},
	{"gorilla", "ends inside a block", "RFC 7692 §7.2.2: four bytes are appended; it appends nine, the last of which may end an open block"},
	{"gobwas", "ends inside a block", "RFC 7692 §7.2.2: the same"},
	{"gobwas", "RSV2 or RSV3", "RFC 6455 §5.2: a reserved bit that no extension explains must fail the connection; with one it checks none"},
	{"gobwas", "length below", "RFC 6455 §5.2: the minimal number of bytes must be used for a length"},
	{"gobwas", "illegal status code", "RFC 6455 §7.4.2: its ranges end at 4999; what a code above means nobody may define"},
}

// stricter lists where the library fails a connection and we do not.
var stricter = []difference{
	{"gorilla", "bad close code 1014", "RFC 6455 §7.4.2: codes up to 2999 may be registered, and 1014 has been since 2016"},
	{"gobwas", "status code is not defined in spec", "RFC 6455 §7.4.2: codes up to 2999 may be registered, and 1012 to 1014 have been"},
}

// isKnown tells whether a difference stands in a table.
func isKnown(table []difference, library, reason string) bool {
	return slices.ContainsFunc(table, func(k difference) bool {
		return k.library == library && strings.Contains(reason, k.what)
	})
}

// A library decodes what we decode, too.
type library struct {
	name   string
	decode func(wire []byte, inflate bool) decoding
}

var libraries = []library{{"gorilla", decodeGorilla}, {"gobwas", decodeGobwas}}

// compare holds two decodings against each other.
func compare(name string, our, other decoding) error {
	n := min(len(our.heard), len(other.heard))
	if !slices.Equal(our.heard[:n], other.heard[:n]) {
		return errors.New("both accept, but heard something else")
	}
	if len(our.heard) == n && badText(our.failed) && badText(other.failed) {
		// We find it at the byte that breaks it. Others inflate ahead of what they
		// look at, and hear control frames that stand behind.
		return nil
	}
	weGoOn := len(our.heard) > n || our.failed == ""
	itGoesOn := len(other.heard) > n || other.failed == ""
	switch {
	case other.failed != "" && len(other.heard) == n && weGoOn && !our.cut && !isKnown(stricter, name, other.failed):
		return errors.New("it fails where we do not")
	case our.failed != "" && len(our.heard) == n && itGoesOn && !other.cut && !isKnown(looser, name, our.failed):
		return errors.New("we fail where it does not")
	case our.failed == "" && other.failed == "" && len(our.heard) != len(other.heard):
		return errors.New("one heard more than the other")
	}
	return nil
}

// badText tells that a decoding failed because of text that is not UTF-8.
func badText(failed string) bool {
	return strings.Contains(failed, "not valid UTF-8") || strings.Contains(failed, "invalid utf8")
}

// FuzzDecoders gives the frames of a client to our machine and to others.
func FuzzDecoders(f *testing.F) {
	for i, c := range conformance.Cases() {
		// Only some, so that a short run does more than go through them.
		if wire := c.AppendWire(nil, conformance.Client, 0x3D21FA37); i%8 == 0 && len(wire) <= 64 {
			f.Add(wire, c.Deflate != nil)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, inflate bool) { compareAll(t, wire[:min(len(wire), 2048)], inflate) })
}

// TestDecoders gives all cases of the conformance suite to the same comparison.
func TestDecoders(t *testing.T) {
	for _, c := range conformance.Cases() {
		if wire := c.AppendWire(nil, conformance.Client, 0x3D21FA37); len(wire) <= 4096 {
			t.Run(c.Name, func(t *testing.T) {
				for _, inflate := range []bool{false, true} {
					compareAll(t, wire, inflate)
				}
			})
		}
	}
}

// compareAll gives wire to everybody.
func compareAll(t *testing.T, wire []byte, inflate bool) {
	our := decodeOurs(wire, inflate)
	if ownLimit(our.failed) || inflate && isLoose(wire) {
		return
	}
	for _, l := range libraries {
		other := l.decode(wire, inflate)
		if err := compare(l.name, our, other); err != nil {
			t.Fatalf("%v\n%x\nours    %q %s\n%-7s %q %s", err, wire, our.heard, our.failed, l.name, other.heard, other.failed)
		}
	}
}

// ownLimit tells whether we failed because of a limit that no standard sets.
func ownLimit(failed string) bool {
	return strings.Contains(failed, "too big") || strings.Contains(failed, "empty fragments")
}

// isLoose tells whether a message in wire can be inflated in more than one way:
//
//   - A block says that it is the last (BFINAL). What comes behind it belongs to the
//     message (RFC 7692 §7.2.3.4, §7.2.3.5), but inflaters of RFC 1951 stop there,
//     and with them the libraries.
//   - It has no bytes at all. We take it for an empty one, see deflate.Decoder.End,
//     and they do not.
func isLoose(wire []byte) bool {
	var message []byte
	all, _ := frames(wire)
	for _, f := range all {
		if f.Opcode.IsControl() {
			continue
		}
		if f.Opcode != frame.OpContinuation {
			message = message[:0]
		}
		message = append(message, f.payload...)
		if f.Fin && len(message) == 0 {
			return true
		}
		if f.Fin { // what a sender leaves out, RFC 7692 §7.2.2, may be part of the last block
			message = append(message, 0, 0, 0xff, 0xff)
		}
		if hasFinal(message) {
			return true
		}
	}
	return false
}

// A frameSeen is a frame with what there is of its payload, unmasked.
type frameSeen struct {
	frame.Header
	payload []byte
}

// frames takes wire apart without judging it. cut tells that it ends inside a header
// or a control frame.
func frames(wire []byte) (all []frameSeen, cut bool) {
	for len(wire) > 0 {
		h, n, err := frame.ParseHeader(wire)
		if n == 0 || err != nil {
			return all, true
		}
		p := slices.Clone(wire[n:][:min(uint64(h.Length), uint64(len(wire)-n))])
		wire = wire[n+len(p):]
		cut = h.Opcode.IsControl() && uint64(len(p)) < uint64(h.Length)
		if h.Masked {
			frame.Mask(p, h.Key)
		}
		all = append(all, frameSeen{h, p})
	}
	return all, cut
}

// hasFinal tells whether a stream ends before its input does.
func hasFinal(message []byte) bool {
	_, err := io.Copy(io.Discard, io.LimitReader(flate.NewReader(bytes.NewReader(message)), maxInflated))
	return err == nil
}

func TestCompare(t *testing.T) {
	a, ab := []string{"text a"}, []string{"text a", "text b"}
	for _, c := range []struct {
		name       string
		our, other decoding
		want       string
	}{
		{"same", decoding{heard: a}, decoding{heard: a}, ""},
		{"other text", decoding{heard: a}, decoding{heard: []string{"text x"}}, "something else"},
		{"it heard more", decoding{heard: a}, decoding{heard: ab}, "heard more"},
		{"both fail", decoding{heard: a, failed: "x"}, decoding{heard: a, failed: "y"}, ""},
		{"it fails", decoding{heard: a}, decoding{heard: a, failed: "y"}, "it fails where"},
		{"it fails before", decoding{heard: ab, failed: "x"}, decoding{heard: a, failed: "y"}, "it fails where"},
		{"we fail", decoding{heard: a, failed: "x"}, decoding{heard: a}, "we fail where"},
		{"we fail before", decoding{heard: a, failed: "x"}, decoding{heard: ab, failed: "y"}, "we fail where"},
		{"it was not done", decoding{heard: a, failed: "x"}, decoding{heard: a, cut: true}, ""},
		{"known", decoding{heard: a, failed: "no UTF-8"}, decoding{heard: a}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := compare("gorilla", c.our, c.other)
			assert.Equal(t, err != nil, c.want != "")
			if err != nil {
				assert.Contains(t, err.Error(), c.want)
			}
		})
	}
}
