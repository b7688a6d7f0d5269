package conformance

import "slices"

// transportClientTests are about clients. Beside what holds for either role they
// look at who ends TCP.
func transportClientTests() []Test {
	return slices.Concat(transportTests(), patienceTests())
}

// patienceTests leave the end of TCP to the server, as it should be.
func patienceTests() []Test {
	const rule = "A client should wait for the server to close TCP, but may close it at any time after both have sent a close frame."
	return []Test{
		transport("§5.5.1 the client leaves it to the server to end TCP", May, rule, func(p *peer) {
			p.send(bye(1000, ""))
			p.await(p.o.Timeout, func() bool { return p.exchange.closed != nil })
			p.must(p.exchange.closed != nil, "no close frame: %s", p.fate())
			p.inform(!p.gone(p.o.Timeout/grace), "%s %s before the server did", p.endpoint(), "ended TCP")
		}),
	}
}
