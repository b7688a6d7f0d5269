package conformance

// transportFlaws are about what TCP and TLS do to a connection.
func transportFlaws() []flawed {
	secure := breed{secure: true}
	return []flawed{
		{flaw: "never echoes", tests: `^(transport|limits)/`, least: 60},
		{setup: secure, flaw: "never echoes", tests: `^transport/(RFC 8446 §5\.1|§4\.1 connection)`},
		{flaw: "echoes what is cut off", tests: `^transport/§7\.1\.5 half-closed (inside|before|behind a header)`},
		{setup: secure, flaw: "echoes what is cut off", tests: `^transport/RFC 8446 §6\.1 TCP ends`},
		{flaw: "stays when the other end leaves", tests: `^transport/§7\.1\.5 half-closed`, worse: Informational},
		{setup: secure, flaw: "stays when the other end leaves", tests: `^transport/RFC 8446 §6\.1 close_notify`, worse: Informational},
		{flaw: "never ends TCP", tests: `^transport/§7\.1\.7`},
		{flaw: "takes any number of empty fragments; never echoes", tests: `^transport/.*empty fragments`, worse: Informational},
		{flaw: "does not answer pings", tests: `^transport/.*(ping|pongs are read late|pings far)`, least: 8},
		{flaw: "does not answer close frames", tests: `^transport/§5\.2 close|^transport/§5\.5\.1 (half|the endpoint)|^transport/§7\.1\.1 TCP|^transport/§1\.4`, worse: NotStrict},
		{flaw: "never ends TCP", tests: `^transport/§5\.5\.1 the endpoint|^transport/§7\.1\.1 TCP|^transport/§1\.4`, worse: NotStrict},
		{setup: secure, flaw: "never ends TCP", tests: `^transport/§7\.1\.1`, worse: NotStrict},
		{setup: secure, flaw: "drops TLS without close_notify", tests: `^transport/§7\.1\.1 TLS`, worse: NotStrict},
		{flaw: "resets TCP", tests: `^transport/§7\.1\.1 TCP`, worse: NotStrict},
		{flaw: "echoes messages in the wrong order", tests: `^transport/§5\.4 (2,000 (texts|mess)|500)`},
		{flaw: "wants frames in one read", tests: `^transport/§5\.2 (text|ping)`},
		{flaw: "loses what is read late", tests: `^transport/§5\.4 6 MiB`},
		{flaw: "fails on pongs nobody asked for", tests: `^transport/§5\.5\.3 2,000`, worse: Informational},
		{only: "client", flaw: "ends TCP first", tests: `^transport/§5\.5\.1 the client leaves`, worse: Informational},
		{only: "server", flaw: "serves one at a time", tests: `^transport/§10\.4 .*while one (is|does|has)`, worse: Informational},
		{only: "server", flaw: "stops when a connection is reset", tests: `^transport/§10\.4 .*was reset`, worse: Informational},
		{setup: breed{secure: true, oldTLS: true}, only: "server", flaw: "speaks TLS 1.0", tests: `^transport/RFC 8996`},
	}
}
