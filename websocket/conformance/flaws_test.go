package conformance

import (
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
)

// A flawed row says what a flaw must be found by.
type flawed struct {
	flaw    string
	tests   string  // a regular expression on the IDs of tests, all of which have to find it
	least   int     // if not 0, it is enough that so many of them find it
	worse   Verdict // the least verdict each gives, or that of its level if that is less; Failed if not given
	only    string  // "server" or "client" if the flaw is one of that role
	patient bool    // the flaw is found by waiting, so that a busy machine must not hide it
	setup   breed   // what the mutant is set up with beside the flaw
}

// flaws are the ways in which a mutant can be wrong, and who has to see that.
func flaws() []flawed {
	return slices.Concat(framingFlaws(), messageFlaws(), controlFlaws(), textFlaws(), closingFlaws(), limitFlaws(), failingFlaws(), openingFlaws(), extensionFlaws(), deflateFlaws(), transportFlaws())
}

// framingFlaws are about single frames.
func framingFlaws() []flawed {
	return []flawed{
		{flaw: "ignores masks", only: "server", tests: `^framing/§5\.[27] (text|binary) of [1-9]\d* bytes$|^framing/§5\.3`},
		{flaw: "takes wrong masks", tests: `^framing/§5\.1 (text|binary|ping) of|^framing/§5\.1 second message`},
		{flaw: "masks as no role should", tests: `^framing/§5\.2 text of \d+ bytes$|^control/§5\.5\.2|^closing/§7\.4 close with 1`},
		{flaw: "takes long forms of lengths", tests: `^framing/§5\.2 (text|binary|ping|pong) of .* with a length|^framing/.* bits too many`},
		{flaw: "writes long forms of lengths", tests: `^framing/§5\.2 (text|binary) of (\d|\d\d|1[01]\d|12[0-5]) bytes$`},
		{flaw: "writes lengths in 64 bits", tests: `^framing/§5\.2 (text|binary) of (\d|\d\d|\d\d\d|65535) bytes$`},
		{flaw: "takes lengths of 64 bits", tests: `^framing/§5\.2 (text|binary) .* declares 2\^6`},
		{flaw: "takes the low 16 bits of lengths", tests: `^framing/§5\.2 .*of 6553[67] bytes$|^fragmentation/.*in fragments of 65536$`},
		{flaw: "ignores reserved bits", tests: `^reserved/§5\.2 RSV \d\d\d on (an empty (text|binary|ping|pong)|a |the)`},
		{flaw: "skips reserved opcodes", tests: `^reserved/§5\.2 opcode \d+(, empty| with a payload$| after)`},
		{flaw: "takes reserved opcodes for binary", tests: `^reserved/§5\.2 opcode (\d+(, empty| with a payload$| after)|\d with)`},
		{flaw: "sets RSV1", tests: `^framing/§5\.2 (text|binary) of \d+ bytes$`},
		{flaw: "sets RSV2", tests: `^framing/§5\.2 (text|binary) of \d+ bytes$|^control/§5\.5\.2`},
		{flaw: "sends a reserved opcode", tests: `^framing/§5\.2 (text|binary) of \d+ bytes$`},
		{flaw: "wants frames in one read", tests: `byte by byte$`, least: 50, worse: NotStrict},
	}
}

