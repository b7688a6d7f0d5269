package deflate

import (
	"fmt"
	"strconv"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// Name is the name of the extension, RFC 7692 §7. It is compared exactly, as its
// parameters are: tokens match in either case only where RFC 6455 says so, and
// of extensions it does not. An offer of "Permessage-Deflate" is one of another
// extension.
const Name = "permessage-deflate"

// DefaultWindowBits is the window that an end compresses with unless its Config
// has another, 1<<DefaultWindowBits bytes.
const DefaultWindowBits = 13

// The windows that can be agreed on, RFC 7692 §7.1.2, as powers of two. The
// largest is what goes without saying.
const (
	minWindowBits = 8
	maxWindowBits = 15
)

// The parameters of the extension, RFC 7692 §7.1.
const (
	serverNoTakeover = "server_no_context_takeover"
	clientNoTakeover = "client_no_context_takeover"
	serverWindowBits = "server_max_window_bits"
	clientWindowBits = "client_max_window_bits"
)

// Params is what both ends agreed on, RFC 7692 §7.1. Bits are 8 to 15; a window
// of n bits has 1<<n bytes.
type Params struct {
	// ServerNoContextTakeover says that the server compresses each message by
	// itself, without reference to those before.
	ServerNoContextTakeover bool
	// ClientNoContextTakeover says the same of the client.
	ClientNoContextTakeover bool
	// ServerMaxWindowBits bounds the window the server compresses with.
	ServerMaxWindowBits uint8
	// ClientMaxWindowBits bounds the window the client compresses with.
	ClientMaxWindowBits uint8
}

// Extension returns the answer of a server that says p. What holds without being
// said is left out: context takeover, and a window of 15 bits.
func (p Params) Extension() handshake.Extension {
	e := handshake.Extension{Name: Name}
	if p.ServerNoContextTakeover {
		e.Params = append(e.Params, flagParam(serverNoTakeover))
	}
	if p.ClientNoContextTakeover {
		e.Params = append(e.Params, flagParam(clientNoTakeover))
	}
	if p.ServerMaxWindowBits < maxWindowBits {
		e.Params = append(e.Params, bitsParam(serverWindowBits, p.ServerMaxWindowBits))
	}
	if p.ClientMaxWindowBits < maxWindowBits {
		e.Params = append(e.Params, bitsParam(clientWindowBits, p.ClientMaxWindowBits))
	}
	return e
}

// Config is what one end wants of the other and does itself. The zero value is
// the default: context takeover both ways, a window of DefaultWindowBits for
// what it sends, and any window for what it receives. Both ends may use one
// Config, and any number of goroutines.
type Config struct {
	// WindowBits is the largest window that this end compresses with, 8 to 15;
	// 0 means DefaultWindowBits.
	WindowBits uint8
	// NoContextTakeover makes this end compress each message by itself.
	NoContextTakeover bool
	// PeerWindowBits is the largest window that the peer may compress with, 8
	// to 15; 0 means 15. With less than 15, a client's offer that does not let
	// the server ask for that is declined, and a server that does not agree to
	// it gets no compression from this client.
	PeerWindowBits uint8
	// PeerNoContextTakeover makes the peer compress each message by itself.
	PeerNoContextTakeover bool
}

// Validate returns an error that names the field if a number of bits is none of
// 8 to 15 and not 0. The other methods expect a valid Config.
func (c Config) Validate() error {
	if err := validBits("WindowBits", c.WindowBits, DefaultWindowBits); err != nil {
		return err
	}
	return validBits("PeerWindowBits", c.PeerWindowBits, maxWindowBits)
}

func validBits(field string, n uint8, unset int) error {
	if n == 0 || minWindowBits <= n && n <= maxWindowBits {
		return nil
	}
	return fmt.Errorf("websocket: compression: %s is %d: take 8 to 15, or 0 for %d", field, n, unset)
}

func (c Config) windowBits() uint8 {
	if c.WindowBits == 0 {
		return DefaultWindowBits
	}
	return c.WindowBits
}

func (c Config) peerWindowBits() uint8 {
	if c.PeerWindowBits == 0 {
		return maxWindowBits
	}
	return c.PeerWindowBits
}

// Accept is the server's part. It goes through what a client offers, in the
// order of its preference, passes over other extensions and what RFC 7692 §7
// has a server decline, and accepts the first offer of permessage-deflate that
// is left. answer is what to put into the answer to the client. If there is
// no such offer, ok is false and the connection goes without compression.
func (c Config) Accept(offers []handshake.Extension) (p Params, answer handshake.Extension, ok bool) {
	for _, e := range offers {
		if e.Name != Name {
			continue
		}
		// What is not well formed must be declined, §7. It is no breach that
		// fails the handshake: the next offer may be good.
		offer, problem := readTerms(e.Params)
		if problem != nil {
			continue
		}
		if p, ok = c.accept(offer); ok {
			return p, offer.answer(p), true
		}
	}
	return Params{}, handshake.Extension{}, false
}

// accept settles the parameters for one offer.
func (c Config) accept(offer terms) (p Params, ok bool) {
	p = Params{
		// Both may be in an answer without having been offered, §7.1.1.1 and
		// §7.1.1.2, and the server's must be if it was. Of the client's the offer
		// is a hint that it will not use takeover anyway; taking the hint means
		// to answer it, and saves us the window.
		ServerNoContextTakeover: offer.serverNoTakeover || c.NoContextTakeover,
		ClientNoContextTakeover: offer.clientNoTakeover || c.PeerNoContextTakeover,
		ServerMaxWindowBits:     maxWindowBits,
		ClientMaxWindowBits:     maxWindowBits,
	}
	// A server accepts a bound for its window with the same or a smaller value,
	// §7.1.2.1. Unasked it could name its own window too, but a smaller one needs
	// no word, and there are clients that fail on it.
	if offer.serverBits != 0 {
		p.ServerMaxWindowBits = min(offer.serverBits, c.windowBits())
	}
	// The client's window may be bounded only if the client says that it knows
	// how, §7.1.2.2. Without that we would accept what we cannot have.
	if !offer.clientBitsNamed {
		return p, c.peerWindowBits() == maxWindowBits
	}
	// A value is a hint that the client will not use more. The server may ignore
	// it, or use it by naming the same or a smaller one in its answer.
	p.ClientMaxWindowBits = c.peerWindowBits()
	if offer.clientBits != 0 {
		p.ClientMaxWindowBits = min(p.ClientMaxWindowBits, offer.clientBits)
	}
	return p, true
}

// answer returns the answer that accepts the offer with p.
func (offer terms) answer(p Params) handshake.Extension {
	e := p.Extension()
	// To accept server_max_window_bits is to answer it, even if it says nothing.
	if offer.serverBits != 0 && p.ServerMaxWindowBits == maxWindowBits {
		e.Params = append(e.Params, bitsParam(serverWindowBits, maxWindowBits))
	}
	return e
}

// Offer is the client's part: it returns what to put into the request. By default
// that is what browsers offer, "permessage-deflate; client_max_window_bits".
func (c Config) Offer() handshake.Extension {
	e := handshake.Extension{Name: Name}
	if c.PeerNoContextTakeover {
		e.Params = append(e.Params, flagParam(serverNoTakeover))
	}
	if c.NoContextTakeover {
		e.Params = append(e.Params, flagParam(clientNoTakeover))
	}
	if c.peerWindowBits() < maxWindowBits {
		e.Params = append(e.Params, bitsParam(serverWindowBits, c.PeerWindowBits))
	}
	// Always there, as we can always use a smaller window: with a value it is a
	// hint for the server, without one it only says that we can (§7.1.2.2).
	if c.WindowBits != 0 && c.WindowBits < maxWindowBits {
		e.Params = append(e.Params, bitsParam(clientWindowBits, c.WindowBits))
	} else {
		e.Params = append(e.Params, flagParam(clientWindowBits))
	}
	return e
}

// CheckAnswer holds the extensions in a server's answer to what Offer returned
// against RFC 7692 §7 and returns what was agreed. If permessage-deflate is not
// among them, ok is false: the server declined, and the connection goes without
// compression. Other extensions are passed over. With an error, which is a
// *handshake.Error with status 0, the client must fail the connection.
//
// Params.ClientNoContextTakeover is true also if the answer does not have it but
// the Config does: the client has then said that it will not use takeover, which
// holds whether the server has taken note or not (§7.1.1.2).
func (c Config) CheckAnswer(answer []handshake.Extension) (p Params, ok bool, err error) {
	for _, e := range answer {
		if e.Name != Name {
			continue
		}
		if ok {
			return Params{}, false, failAnswer("RFC 7692 §5", "the answer has %s twice", Name)
		}
		said, problem := readTerms(e.Params)
		if problem == nil {
			p, problem = c.check(said)
		}
		if problem != nil {
			return Params{}, false, problem
		}
		ok = true
	}
	return p, ok, nil
}

// check holds what an answer says against what was offered.
func (c Config) check(said terms) (Params, *handshake.Error) {
	p := Params{
		ServerNoContextTakeover: said.serverNoTakeover,
		ClientNoContextTakeover: said.clientNoTakeover || c.NoContextTakeover,
		ServerMaxWindowBits:     maxWindowBits,
		ClientMaxWindowBits:     maxWindowBits,
	}
	// A server accepts either bound on itself by including it in its answer,
	// §7.1.1.1 and §7.1.2.1. It may include both unasked: less is always fine.
	if c.PeerNoContextTakeover && !said.serverNoTakeover {
		return Params{}, failAnswer(sectionOf(serverNoTakeover),
			"the answer accepts an offer with %s and leaves it out", serverNoTakeover)
	}
	if said.serverBits != 0 {
		p.ServerMaxWindowBits = said.serverBits
	}
	switch limit := c.peerWindowBits(); {
	case limit < maxWindowBits && said.serverBits == 0:
		return Params{}, failAnswer(sectionOf(serverWindowBits),
			"the answer accepts an offer with %s=%d and leaves it out", serverWindowBits, limit)
	case p.ServerMaxWindowBits > limit:
		return Params{}, failAnswer(sectionOf(serverWindowBits),
			"%s=%d in the answer is more than the %d that were offered", serverWindowBits, said.serverBits, limit)
	}
	// In an answer the value is what bounds us, so there has to be one, §7.1.2.2.
	// It may be larger than our hint, which the server may ignore; our window is
	// not larger for that.
	if said.clientBitsNamed && said.clientBits == 0 {
		return Params{}, failAnswer(sectionOf(clientWindowBits),
			"%s in the answer has no value", clientWindowBits)
	}
	if said.clientBits != 0 {
		p.ClientMaxWindowBits = said.clientBits
	}
	return p, nil
}

// terms is what the parameters of one offer or one answer say. Bits are 0 where
// they are not given; client_max_window_bits may be named without any.
type terms struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             uint8
	clientBitsNamed                    bool
}

