package websocket

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/proto"
)

// DefaultThreshold is the size in bytes from which messages are compressed, where
// Compression.Threshold is zero.
const DefaultThreshold = 128

// Compression says how messages are compressed, with the extension
// permessage-deflate (RFC 7692), if the peer agrees. The zero value means the
// defaults. A message that compression does not make smaller goes out as it is, and
// whatever is set here, both kinds may come in.
//
// Compression takes time, many times what the rest of sending a message does, and
// with context takeover memory for each connection: with the defaults up to 19 KB
// for what is sent and 33 KB for what is received. Without takeover a connection
// that is silent keeps nothing but a stack that has grown by 2 KB, but small
// messages hardly shrink, as each is compressed by itself.
//
// Compression also gives secrets away. Where a secret and text of an attacker are
// compressed together, in one message or with context takeover in one direction of
// one connection, the length of what is sent tells the attacker how much of the
// secret he has guessed, through TLS as well (RFC 7692 §8). Do not switch it on for
// connections that carry both, or keep them apart by NoContextTakeover.
type Compression struct {
	// Threshold is the size in bytes, before compression, from which messages
	// are compressed. Of a message of Writer its first 16 KiB count. Default
	// 128; negative: all are compressed.
	Threshold int

	// WindowBits sets how far back a message refers to what was sent before:
	// 1<<WindowBits bytes, 8 to 15 (RFC 7692 §7.1.2). The peer may ask for
	// less and gets it. Default 13, 8 KiB.
	WindowBits int

	// PeerWindowBits bounds the same for what is received, 8 to 15. With less
	// than the default, peers that do not agree are spoken to without
	// compression by a server and given up by a client. Default 15, 32 KiB.
	PeerWindowBits int

	// NoContextTakeover compresses each message by itself, without reference
	// to those before (RFC 7692 §7.1.1), so that nothing is kept between two
	// messages. Default: messages refer to those before.
	NoContextTakeover bool

	// PeerNoContextTakeover asks the peer to do the same, so that no window is
	// kept for what it sends. Default: it may refer to messages before.
	PeerNoContextTakeover bool
}

// encoders and decoders are the working memory of compression, which connections
// share.
var (
	encoders = &sync.Pool{New: func() any { return deflate.NewEncoder() }}
	decoders = &sync.Pool{New: func() any { return deflate.NewDecoder() }}
)

// config returns z as package deflate wants it, or what is wrong with it.
func (z *Compression) config() (c deflate.Config, problem string) {
	if problem = checkBits("WindowBits", z.WindowBits, deflate.DefaultWindowBits); problem == "" {
		problem = checkBits("PeerWindowBits", z.PeerWindowBits, 15)
	}
	return deflate.Config{
		WindowBits: uint8(z.WindowBits), NoContextTakeover: z.NoContextTakeover,
		PeerWindowBits: uint8(z.PeerWindowBits), PeerNoContextTakeover: z.PeerNoContextTakeover,
	}, problem
}

func checkBits(field string, n, byDefault int) (problem string) {
	if n == 0 || 8 <= n && n <= 15 {
		return ""
	}
	return fmt.Sprintf("option Compression.%s is %d: take 8 to 15, or 0 for %d", field, n, byDefault)
}

// Accept is the server's part of the negotiation (RFC 7692 §5): it chooses one of the
// offers and puts the answer into accepted. It returns what a [proto.Machine] needs to
// know of it, nil if there is to be no compression. z may be nil, which declines every
// offer. The error says which option is wrong. [AcceptTransport] and Accept call it; it
// is for those who open connections without net/http.
func (z *Compression) Accept(accepted *handshake.Accepted) (*proto.Deflate, error) {
	if z == nil {
		return nil, nil
	}
	config, problem := z.config()
	if problem != "" {
		return nil, &HandshakeError{Status: http.StatusInternalServerError, Problem: problem}
	}
	p, answer, ok := config.Accept(accepted.Offers)
	if !ok {
		return nil, nil
	}
	accepted.Extensions = []handshake.Extension{answer}
	return z.agreed(p, p.ServerMaxWindowBits), nil
}

// offer returns what a client asks for. z may be nil.
func (z *Compression) offer() ([]handshake.Extension, error) {
	if z == nil {
		return nil, nil
	}
	config, problem := z.config()
	if problem != "" {
		return nil, &HandshakeError{Problem: problem}
	}
	return []handshake.Extension{config.Offer()}, nil
}

// answered is the client's part of the negotiation once the answer is there. z may
// be nil, and was valid in offer.
func (z *Compression) answered(extensions []handshake.Extension) (*proto.Deflate, error) {
	if z == nil {
		return nil, nil
	}
	config, _ := z.config()
	p, ok, err := config.CheckAnswer(extensions)
	if err != nil || !ok {
		return nil, err
	}
	return z.agreed(p, p.ClientMaxWindowBits), nil
}

// agreed returns what the machine needs to know of a negotiation that came to p and
// lets this end compress with most bits of window.
func (z *Compression) agreed(p deflate.Params, most uint8) *proto.Deflate {
	bits := uint8(z.WindowBits)
	if bits == 0 {
		bits = deflate.DefaultWindowBits
	}
	threshold := z.Threshold
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	return &proto.Deflate{
		Params: p, WindowBits: min(bits, most), Threshold: threshold, Encoders: encoders, Decoders: decoders,
	}
}

// Extensions returns the extensions agreed on, in the form of the header
// Sec-WebSocket-Extensions, such as "permessage-deflate; server_max_window_bits=12":
// parameters that are at their default are left out. It is "" if there are none.
func (c *Conn) Extensions() string {
	p, ok := c.machine.Deflate()
	if !ok {
		return ""
	}
	return string(handshake.AppendExtension(nil, p.Extension()))
}