// messageFlaws are about messages and their fragments.
func messageFlaws() []flawed {
	return []flawed{
		{flaw: "never echoes", tests: `^framing/§5\.2 (text|binary) of \d+ bytes$|^framing/§5\.[67] (text|binary|three|a fr|a s)|^fragmentation/§5\.4 (text|binary) of|^utf8/§8\.1 text is U`},
		{flaw: "corrupts payloads", tests: `^framing/§5\.2 (text|binary) of [1-9]\d* bytes$|^fragmentation/§5\.4 (text|binary) of \d+ `},
		{flaw: "loses the last byte", tests: `^framing/§5\.2 (text|binary) of [1-9]\d* bytes$|^utf8/§5\.6`},
		{flaw: "adds a byte", tests: `^framing/§5\.2 (text|binary) of \d+ bytes$`},
		{flaw: "drops empty messages", tests: `^framing/§5\.2 (text|binary) of 0 bytes$|^framing/§5\.6 three empty|^fragmentation/.* of (two|three) empty`},
		{flaw: "echoes twice", tests: `^framing/§5\.2 (text|binary) of \d+ bytes$|^framing/§5\.6 (text|binary)`},
		{flaw: "echoes messages in the wrong order", tests: `^framing/§5\.6 text, then|^fragmentation/§5\.4 two fragmented`},
		{flaw: "echoes text as binary", tests: `^framing/§5\.2 text of \d+ bytes$|^utf8/§8\.1 text is U`},
		{flaw: "echoes binary as text", tests: `^framing/§5\.2 binary of \d+ bytes$|^utf8/§5\.6 binary`},
		{flaw: "drops the connection after a message", tests: `^framing/§5\.6 text, then`},
		{flaw: "takes continuations of nothing", tests: `^fragmentation/§5\.4 continuation .* FIN true, `},
		{flaw: "takes messages inside messages", tests: `^fragmentation/§5\.4 .*(, FIN true, inside|that began|empty text inside)`},
		{flaw: "sends fragments without end", tests: `^framing/§5\.2 (text|binary) of \d+ bytes$`},
		{flaw: "sends all as first frames", tests: `^framing/§5\.2 (text|binary) of \d\d+ bytes$`},
		{flaw: "fragments control frames", tests: `^control/§5\.5\.2|^closing/§7\.4 close with 1`},
		{flaw: "takes any number of empty fragments", tests: `^fragmentation/§5\.4 (129|128 empty fragments after)`, worse: Informational},
		{flaw: "speaks first", tests: `^(framing|control|fragmentation|utf8|closing|reserved)/`, least: 500},
		{flaw: "speaks first", tests: `^framing/.*(one byte of|the last byte|last byte of its length|begins|says nothing)$|^(control|closing|framing)/.*without its last byte$`, patient: true},
		{flaw: "echoes what is cut off", tests: `^framing/§7\.1\.5 end (after a first fragment|between|in the second fragment|inside)`},
		{flaw: "stays when the other end leaves", tests: `^framing/§7\.1\.5 end (after|before|between|inside|in the (second|code|reason))`, worse: NotStrict},
	}
}

// controlFlaws are about pings and pongs.
func controlFlaws() []flawed {
	return []flawed{
		{flaw: "does not answer pings", tests: `^control/§5\.5\.2|^control/§5\.5 (empty )?pings? (after|between|before|in)|^framing/§5\.7 a ping request`},
		{flaw: "answers pings twice", tests: `^control/§5\.5\.2|^control/§5\.5 ping after`, worse: NotStrict},
		{flaw: "answers pings with empty pongs", tests: `^control/§5\.5\.2 ping (of [1-9]|with|that)`},
		{flaw: "answers pings with other payloads", tests: `^control/§5\.5\.2`},
		{flaw: "answers pings in the wrong order", tests: `^control/§5\.5\.2 ten pings in a row$`, worse: NotStrict},
		{flaw: "answers pongs", tests: `^control/§5\.5\.3|^control/§5\.5 pong after`, worse: NotStrict},
		{flaw: "fails on pongs nobody asked for", tests: `^control/§5\.5\.3|^control/§5\.5 pong after|^framing/§5\.7 a ping response`},
		{flaw: "takes pongs for messages", tests: `^control/§5\.5\.3|^control/§5\.5 pong after`},
		{flaw: "fails on pings between fragments", tests: `^control/§5\.5 (empty ping|ping|two pings|pings|ping of 125 bytes|two pings and a pong) (after|between|in) |^utf8/.*with a ping between`},
		{flaw: "loses the message at a ping", tests: `^control/§5\.5 .*ping.* after fragment|^utf8/.*with a ping between`},
		{flaw: "wants pings to be UTF-8", tests: `^control/§5\.5\.2 ping that is not`},
		{flaw: "takes long control frames", tests: `^control/§5\.5 (ping|pong) of (12[678]|65535|65536) bytes$`},
		{flaw: "finds long control frames late", tests: `^control/.*found at its header`, worse: NotStrict},
		{flaw: "takes fragmented control frames", tests: `^control/§5\.5 (ping|pong) of \d bytes without FIN`},
	}
}

// textFlaws are about UTF-8.
func textFlaws() []flawed {
	return []flawed{
		{flaw: "does not check UTF-8", tests: `^utf8/§8\.1 text (has|that|is the first (1|3|4|6|8|10) )|^utf8/§8\.1 wrong byte`},
		{flaw: "checks UTF-8 at the end", tests: `^utf8/.*found before|^utf8/.*that is not the last`, worse: NotStrict},
		{flaw: "wants code points whole in each fragment", tests: `^utf8/§5\.6 (an emoji parted|a Greek word parted after (1|3|4|6|8|10) )|^utf8/.*may go on after`},
		{flaw: "refuses non-characters", tests: `^utf8/.*text is U\+[0-9A-F]*FFF[EF]|^utf8/.*a non-character`},
		{flaw: "checks binary for UTF-8", tests: `^utf8/§5\.6 binary may`},
		{flaw: "sends a reason that is not UTF-8", tests: `^closing/§7\.4 close with 1`},
	}
}

