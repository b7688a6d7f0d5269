package conformance

import (
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// The words the table is written in. First the correct frames.

func text(p string) Piece { return Piece{Fin: true, Opcode: frame.OpText, Payload: p} }
func bin(p string) Piece  { return Piece{Fin: true, Opcode: frame.OpBinary, Payload: p} }
func cont(p string) Piece { return Piece{Fin: true, Opcode: frame.OpContinuation, Payload: p} }
func ping(p string) Piece { return Piece{Fin: true, Opcode: frame.OpPing, Payload: p} }
func pong(p string) Piece { return Piece{Fin: true, Opcode: frame.OpPong, Payload: p} }

// bye is a close frame with any code, legal or not.
func bye(code int, reason string) Piece {
	return Piece{Fin: true, Opcode: frame.OpClose, Payload: string([]byte{byte(code >> 8), byte(code)}) + reason}
}

// byeRaw is a close frame with any payload.
func byeRaw(p string) Piece { return Piece{Fin: true, Opcode: frame.OpClose, Payload: p} }

// Then what makes them something else.

func (p Piece) more() Piece                 { p.Fin = false; return p }
func (p Piece) rsv(bits byte) Piece         { p.RSV = bits; return p }
func (p Piece) wrongMask() Piece            { p.WrongMask = true; return p }
func (p Piece) form(f LengthForm) Piece     { p.Form = f; return p }
func (p Piece) declared(n uint64) Piece     { p.Declared = n; return p }
func (p Piece) keep(n int) Piece            { p.Keep = n; return p }
func (p Piece) cut(n int) Piece             { p.Cut = n; return p }
func (p Piece) opcode(o frame.Opcode) Piece { p.Opcode = o; return p }

// sends is a list of pieces.
func sends(p ...Piece) []Piece { return p }

// stays is a case after which messages can go on.
func stays(name string, sent []Piece, sees ...Event) Case {
	return Case{Name: name, Sends: sent, Sees: sees, Answers: pongs(sees)}
}

// closes is a case in which the peer closes with code, properly.
func closes(name string, code frame.StatusCode, sent []Piece, sees ...Event) Case {
	return Case{
		Name: name, Sends: sent, Sees: sees,
		Answers: append(pongs(sees), Answer{Opcode: frame.OpClose, Code: code}),
		Ends:    End{State: Closed, Code: code},
	}
}

// fails is a case in which the endpoint must give up, answering code because of
// section.
func fails(name string, code frame.StatusCode, section string, sent []Piece, sees ...Event) Case {
	return Case{
		Name: name, Sends: sent, Sees: sees,
		Answers: append(pongs(sees), Answer{Opcode: frame.OpClose, Code: code}),
		Ends:    End{State: GaveUp, Code: code, Section: section},
	}
}

// breaks is a case that fails with 1002.
func breaks(name, section string, sent []Piece, sees ...Event) Case {
	return fails(name, frame.StatusProtocolError, section, sent, sees...)
}

// garbles is a case that fails with 1007 because text is not UTF-8.
func garbles(name string, sent []Piece, sees ...Event) Case {
	return fails(name, frame.StatusInvalidPayload, "§8.1", sent, sees...)
}

// loses is a case in which the transport ends without a closing handshake.
func loses(name string, sent []Piece, sees ...Event) Case {
	c := stays(name, sent, sees...)
	c.EOF, c.Ends = true, End{State: Lost}
	return c
}

// should marks c as a recommendation.
func should(c Case) Case { c.Level = Should; return c }

// limited sets c up with a limit of n bytes to a message.
func limited(n int64, c Case) Case { c.MaxMessage = n; return c }

// pongs returns the answers to the pings among the events (RFC 6455 §5.5.2).
func pongs(sees []Event) (answers []Answer) {
	for _, e := range sees {
		if e.Kind == Ping {
			answers = append(answers, Answer{Opcode: frame.OpPong, Payload: e.Payload})
		}
	}
	return answers
}

// letters returns n letters, for text.
func letters(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz"
	return strings.Repeat(alphabet, n/len(alphabet)+1)[:n]
}

// octets returns n bytes of all values that repeat with no power of two, so
// that a payload put together in the wrong order shows.
func octets(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + i/251)
	}
	return string(b)
}
