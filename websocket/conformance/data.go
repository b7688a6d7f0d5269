package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"unicode/utf8"
)

// A dataSet is a kind of contents, of which messages of any size are made. It is
// the same in each run.
type dataSet struct {
	name    string
	kind    Kind
	content func() string // dataLength bytes or a few more
}

// dataLength is how many bytes of contents a data set has before it repeats.
const dataLength = 512 << 10

// dataSets are contents that compress well and badly, and in different ways.
var dataSets = []*dataSet{
	newDataSet("JSON", Text, writeJSON),
	newDataSet("English", Text, writeEnglish),
	newDataSet("many scripts", Text, writeScripts),
	newDataSet("a bitmap", Binary, writeBitmap),
	newDataSet("noise", Binary, writeNoise),
}

// newDataSet returns a data set to which write adds one piece after another.
func newDataSet(name string, kind Kind, write func(b *strings.Builder, r *rand.Rand)) *dataSet {
	return &dataSet{name, kind, sync.OnceValue(func() string {
		r := rand.New(rand.NewPCG(7692, 6455))
		var b strings.Builder
		for b.Len() < dataLength {
			write(&b, r)
		}
		return b.String()
	})}
}

// message returns the message with number i, of n bytes. Messages overlap, so that
// those before are worth a reference.
func (d *dataSet) message(i, n int) string {
	all := d.content()
	if n > len(all) {
		return d.fit(strings.Repeat(all, n/len(all)+1), n)
	}
	start := i * 4099 % (len(all) - n + 1)
	if d.kind == Text {
		for start > 0 && !utf8.RuneStart(all[start]) {
			start--
		}
	}
	return d.fit(all[start:], n)
}

// fit cuts s down to n bytes. Text is cut between two code points, and filled up.
func (d *dataSet) fit(s string, n int) string {
	if d.kind != Text {
		return s[:n]
	}
	end := n
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + strings.Repeat(".", n-end)
}

func writeJSON(b *strings.Builder, r *rand.Rand) {
	states := []string{"new", "open", "filled", "cancelled"}
	fmt.Fprintf(b, `{"id":%d,"topic":"orders.%d","price":%.2f,"amount":%d,"state":%q,"tags":["fast","%x"],"parent":null},`+"\n",
		r.IntN(1<<30), r.IntN(100), r.Float64()*1000, 1+r.IntN(500), states[r.IntN(len(states))], r.Uint32())
}

// englishWords are frequent words, the most frequent first.
var englishWords = strings.Fields(`the of and to in a is that it for as was with be by on not he his but at are this
	have from or had an they which one you were her all she there would their we him been has when who will more no if
	out so said what up its about into than them can only other new some could time these two may then do first any my
	now such like our over man me even most made after also did many before must through years where much your way well
	message window connection browser server answer frame closing letter morning through winter`)

func writeEnglish(b *strings.Builder, r *rand.Rand) {
	for i, n := 0, 4+r.IntN(14); i < n; i++ {
		word := englishWords[int(float64(len(englishWords))*r.Float64()*r.Float64())]
		if i == 0 {
			word = strings.ToUpper(word[:1]) + word[1:]
		} else {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	b.WriteString(". ")
}

// scriptWords are words with code points of one to four bytes.
var scriptWords = strings.Fields(`приложение сообщение соединение окно και μήνυμα σύνδεση παράθυρο 消息 连接 窗口 服务器
	接続 メッセージ 메시지 연결 संदेश कनेक्शन رسالة اتصال הודעה חיבור ข้อความ Größe naïve façade coração 😀 🚀 𝒳 𐍈`)

func writeScripts(b *strings.Builder, r *rand.Rand) {
	b.WriteString(scriptWords[r.IntN(len(scriptWords))])
	b.WriteString([]string{" ", " ", " ", ", ", ".\n"}[r.IntN(5)])
}

// writeBitmap writes a row of pixels: runs of a few colours, and a gradient.
func writeBitmap(b *strings.Builder, r *rand.Rand) {
	for b.Len()%1024 < 768 {
		colour := byte(r.IntN(8) * 36)
		for range 1 + r.IntN(60) {
			b.Write([]byte{colour, colour / 2, 255})
		}
	}
	for i := 0; b.Len()%1024 != 0; i++ {
		b.WriteByte(byte(i))
	}
}

// writeNoise writes what no compressor can make smaller.
func writeNoise(b *strings.Builder, r *rand.Rand) {
	for range 1024 {
		b.WriteByte(byte(r.Uint32()))
	}
}
