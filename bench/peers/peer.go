package peers

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/bench"
)

// DefaultMaxMessage is the limit of messages where Options sets none: 1 MiB.
const DefaultMaxMessage = 1 << 20

// Options say how an echo server is set up.
type Options struct {
	// MaxMessage is the largest message to echo, in bytes. It is given to the
	// library's own limit, whatever that counts. Default 1 MiB.
	MaxMessage int64

	// Compression is what to agree to. A library that can do less does what
	// it can: see Peer.Best. Default Off.
	Compression Compression

	// WindowBits bounds the windows of compression with context takeover, in
	// both directions, as a power of two from 8 to 15. A library that cannot
	// keep to that is set up without. Default: the library's own.
	WindowBits int

	// CheckText makes the application look at the text itself, with
	// utf8.Valid, and end the connection with 1007 where it is none. It
	// changes nothing where the library checks. Default: as the library comes.
	CheckText bool

	// Subprotocols that the server speaks, the preferred one first. Default:
	// none.
	Subprotocols []string

	// TLS makes the server speak TLS with these certificates. Default: nil,
	// it speaks plain TCP.
	TLS *tls.Config
}

func (o Options) withDefaults() Options {
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	return o
}

// Compression is how much of permessage-deflate (RFC 7692) is wanted.
type Compression uint8

// The ways to compress, each more than the one before.
const (
	Off        Compression = iota
	NoTakeover             // each message by itself
	Takeover               // each message may refer to those before
)

var compressionNames = [...]string{"off", "no-takeover", "takeover"}

// String returns the word that UnmarshalText takes.
func (c Compression) String() string { return compressionNames[c] }

// MarshalText returns the same word.
func (c Compression) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText takes off, no-takeover or takeover.
func (c *Compression) UnmarshalText(text []byte) error {
	i := slices.Index(compressionNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("compression %q is not one of %s", text, strings.Join(compressionNames[:], ", "))
	}
	*c = Compression(i)
	return nil
}

// A Peer is a WebSocket library, as a server of echoes and of a fan-out.
type Peer struct {
	// Name is the short name that commands take and tables show.
	Name string

	// Module is the path of the module that the library comes in.
	Module string

	// Best is the most of compression that the library can do.
	Best Compression

	// ChecksText is true if the library looks for invalid UTF-8 by itself,
	// be it when asked.
	ChecksText bool

	// MergesFragments is true if a message that comes in several frames is
	// one message to the application.
	MergesFragments bool

	serve  func(ctx context.Context, l net.Listener, o Options) error
	ownTLS bool // serve looks at Options.TLS; else it is given a listener of TLS
}

// Ours tells whether the library is the one of this repository.
func (p Peer) Ours() bool { return strings.HasPrefix(p.Name, "duplex-") }

// Serve accepts connections from l until ctx is done; then it closes l and returns
// nil. Messages on connections to /fan go to all connections to /fan, the sender's
// too; on any other path they are echoed. Connections that are open at the end
// live on until their clients go. It returns an error if it cannot go on.
func (p Peer) Serve(ctx context.Context, l net.Listener, o Options) error {
	o = o.withDefaults()
	o.Compression = min(o.Compression, p.Best)
	if o.TLS != nil && !p.ownTLS {
		l = tls.NewListener(l, o.TLS)
	}
	err := p.serve(ctx, l, o)
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// Version returns the version of the library. It is "" for our own, which is that
// of this repository.
func (p Peer) Version() string { return bench.Version(p.Module) }

// All returns all peers, our own first and the others by name.
func All() []Peer {
	return []Peer{
		duplexConnPeer, duplexEventPeer, duplexEpollHTTPPeer, duplexEpollPeer,
		coderPeer, fasthttpPeer, gobwasPeer, gobwasRawPeer, gorillaPeer, gwsPeer, nbioPeer, xnetPeer,
	}
}

// Find returns the peer of that name.
func Find(name string) (Peer, error) {
	names := make([]string, 0, len(All()))
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Peer{}, fmt.Errorf("there is no library %q; there are %s", name, strings.Join(names, ", "))
}
