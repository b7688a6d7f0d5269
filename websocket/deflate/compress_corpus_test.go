package deflate

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A corpus makes messages like those that applications send: market data and
// chat as JSON, prose, and bytes that do not compress. The same seed makes the
// same messages.
type corpus struct {
	*rand.Rand
	seq  int
	time int64
}

func newCorpus(seed uint64) *corpus {
	return &corpus{Rand: rand.New(rand.NewPCG(seed, 1951)), seq: 1000, time: 1_760_000_000_000}
}

var (
	corpusPairs = strings.Fields("BTC-USD ETH-USD SOL-USD XRP-EUR ADA-USD DOGE-USD BTC-EUR LINK-USD AVAX-USD LTC-EUR")
	corpusNames = strings.Fields("alice bruno chen dmitri esther farid greta hiro ines jamal karin luis mei nadia olek")
	corpusWords = strings.Fields(`the of and to in that it is was for on are with as at be this have from or one had by
		word but not what all were we when your can said there use an each which she do how their if will up other about out
		many then them these so some her would make like him into time has look two more write go see number no way could
		people my than first water been call who oil its now find long down day did get come made may part deploy build
		release staging server timeout latency dashboard customer invoice meeting tomorrow morning please thanks review
		merged branch failing test again restart cluster database backup restored probably because without another`)
)

// pick takes one of a list, of which the first are more frequent.
func (c *corpus) pick(list []string) string {
	return list[min(c.IntN(len(list)), c.IntN(len(list)))]
}

func (c *corpus) prose(words int) string {
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(c.pick(corpusWords))
		if c.IntN(12) == 0 {
			b.WriteByte(".,!?"[c.IntN(4)])
		}
	}
	return b.String()
}

func (c *corpus) trade() string {
	c.seq++
	c.time += int64(c.IntN(900))
	return fmt.Sprintf(`{"s":%q,"p":"%d.%02d","q":"%.4f","side":%q,"id":%d,"ts":%d}`,
		c.pick(corpusPairs), 20+c.IntN(64000), c.IntN(100), c.ExpFloat64(),
		[]string{"buy", "sell"}[c.IntN(2)], 918_273_000+c.seq, c.time)
}

func (c *corpus) chat() string {
	c.seq++
	c.time += int64(c.IntN(60_000))
	return fmt.Sprintf(`{"id":"%08x-%04x","user":{"id":%d,"name":%q,"avatar":"https://cdn.example.com/a/%d.png"},`+
		`"room":"general","text":%q,"sentAt":%d,"edited":%t,"reactions":[]}`,
		c.Uint32(), c.IntN(1<<16), 1000+c.IntN(40), c.pick(corpusNames), c.IntN(40),
		c.prose(3+c.IntN(20)), c.time, c.IntN(9) == 0)
}

// json returns a message of about n bytes: below 100 a single trade, otherwise
// a list of trades or of what was said in a chat.
func (c *corpus) json(n int) []byte {
	if n <= 100 {
		return []byte(c.trade())
	}
	item, kind := c.trade, "trades"
	if c.IntN(2) == 0 {
		item, kind = c.chat, "messages"
	}
	c.seq++
	b := fmt.Appendf(nil, `{"type":%q,"channel":"public","seq":%d,"data":[`, kind, c.seq)
	for {
		b = append(b, item()...)
		if len(b) >= n-40 {
			return append(b, "]}"...)
		}
		b = append(b, ',')
	}
}

// text returns n bytes of prose.
func (c *corpus) text(n int) []byte { return []byte(c.prose(n/2 + 1))[:n] }

// random returns n bytes that do not compress.
func (c *corpus) random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(c.Uint32())
	}
	return b
}

// again returns messages of about n bytes that differ in a number only.
func (c *corpus) again() func(n int) []byte {
	var body []byte
	return func(n int) []byte {
		if body == nil {
			body = c.json(n - 20)
		}
		c.seq++
		return append(fmt.Appendf(nil, `{"seq":%d,"of":`, c.seq), append(body, '}')...)
	}
}

// messages returns as many messages of about n bytes as fill every window many
// times.
func messages(n int, one func(n int) []byte) (list [][]byte) {
	for sum := 0; sum < 256<<10 || len(list) < 8; {
		m := one(n)
		list = append(list, m)
		sum += len(m)
	}
	return list
}