// closingFlaws are about close frames and the end of TCP.
func closingFlaws() []flawed {
	const good = `^closing/(§7\.4 close with [134]|§7\.1\.5|§5\.5\.1 (close with a reason (of|with)|empty|.*is ignored$|two|close between))`
	return []flawed{
		{flaw: "does not answer close frames", tests: good},
		{flaw: "drops the connection at a close frame", tests: good},
		{flaw: "always closes with 1000", tests: `^closing/§7\.4 close with (100[1-9]|3|4)`, worse: Informational},
		{flaw: "always closes with 1001", tests: `^closing/§7\.4 close with (1000|3|4)`, worse: NotStrict},
		{flaw: "fails on any close frame", tests: `^closing/(§7\.4 close with (1000|1001|1003|3|4)|§5\.5\.1 (close with a reason (of|with)|empty))`, worse: NotStrict},
		{flaw: "fails on close frames without a code", tests: `^closing/§5\.5\.1 empty close`, worse: NotStrict},
		{flaw: "sends 1005 for an empty close frame", tests: `^closing/§5\.5\.1 empty close`},
		{flaw: "takes close frames of 1 byte", tests: `^closing/§5\.5\.1 close frame of 1 byte`, worse: NotStrict},
		{flaw: "takes any code", tests: `^closing/§7\.4 close with the illegal code \d+$`, worse: NotStrict},
		{flaw: "does not check reasons", tests: `^closing/§5\.5\.1 close with a reason that has|reason of 123 bytes cut`, worse: NotStrict},
		{flaw: "goes on after a close frame", tests: `^closing/§5\.5\.1 a text behind a close frame is ignored$`},
		{flaw: "echoes after its close frame", tests: `^closing/§7\.4 close with [134]`},
		{flaw: "closes twice", tests: `^closing/§7\.4 close with [134]`, worse: NotStrict},
	}
}

// limitFlaws are about the size of messages.
func limitFlaws() []flawed {
	limited := breed{limit: 5000, compression: &deflate.Config{WindowBits: 15}}
	return []flawed{
		{setup: limited, flaw: "has no limit", tests: `^limits/§10\.4 [^c].*(over|limit and 1|twice|large|never|declares|a byte after)`},
		{setup: limited, flaw: "has no limit", tests: `^limits/§10\.4 compressed: `, least: 7},
		{setup: limited, flaw: "has a lower limit", tests: `^limits/§10\.4 (text|binary|three messages|control frames in a message|fragments) (of|that reach) the limit(:|$| and an empty)`},
		{setup: limited, flaw: "has a lower limit", tests: `^limits/§10\.4 compressed: .* inflate(s)? to the limit(:|$)`},
		{setup: limited, flaw: "has a much lower limit", tests: `^limits/§10\.4 binary of the limit less 1`},
		{setup: limited, flaw: "holds the wire to the limit", tests: `^limits/§10\.4 compressed: .* inflates to less`},
		{setup: limited, flaw: "has a higher limit", tests: `^limits/§10\.4 (text|binary) of the limit and 1$|^limits/§10\.4 fragments over the limit$`},
		{setup: limited, flaw: "limits frames, not messages", tests: `^limits/§10\.4 [^c].*(fragments (of 100 bytes )?over|byte after)`},
		{setup: limited, flaw: "limits what is on the wire", tests: `^limits/§10\.4 compressed: (text|zeros|fragments) that inflate(s)? to the limit and 1`},
		{setup: limited, flaw: "finds the limit late", tests: `^limits/§10\.4 [^c].*(found at its header|never ends)`, worse: NotStrict},
		{setup: limited, flaw: "cuts messages at the limit", tests: `^limits/§10\.4 [^c].*(limit and 1|twice|over the limit)$`},
	}
}

// failingFlaws are about what follows on a broken rule.
func failingFlaws() []flawed {
	const bad = `^framing/§5\.[12] .*(masked against|with a length of|bits too many|long form|declares)|^reserved/|` +
		`^control/§5\.5 .*(of (12[678]|65535|65536) bytes$|FIN|in two fragments)|^fragmentation/§5\.4 (continuation|.*inside)|` +
		`^utf8/§8\.1 (text has|text that|wrong)|^closing/(§7\.4 close with the illegal|§7\.1\.7 (broken|close|a second)|§5\.5\.1 (close frame of 1|reason of|close with a reason that has))`
	return []flawed{
		{flaw: "hangs at a broken rule", tests: bad},
		{flaw: "echoes what broke a rule", tests: bad},
		{flaw: "ignores broken rules", tests: `^(framing/§5\.1|reserved|fragmentation)/.*(masked|RSV|opcode|continuation|inside)`},
		{flaw: "fails with 1011", tests: bad, worse: NotStrict},
		{flaw: "drops the connection at a broken rule", tests: `^framing/§5\.1|^reserved/|^utf8/§8\.1 (text has|wrong)`, worse: NotStrict},
	}
}
