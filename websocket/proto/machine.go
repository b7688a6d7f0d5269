package proto

import (
	"math/rand/v2"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// A Role is the side of the connection a machine plays.
type Role uint8

// The two roles. A client masks what it sends and accepts no masked frame; a
// server demands masked frames and sends none (RFC 6455 §5.1).
const (
	Server Role = iota
	Client
)

// String returns "server" or "client".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}

// MaxEmptyFragments is how many frames of one message may follow each other
// without a byte of payload and without ending the message. RFC 6455 sets no
// bound; without one a peer could keep a message open for ever with frames that
// no size limit counts. The next one is answered with 1008.
const MaxEmptyFragments = 128

// Config says how a Machine behaves.
type Config struct {
	// Role is the side to play. The zero value is Server.
	Role Role

	// MaxMessage is the largest message to accept, in bytes of payload summed
	// over its frames, after inflating. Zero or less means no limit.
	MaxMessage int64

	// MaskKeys yields the masking keys of a Client. It must be unpredictable
	// to those who choose the payload (RFC 6455 §5.3 and §10.3), such as a
	// rand.ChaCha8 with a random seed. A Server does not use it.
	MaskKeys rand.Source

	// Deflate, if not nil, is the permessage-deflate that was negotiated in
	// the opening handshake. Without it a frame with RSV1 fails the connection.
	Deflate *Deflate
}

// Deflate says how a Machine speaks permessage-deflate (RFC 7692).
type Deflate struct {
	// Params is what both ends agreed on.
	Params deflate.Params

	// WindowBits is the window this end compresses with, 8 to 15, and at most
	// what Params allows it.
	WindowBits uint8

	// Threshold is the size in bytes from which messages are compressed. It
	// is the first fragment that counts of a message in fragments.
	Threshold int

	// Encoders and Decoders yield the working memory, a *deflate.Encoder and
	// a *deflate.Decoder. Both may be shared by any number of machines. An
	// Encoder is held during a call, and without context takeover from the
	// first fragment of a message to its last; a Decoder while a compressed
	// message comes in.
	Encoders, Decoders Pool
}

// A Pool keeps working memory for reuse. A *sync.Pool is one.
type Pool interface {
	Get() any
	Put(x any)
}

// A Machine is one end of a WebSocket connection whose opening handshake is
// done. The zero value is not usable: call Init. A Machine must not be copied
// after that. What may be called concurrently stands in the package comment.
type Machine struct {
	receiver
	sender
}

// Init makes m ready, forgetting whatever it was before.
func (m *Machine) Init(c Config) {
	*m = Machine{
		receiver: receiver{limit: c.MaxMessage, masked: c.Role == Server},
		sender:   sender{role: c.Role, keys: c.MaskKeys},
	}
	if c.Deflate != nil {
		m.inflater, m.deflater = c.Deflate.halves(c.Role)
	}
}

// New returns a machine made ready with c.
func New(c Config) *Machine {
	m := new(Machine)
	m.Init(c)
	return m
}

// Reply answers ev: it appends to dst what the protocol obliges this end to
// send because of ev, and returns the longer slice with what must happen to the
// transport once those bytes are written. Every event but Data needs it; for
// Data it does nothing.
//
//   - a Ping is answered by a Pong with the same payload (RFC 6455 §5.5.2),
//     unless a close frame was sent
//   - a Close is answered by a close frame with the same code (§5.5.1), unless
//     one was sent
//   - a Failure is answered by a close frame that says why (§7.1.7), unless one
//     was sent
//   - an End is answered by nothing
func (m *Machine) Reply(dst []byte, ev Event) ([]byte, Transport) {
	switch ev.Kind {
	case Ping:
		if m.state == Open {
			dst = m.appendFrame(dst, frame.OpPong, true, ev.Payload)
		}
		return dst, Keep
	case Close:
		return m.peerClosed(dst, ev)
	case Failure:
		return m.peerFailed(dst, ev)
	case End:
		return dst, m.peerEnded(ev)
	default:
		return dst, Keep
	}
}
