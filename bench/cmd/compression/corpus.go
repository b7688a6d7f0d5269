package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/duplexhq/duplex/websocket"
)

// A corpus is messages of one kind. They are made with a fixed seed, so that every
// run has the same.
type corpus struct {
	name     string // with the size, for a table
	kind     websocket.MessageType
	messages [][]byte
	per      int // messages in one slice of a measurement
}

// corpora returns all of them, the same at each call.
var corpora = sync.OnceValue(makeCorpora)

func makeCorpora() []corpus {
	return []corpus{
		{"chat 200 B", websocket.Text, generate(512, chat), 2000},
		{"market 1 KiB", websocket.Text, generate(512, market), 1500},
		{"text 16 KiB", websocket.Text, generate(64, prose), 150},
		{"random 1 KiB", websocket.Binary, generate(512, noise), 1500},
	}
}

// generate returns n messages, no two of them the same.
func generate(n int, message func(r *rand.Rand, i int) []byte) [][]byte {
	r := rand.New(rand.NewChaCha8([32]byte([]byte("a seed of thirty-two bytes, fixed"))))
	all := make([][]byte, n)
	for i := range all {
		all[i] = message(r, i)
	}
	return all
}

// words are those of chats and texts, the frequent ones first.
var words = strings.Fields(`the of and a to in is you that it he was for on are as with his they I at be this
	have from or one had by word but not what all were we when your can said there use an each which she do how
	their if will up other about out many then them these so some her would make like him into time has look
	two more write go see number no way could people my than first water been call who oil its now find long
	down day did get come made may part over new sound take only little work know place year live me back give
	most very after thing our just name good sentence man think say great where help through much before line
	right too mean old any same tell boy follow came want show also around form three small set put end does
	another well large must big even such because turn here why ask went men read need land different home us
	move try kind hand picture again change off play spell air away animal house point page letter mother answer
	found study still learn should America world socket latency broadcast gateway presence subscription`)

// word returns a word; frequent ones come more often, much as in a language.
func word(r *rand.Rand) string {
	x := r.Float64()
	return words[int(x*x*x*float64(len(words)))]
}

// sentences returns n bytes of text.
func sentences(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	for b.Len() < n {
		for i := range 4 + r.IntN(12) {
			w := word(r)
			if i == 0 {
				w = strings.ToUpper(w[:1]) + w[1:]
			} else {
				b.WriteByte(' ')
			}
			b.WriteString(w)
			if r.IntN(40) == 0 {
				fmt.Fprintf(&b, " %d", r.IntN(10_000))
			}
		}
		b.WriteString(". ")
	}
	return b.Bytes()[:n]
}

// chat is a message of a chat room, about 200 bytes of JSON.
func chat(r *rand.Rand, i int) []byte {
	return encode(struct {
		Type string `json:"type"`
		ID   string `json:"id"`
		Room string `json:"room"`
		From string `json:"from"`
		At   int64  `json:"at"`
		Text string `json:"text"`
	}{"message", fmt.Sprintf("%016x", r.Uint64()), "room." + words[r.IntN(20)], "user-" + words[20+r.IntN(60)],
		1_790_000_000_000 + int64(i)*1371, string(sentences(r, 70+r.IntN(30)))})
}

// level is one price of a book and how much is wanted at it.
type level [2]string

// market is an update of an order book, about 1 KiB of JSON.
func market(r *rand.Rand, i int) []byte {
	side := func(from float64) (all []level) {
		for range 18 {
			from += r.Float64() * 0.5
			all = append(all, level{fmt.Sprintf("%.2f", from), fmt.Sprintf("%.4f", r.ExpFloat64())})
		}
		return all
	}
	price := 60_000 + 500*r.NormFloat64()
	return encode(struct {
		Stream string  `json:"stream"`
		Symbol string  `json:"symbol"`
		First  int     `json:"first_update_id"`
		Last   int     `json:"last_update_id"`
		At     int64   `json:"event_time"`
		Price  float64 `json:"last_price"`
		Bids   []level `json:"bids"`
		Asks   []level `json:"asks"`
	}{"depth@100ms", "BTCUSDT", 5_000_000 + i*40, 5_000_039 + i*40, 1_790_000_000_000 + int64(i)*100, price, side(price - 9), side(price)})
}

// prose is a text of 16 KiB.
func prose(r *rand.Rand, _ int) []byte { return sentences(r, 16<<10) }

// noise is 1 KiB that cannot be compressed.
func noise(r *rand.Rand, _ int) []byte {
	p := make([]byte, 1<<10)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// encode returns v as JSON.
func encode(v any) []byte {
	p, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types above can be encoded
	}
	return p
}