// readTerms reads the parameters of an offer or an answer. It returns what a server
// must decline and a client must fail for alike, RFC 7692 §7: a parameter that
// is not defined, that has an invalid value, or that is there twice.
func readTerms(params []handshake.Param) (t terms, problem *handshake.Error) {
	for _, p := range params {
		var twice, valid bool
		switch p.Name {
		case serverNoTakeover:
			twice, t.serverNoTakeover, valid = t.serverNoTakeover, true, !p.HasValue
		case clientNoTakeover:
			twice, t.clientNoTakeover, valid = t.clientNoTakeover, true, !p.HasValue
		case serverWindowBits:
			twice = t.serverBits != 0
			t.serverBits, valid = parseBits(p)
		case clientWindowBits:
			twice, t.clientBitsNamed = t.clientBitsNamed, true
			t.clientBits, valid = parseBits(p)
			valid = valid || !p.HasValue
		default:
			return terms{}, failAnswer("RFC 7692 §7", "%s has no parameter %s", Name, quote(p.Name))
		}
		switch {
		case twice:
			return terms{}, failAnswer("RFC 7692 §7", "%s has parameter %s twice", Name, p.Name)
		case !valid && p.HasValue:
			return terms{}, failAnswer(sectionOf(p.Name), "%s has an invalid value %s", p.Name, quote(p.Value))
		case !valid:
			return terms{}, failAnswer(sectionOf(p.Name), "%s has no value", p.Name)
		}
	}
	return t, nil
}

