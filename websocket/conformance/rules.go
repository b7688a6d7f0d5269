package conformance

import (
	"regexp"
	"slices"
	"sync"
)

// A rule is a sentence of the standard, and the cases that are about it.
type rule struct {
	cases  string // a regular expression on the names, with the beginning anchored
	says   string
	client string // the same as it reads for a client, if it differs
	level  Level  // if it is less than what the case has
}

// wireRules holds one row for each rule the table of cases is about; the first
// that matches a case counts.
//
// It also tells how binding each is for any endpoint. For the table's own users
// it may be more: there the table says what Duplex does where the standard leaves
// a choice. What the standard says of the form of frames counts as Must for the
// receiver too, although it often speaks to the sender only: incoming data must
// always be validated (RFC 6455 §10.7). A length in more bytes than it needs does
// not, as it can be read in one way only; nor does what the standard only calls
// reserved, undefined or not used.
var wireRules = slices.Concat(deflateRules, []rule{
	{
		cases:  `§5\.1 `,
		says:   "A server must close the connection upon receiving a frame that is not masked.",
		client: "A client must close the connection if it detects a masked frame.",
	},
	{cases: `§5\.2 .* with a length of|§5\.2 .* bits too many|§5\.2 long form`, says: "Who sends must use the minimal number of bytes to encode a length; whoever receives more should not take them.", level: Should},
	{cases: `§5\.2 .* declares 2\^6`, says: "The most significant bit of a length in 64 bits must be 0."},
	{cases: `§5\.2 RSV`, says: "If a reserved bit is set and no negotiated extension defines it, the receiver must fail the connection."},
	{cases: `§5\.2 opcode`, says: "If an unknown opcode is received, the receiver must fail the connection."},
	{cases: `§5\.2 binary of 2\^6`, says: "A length may have 63 bits. Whoever does not accept as much fails the connection with 1009; else it waits for the rest."},
	{cases: `§5\.2 .* byte of|§5\.2 text without|§5\.2 the peer|§5\.5(\.1)? .* without its last byte`, says: "A frame is what its length says. Until all of it is there, there is nothing to do."},
	{cases: `§5\.[27] `, says: "The payload of a frame is as long as its length says, in any of the three forms, and reaches the application as it was sent."},
	{cases: `§5\.3 `, says: "Each frame of a client is masked with a key of its own; the receiver removes it.", client: "A server does not mask; the payload reaches the application as it was sent."},
	{cases: `§5\.4 .*(129|128 empty fragments after an empty first one)`, says: "Nothing bounds the number of empty fragments in a row; whoever sets no bound can be kept busy by a message that never grows.", level: May},
	{cases: `§5\.4 (127|128) empty`, says: "A fragment may be empty, and nothing bounds how many are.", level: Should},
	{cases: `§5\.4 continuation`, says: "A message begins with an opcode other than 0; a continuation frame continues a message."},
	{cases: `§5\.4 .* inside`, says: "The fragments of one message must not be interleaved with those of another."},
	{cases: `§5\.4 `, says: "Clients and servers must support receiving both fragmented and unfragmented messages."},
	{cases: `§5\.5 .* found at its header`, says: "All control frames must have a payload of 125 bytes or less. Its header already shows when that is not so.", level: Should},
	{cases: `§5\.5 (ping|pong|close|.*) (of|that declares) (12[678]|65535|65536|2\^62)`, says: "All control frames must have a payload of 125 bytes or less."},
	{cases: `§5\.5 .*(without FIN|in two fragments)`, says: "Control frames must not be fragmented."},
	{cases: `§5\.5 `, says: "Control frames may come in the middle of a fragmented message; an endpoint must be capable of handling them there."},
	{cases: `§5\.5\.1 close with a reason that has|§5\.5\.1 reason of 123 bytes cut`, says: "The reason in a close frame must be UTF-8."},
	{cases: `§5\.5\.1 close frame of 1 byte`, says: "If a close frame has a payload, its first two bytes must be a status code."},
	{cases: `§5\.5\.1 reason of 124`, says: "All control frames must have a payload of 125 bytes or less."},
	{cases: `§5\.5\.1 .* behind a close frame|§5\.5\.1 two close frames`, says: "After a close frame the other end sends no further data; what comes nevertheless is discarded."},
	{cases: `§5\.5\.1 `, says: "An endpoint that receives a close frame and has not sent one must send one in response."},
	{cases: `§5\.5\.2 `, says: "Upon receipt of a ping, an endpoint must send a pong in response, with the same payload."},
	{cases: `§5\.5\.3 `, says: "A pong may be sent unsolicited; a response to it is not expected."},
	{cases: `§5\.6 .*parted|§5\.6 (an emoji|a Greek word),`, says: "A fragment of text need not be UTF-8 by itself; the whole message must be."},
	{cases: `§5\.6 `, says: "The payload of text is UTF-8 text, that of binary is any bytes, and what is sent is what the application gets."},
	{cases: `§7\.1\.4 `, says: "An endpoint that receives a close frame must send one in response."},
	{cases: `§7\.1\.5 close`, says: "The connection is closed with the code of the first close frame; what came before is not lost."},
	{cases: `§7\.1\.5 `, says: "If TCP ends without a close frame, the connection is lost with 1006: no part of a message stands for the whole."},
	{cases: `§7\.1\.7 `, says: "An endpoint that fails the connection must not go on to process what the other end sends, including its close frame."},
	{cases: `§7\.4 .* illegal code (1005|1006|1015)\b`, says: "1005, 1006 and 1015 must not be set as a status code in a close frame."},
	{cases: `§7\.4 .* illegal code (5000|5001|9999|32768|65534|65535)\b`, says: "Nothing is said of status codes of 5000 and more.", level: May},
	{cases: `§7\.4 (.* illegal|illegal code)`, says: "Status codes below 1000 are not used, and those up to 2999 are reserved for this protocol unless they are registered.", level: Should},
	{cases: `§7\.4 close with (1012|1013|1014)`, says: "1012, 1013 and 1014 were registered after RFC 6455.", level: Should},
	{cases: `§7\.4 `, says: "An endpoint may send any defined status code, and those of 3000 to 4999."},
	{cases: `§8\.1 .* found before|§8\.1 .* that is not the last`, says: "When an endpoint finds that text is not UTF-8, it must fail the connection. The first wrong byte already shows it.", level: Should},
	{cases: `§8\.1 .*(is U\+|is all|may go on)|§8\.1 text is the first (2|5|7|9|11) of`, says: "Text may hold any code point, in the one form UTF-8 has for it, and fragments may part it anywhere."},
	{cases: `§8\.1 `, says: "When an endpoint is to interpret bytes as UTF-8 and they are not, it must fail the connection."},
	{cases: `§10\.4 `, says: "An implementation with a limit to the size of a message must protect itself against exceeding it."},
})

// ruleOf returns the row of a case. Each has one.
func ruleOf(c *Case) *rule {
	for i, expr := range wireRuleExprs() {
		if expr.MatchString(c.Name) {
			return &wireRules[i]
		}
	}
	panic("conformance: no rule for the case " + c.Name)
}

var wireRuleExprs = sync.OnceValue(func() (exprs []*regexp.Regexp) {
	for _, r := range wireRules {
		exprs = append(exprs, regexp.MustCompile("^(?:"+r.cases+")"))
	}
	return exprs
})

// sentence returns the rule as it reads for an endpoint that role is the peer of.
func (r *rule) sentence(role Role) string {
	if role == Server && r.client != "" {
		return r.client
	}
	return r.says
}

// levelOf returns how binding a case is for any endpoint.
func levelOf(c *Case) Level { return max(c.Level, ruleOf(c).level) }
