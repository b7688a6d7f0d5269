package conformance

import (
	"encoding/base64"
	"strings"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// exampleKey is that of RFC 6455 §1.3.
const exampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// keyTrials are about Sec-WebSocket-Key. That it is there must be checked. What it
// holds should be: a server is not bound to decode it.
func keyTrials() (trials []trial) {
	const (
		there   = "A handshake has Sec-WebSocket-Key, so a server must refuse one without."
		content = "The key is the base64 form of 16 bytes; a server that finds it to be anything else must refuse, but need not decode it (§4.2.2)."
		proof   = "The answer to any key is the hash of it as it stands, decoded or not (§4.2.2)."
		once    = "The key must not appear more than once, so a request in which it does should be refused."
	)
	trials = []trial{
		try("§4.2.1 request without Sec-WebSocket-Key is refused", Must, there, refuses, del("Sec-WebSocket-Key")),
		try("§4.2.1 empty Sec-WebSocket-Key is refused", Must, there, refuses, set("Sec-WebSocket-Key", "")),
		try("§11.3.1 Sec-WebSocket-Key twice is refused", Should, once, refuses,
			set("Sec-WebSocket-Key", exampleKey), add("Sec-WebSocket-Key", exampleKey)),
		try("§11.3.1 two different keys are refused", Should, once, refuses, add("Sec-WebSocket-Key", exampleKey)),
		try("§4.2.2 the key of the RFC's example", Must, proof, opens, set("Sec-WebSocket-Key", exampleKey)),
		try("§4.2.2 key of 16 zeros", Must, proof, opens, set("Sec-WebSocket-Key", strings.Repeat("A", 22)+"==")),
		try("§4.2.2 key with + and /", Must, proof, opens, set("Sec-WebSocket-Key", "+/+/+/+/+/+/+/+/+/+/+w==")),
		try("§4.2.2 key with spaces around it", Must,
			"White space around a value is no part of it (RFC 9112 §5.1), and so not of the key that is hashed.",
			opens, set("Sec-WebSocket-Key", " \t"+exampleKey+" \t ")),
		try("RFC 4648 §3.5 key whose last digit has bits to spare that are not zero", May,
			"Whoever decodes base64 may refuse such a digit.", mostlyOpens, set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR==")),
	}
	for _, n := range []int{8, 15, 17, 18, 20, 32} {
		key := base64.StdEncoding.EncodeToString([]byte(letters(n)))
		trials = append(trials, try("§4.2.1 key of "+itoa(n)+" bytes is refused", Should, content, refuses, set("Sec-WebSocket-Key", key)))
	}
	for _, odd := range []struct{ what, key string }{
		{"without padding", "dGhlIHNhbXBsZSBub25jZQ"},
		{"with half of its padding", "dGhlIHNhbXBsZSBub25jZQ="},
		{"with padding in the middle", "dGhlIHNhbXBs==ZSBub25jZQ"},
		{"of padding only", strings.Repeat("=", 24)},
		{"with stars", "dGhlIHNhbXBs***Sub25jZQ=="},
		{"in the alphabet for URLs", "-_-_-_-_-_-_-_-_-_-_-w=="},
		{"with a space inside", "dGhlIHNhbXBs ZSBub25jZQ="},
		{"in quotation marks", `"dGhlIHNhbXBsZSBub25jZQ"`},
		{"that is hexadecimal", "0123456789abcdef0123456789abcdef"},
	} {
		trials = append(trials, try("§4.2.1 key "+odd.what+" is refused", Should, content, refuses, set("Sec-WebSocket-Key", odd.key)))
	}
	return trials
}

// versionTrials are about Sec-WebSocket-Version.
func versionTrials() (trials []trial) {
	const (
		there   = "A handshake has Sec-WebSocket-Version with the value 13, so a server must refuse one without."
		other   = "A server must refuse a version it does not speak, and say in Sec-WebSocket-Version which ones it does."
		grammar = "A version is a number from 0 to 255 without leading zeros (§4.3), and a handshake that breaks the grammar must be refused."
		once    = "The version must not appear more than once in a request, so one in which it does should be refused."
	)
	trials = []trial{
		try("§4.2.1 request without Sec-WebSocket-Version is refused", Must, there, refuses, del("Sec-WebSocket-Version")),
		try("§4.2.1 empty Sec-WebSocket-Version is refused", Must, there, refuses, set("Sec-WebSocket-Version", "")),
		try("§11.3.5 version 13 twice is refused", Should, once, refuses, add("Sec-WebSocket-Version", "13")),
		try("§11.3.5 versions 13 and 8 are refused", Should, once, refuses, add("Sec-WebSocket-Version", "8")),
		try("§11.3.5 versions 8 and 13 are refused", Should, once, refuses,
			set("Sec-WebSocket-Version", "8"), add("Sec-WebSocket-Version", "13")),
		try("§4.2.1 version 13 with spaces around it", Must, "White space around a value is no part of it (RFC 9112 §5.1).",
			opens, set("Sec-WebSocket-Version", " \t13 \t ")),
	}
	for _, v := range []string{"0", "1", "12", "14", "25", "100", "255"} {
		trials = append(trials, try("§4.4 version "+v+" is refused, and 13 named", Must, other, refusesNaming13,
			set("Sec-WebSocket-Version", v)))
	}
	for _, v := range []string{"7", "8"} {
		trials = append(trials, try("§4.4 version "+v+" of a draft is not accepted", May,
			"A server may speak other versions than 13. These were in use before it.", mostlyRefuses, set("Sec-WebSocket-Version", v)))
	}
	for _, v := range []string{"013", "0013", "13.0", "+13", "-13", "0xd", "256", "13, 8", "8, 13", "13 13", "1 3", "thirteen", `"13"`, "13;q=1"} {
		trials = append(trials, try("§4.2.1 version "+v+" is refused", Must, grammar, refuses, set("Sec-WebSocket-Version", v)))
	}
	return trials
}

// refusesNaming13 wants an error which says that the server speaks version 13. It
// should be 426, but another is as good (RFC 6455 §4.2.2).
func refusesNaming13(p *peer) {
	a := p.refused()
	if a == nil {
		p.must(false, "nothing names the version to use")
		return
	}
	p.must(handshake.HasToken(a.Header.Values("Sec-WebSocket-Version"), "13"),
		"Sec-WebSocket-Version in the answer is %q and does not name 13", a.Header.Values("Sec-WebSocket-Version"))
}
