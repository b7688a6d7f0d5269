package conformance

import (
	"fmt"
	"slices"
	"sync"
)

// A Test is one conversation with an endpoint over the network and what must
// come of it.
type Test struct {
	// Name begins with the section of RFC 6455 that sets the rule, or with
	// that of another standard: "RFC 7692 §7.2.3.4 …". No two tests of the
	// same role have the same.
	Name string

	// Area is the chapter of a report: opening, extension, framing, reserved,
	// control, fragmentation, utf8, closing, limits, deflate, transport.
	Area string

	// Level tells how binding the rule is, and with that the worst Verdict
	// that breaking it can bring: Failed, NotStrict or Informational.
	Level Level

	// Rule is the sentence of the standard in our own words.
	Rule string

	run func(p *peer)
}

// ID returns area/name, which is what Options.Run selects by.
func (t *Test) ID() string { return t.Area + "/" + t.Name }

// ServerTests returns all tests of a server. The caller may keep the result.
func ServerTests() []Test { return slices.Clone(serverTests()) }

// ClientTests returns all tests of a client. The caller may keep the result.
func ClientTests() []Test { return slices.Clone(clientTests()) }

// The tests are put together when they are first asked for: that takes some tens of
// milliseconds.
var serverTests = sync.OnceValue(func() []Test {
	return slices.Concat(
		openingServerTests(),
		extensionServerTests(),
		wireTests(Client),
		deflateServerTests(),
		volumeServerTests(),
		transportServerTests(),
	)
})

var clientTests = sync.OnceValue(func() []Test {
	return slices.Concat(
		openingClientTests(),
		extensionClientTests(),
		wireTests(Server),
		deflateClientTests(),
		volumeClientTests(),
		transportClientTests(),
	)
})

// A Verdict is what came of a Test.
type Verdict uint8

// The verdicts, from good to bad but for Unsupported, which is no judgement.
const (
	// Passed: all rules were kept.
	Passed Verdict = iota

	// Informational: something the standard leaves open was done in another
	// way than most do it.
	Informational

	// NotStrict: a recommendation was not kept.
	NotStrict

	// Failed: a MUST was broken.
	Failed

	// Unsupported: what the test needs was not negotiated or is not known.
	// Problem says what.
	Unsupported
)

var verdictNames = [...]string{"passed", "informational", "not strict", "failed", "unsupported"}

// String returns the verdict in lower case: "passed", "informational", "not
// strict", "failed" or "unsupported".
func (v Verdict) String() string { return verdictNames[v] }

// MarshalText returns what String returns; in JSON a Verdict is that string.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (v *Verdict) UnmarshalText(b []byte) error {
	i := slices.Index(verdictNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("websocket: conformance: no verdict %q", b)
	}
	*v = Verdict(i)
	return nil
}

// worst returns the verdict that breaking a rule of this level can bring.
func (l Level) worst() Verdict {
	return [...]Verdict{Must: Failed, Should: NotStrict, May: Informational}[l]
}
