package conformance

import (
	"regexp"
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
)

// deflateFlaws are about compressed messages, and large ones.
func deflateFlaws() []flawed {
	return slices.Concat(deflateGeneralFlaws(), inflatingFlaws(), deflatingFlaws(), deflateLimitFlaws(), volumeFlaws())
}

// zipped is a mutant that compresses.
var zipped = breed{compression: &deflate.Config{WindowBits: 15}}

// wireCases are the tests that follow from the table of cases.
const wireCases = `^deflate/(§|RFC 1951|RFC 7692 §(6|7\.1\.1 without|7\.1\.2 window|7\.2\.))`

// deflateGeneralFlaws are those that any message shows.
func deflateGeneralFlaws() []flawed {
	return []flawed{
		{setup: zipped, flaw: "never echoes", tests: `^deflate/`, least: 580},
		{setup: zipped, flaw: "echoes what broke a rule", tests: wireCases, least: 205},
		{setup: zipped, flaw: "hangs at a broken rule", tests: `^deflate/RFC 1951 §3\.2\.(2|6)`},
		{setup: zipped, flaw: "ignores broken rules", tests: `^deflate/RFC 7692 §6 RSV1 on (ping|pong|the last|an empty)`},
		{setup: zipped, flaw: "fails with 1011", tests: `^deflate/RFC 7692 §6 RSV1`, worse: NotStrict},
		{setup: zipped, flaw: "does not answer close frames", tests: `^deflate/RFC 7692 §6\.1 close`},
		{setup: zipped, flaw: "echoes what is cut off", tests: `^deflate/§7\.1\.5 end (in|after (a first|two))`},
		{setup: zipped, flaw: "echoes twice", tests: `^deflate/§7\.1\.5 end after a compressed|^deflate/RFC 7692 §7\.2\.3\.[1-5] (one|the|a|two)`},
		{setup: zipped, flaw: "ignores reserved bits", tests: `^deflate/RFC 7692 §6 RSV1 on (ping|pong|the|an)`},
		{setup: zipped, flaw: "fails on pings between fragments", tests: `^deflate/RFC 7692 §6\.1 (a ping that|ping)`},
		{setup: zipped, flaw: "sets RSV1", tests: `^deflate/RFC 7692 §6\.1 (a ping that|pings? )`},
	}
}

// inflatingFlaws are about compressed messages that come.
func inflatingFlaws() []flawed {
	const examples = `^deflate/RFC 7692 §7\.2\.3\.[1-5] (one|the same|a block with no|two)`
	return []flawed{
		{setup: zipped, flaw: "does not inflate", tests: examples},
		{setup: zipped, flaw: "checks UTF-8 before inflating", tests: examples + `|^deflate/§8\.1 compressed text is all`},
		{setup: zipped, flaw: "does not check UTF-8", tests: `^deflate/§8\.1 (compressed text (has|cut|that|with)|text that)`},
		{setup: zipped, flaw: "checks UTF-8 at the end", tests: `^deflate/§8\.1 compressed text .*(found before|not the last)`},
		{setup: zipped, flaw: "stops at BFINAL", tests: `^deflate/RFC 7692 §7\.2\.1 (four|a stored|a reference)`},
		{setup: zipped, flaw: "takes what could be inflated", tests: `^deflate/RFC (1951 §3\.2\.[2467] (stored block whose|bad|three (lit|dist)|257|287|literal|distance symbol|lengths|repe)|7692 §7\.2\.2 message ends)`},
		{setup: zipped, flaw: "inflates fragments one by one", tests: `^deflate/RFC 7692 §6\.1 (one block, cut after [1-6] |two blocks, cut after ([1-35-9]|1[0-2]) |blocks of all types, a byte to a frame)`},
		{setup: zipped, flaw: "forgets what it should remember", tests: `^deflate/RFC 7692 §(7\.2\.2 (twenty|reference (a|from|in|to the message|to a (stored|message (in|that ended))))|7\.1\.2 window of .* bits, the farthest distance (into|after|at))`},
		{setup: zipped, flaw: "remembers what it should forget", tests: `^deflate/RFC 7692 §7\.1\.1 without takeover, reference`},
		{setup: zipped, flaw: "has too small a window", tests: `^deflate/RFC 7692 §7\.1\.2 window of (9|1\d) bits, the farthest`},
		{setup: zipped, flaw: "has a large window", tests: `^deflate/RFC 7692 §7\.1\.2 .*too far`},
		{setup: zipped, flaw: "keeps what is not compressed in its window", tests: `^deflate/RFC 7692 §7\.2\.2 (.*stays? out|reference to a message that is not|reference 20000)`},
	}
}

