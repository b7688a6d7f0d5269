package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// of filters the messages that the page of duplex.js saw by their topic.
func of(topic string) string {
	return `seen.filter((m) => m.startsWith("` + topic + ` ")).map((m) => m.split(" ")[1])`
}

// A page with duplex.js gets everything once and in order, and what it publishes is
// stored once and in order, though the server is killed and it writes meanwhile.
func TestLibraryInChromium(t *testing.T) {
	t.Parallel()
	var s *durable
	page := openPage(t, "duplexjs.html", func(origin string) string {
		s = serveDurable(t, "--origin", origin)
		return s.url
	})
	page.waitFor(`states.at(-1) === "open"`)
	page.do(jsAction("say(10)")) // none before its subscriptions, which went first
	p := publishNumbers(t, s.url+"/t/numbers")
	for range 2 {
		p.more(50)
		page.do(jsAction("say(200)")) // some of these are stored, and answered, and some are not
		s.kill()
		page.waitFor(`states.at(-1) !== "open"`)
		page.do(jsAction("say(20)"))
		s.start()
		page.waitFor(`states.at(-1) === "open"`)
	}
	p.more(50)
	count := p.stop()
	page.waitFor("stored.length === 450")
	page.waitFor("duplex.bufferedAmount === 0")
	assert.Equal(t, page.sawAll(of("numbers"), count), 0)
	assert.Equal(t, page.sawAll(of("of.page"), 450), 0)
	assert.Equal(t, js[[]string](page, "gaps"), []string{})
	assert.Equal(t, js[int](page, "new Set(stored).size"), 450)
}

// On Node.js it is the same, with its own WebSocket, which is that of undici, and with
// that of npm ws.
func TestLibraryOnNode(t *testing.T) {
	t.Parallel()
	for _, module := range []string{"undici", "ws"} {
		t.Run(module, func(t *testing.T) { testLibraryOnNode(t, module) })
	}
}

func testLibraryOnNode(t *testing.T, module string) {
	s := serveDurable(t)
	n := node("duplexjs.mjs", module).start(t, map[string]string{"url": s.url, "from": module})
	n.awaitLine("that it is open", &n.stdout, func(line string) bool { return line == "open" })
	p := publishNumbers(t, s.url+"/t/numbers")
	p.more(20)
	s.kill()
	n.awaitLine("that it waits", &n.stdout, func(line string) bool { return line == "waiting" })
	s.start()
	p.more(20)
	count := p.stop()
	fmt.Fprintln(n.stdin, count)
	seen := report(t, n)
	var numbers, answers []string
	assert.NoError(t, json.Unmarshal([]byte(seen["numbers"]), &numbers))
	assert.NoError(t, json.Unmarshal([]byte(seen["answers"]), &answers))
	got, again, err := complete(numbers)
	assert.NoError(t, err)
	assert.Equal(t, []int{got, again}, []int{count, 0})
	delete(seen, "numbers")
	delete(seen, "answers")
	compare(t, seen, map[string]string{
		"values": `["text",{"a":[1,null]},"bytes 0,255"]`,
		"here":   `["Node"]`,
		"count":  "1",
		"latest": strconv.Quote(strconv.Itoa(count)),
		"denied": `"bad_topic"`,
		"gaps":   "0",
	})
	slices.Sort(answers)
	assert.Equal(t, len(slices.Compact(answers)), 3)
	assert.True(t, !strings.Contains(strings.Join(answers, " "), "undefined"), "each is a position")
}