// parseBits reads a number of bits: a decimal integer without leading zeros from
// 8 to 15, §7.1.2.1 and §7.1.2.2. Whether it was in quotation marks makes no
// difference and cannot be told any more (RFC 6455 §9.1).
func parseBits(p handshake.Param) (n uint8, ok bool) {
	if !p.HasValue {
		return 0, false
	}
	switch p.Value {
	case "8", "9":
		return p.Value[0] - '0', true
	case "10", "11", "12", "13", "14", "15":
		return 10 + p.Value[1] - '0', true
	}
	return 0, false
}

func flagParam(name string) handshake.Param {
	return handshake.Param{Name: name}
}

func bitsParam(name string, n uint8) handshake.Param {
	return handshake.Param{Name: name, Value: strconv.Itoa(int(n)), HasValue: true}
}

// sectionOf returns the section of RFC 7692 that defines a parameter.
func sectionOf(param string) string {
	switch param {
	case serverNoTakeover:
		return "RFC 7692 §7.1.1.1"
	case clientNoTakeover:
		return "RFC 7692 §7.1.1.2"
	case serverWindowBits:
		return "RFC 7692 §7.1.2.1"
	default:
		return "RFC 7692 §7.1.2.2"
	}
}

// failAnswer makes the error of a client. A server declines instead.
func failAnswer(section, format string, args ...any) *handshake.Error {
	return &handshake.Error{Section: section, Problem: fmt.Sprintf(format, args...)}
}

// maxQuoted bounds in bytes what an error repeats of the peer's words.
const maxQuoted = 100

// quote makes text of the peer fit to stand in an error.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