// deflatingFlaws are about compressed messages that are sent.
func deflatingFlaws() []flawed {
	const examples = `^deflate/RFC 7692 §7\.2\.3\.[1-5] (one|the same|a block with no|two)`
	unanswered := zipped
	unanswered.answer = func(head []byte) []byte {
		return regexp.MustCompile(`; (server|client)_max_window_bits=\d+`).ReplaceAll(head, nil)
	}
	const large = `(5000|40000|100000) bytes of (JSON|English|many|a bitmap)`
	return []flawed{
		{setup: zipped, flaw: "never compresses", tests: `^deflate/RFC 7692 §6 a long message`},
		{setup: zipped, flaw: "marks what is not compressed", tests: examples},
		{setup: zipped, flaw: "leaves the end of a message on", tests: examples},
		{setup: zipped, flaw: "cuts too much off a message", tests: examples},
		{setup: zipped, flaw: "compresses to zlib data", tests: examples},
		{setup: zipped, flaw: "marks all fragments", tests: examples},
		{setup: zipped, only: "server", flaw: "uses any window", tests: `^deflate/.*offers "server_max_window_bits=(8|9|10)": .*` + large},
		{setup: zipped, only: "client", flaw: "uses any window", tests: `^deflate/.*; client_max_window_bits=(8|9|10)": .*` + large},
		{setup: zipped, only: "server", flaw: "refers to messages before", tests: `^deflate/.*offers "server_no_context_takeover(; \w+=?\d*)?": .*` + large},
		{setup: zipped, only: "client", flaw: "refers to messages before", tests: `^deflate/.*; client_no_context_takeover(; \w+=?\d*)?": .*` + large},
		{setup: unanswered, only: "server", flaw: "leaves parameters out of its answer", tests: `^deflate/.*offers "server_max_window_bits=(8|9|10|12)": .* of 64 bytes`},
	}
}

// deflateLimitFlaws are about what is inflated to more than a limit.
func deflateLimitFlaws() []flawed {
	bounded := zipped
	bounded.limit = 64 << 10
	return []flawed{
		{setup: bounded, flaw: "never echoes", tests: `^limits/§10\.4 compressed: (text that inflates to the limit$|zeros that inflate to the limit$|two|fragments that inflate to the limit$|a message that takes)`},
		{setup: bounded, flaw: "has a lower limit", tests: `^limits/§10\.4 compressed: (text that inflates to the limit$|zeros that inflate to the limit$|two|fragments that inflate to the limit$)`},
		{setup: bounded, flaw: "has no limit", tests: `^limits/§10\.4 compressed: ((text|zeros|fragments) that inflate.* and 1|a message that is not|fragments over|16 KiB)`},
		{setup: bounded, flaw: "limits what is on the wire", tests: `^limits/§10\.4 compressed: ((text|zeros|fragments) that inflate.* and 1|fragments over|16 KiB)`},
		{setup: bounded, flaw: "finds the limit late", tests: `^limits/§10\.4 compressed: fragments over`},
		{setup: bounded, flaw: "hangs at a broken rule", tests: `^limits/§10\.4 compressed: ((text|zeros|fragments) that inflate.* and 1|1 MB|empty blocks|a message that is not|fragments over|16 KiB)`},
	}
}

// volumeFlaws are about large messages and many.
func volumeFlaws() []flawed {
	const large = `^(limits/§5\.2|fragmentation/§5\.4 .* in frames of|framing/§5\.[24] .* in (frames of .* and )?TCP writes|transport/§5\.6)`
	small := breed{limit: 64 << 10}
	return []flawed{
		{flaw: "never echoes", tests: large + `|^fragmentation/.*second of silence`},
		{flaw: "corrupts payloads", tests: `^limits/§5\.2 .* (1|125|126|65535) bytes|^limits/§5\.2 .*iB|^fragmentation/§5\.4 .* in frames of (64|256) bytes`},
		{flaw: "echoes messages in the wrong order", tests: `^transport/§5\.6 1000 .* messages of (16|64|256|1|4) (bytes|KiB) at once`},
		{flaw: "drops the connection after a message", tests: `^transport/§5\.6 1000 `},
		{flaw: "wants frames in one read", tests: `^control/§5\.5\.2 (ping of (64|125) bytes|ten pings), byte by byte$`},
		{setup: small, flaw: "has a lower limit", tests: `^limits/§5\.2 .* of 64 KiB|^framing/§5\.2 .* of 64 KiB in TCP`},
		{flaw: "does not answer pings", tests: `^control/§5\.5\.2 (ping|ten pings|a ping between).*(byte by byte|complete)$`},
		{flaw: "ignores reserved bits", tests: `^reserved/.* a ping behind, byte by byte$`},
		{flaw: "does not answer close frames", tests: `^closing/§5\.5\.1 close behind messages`},
	}
}
