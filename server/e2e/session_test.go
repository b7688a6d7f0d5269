package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// A program of somebody else, which answers pings and gives its session, misses
// nothing of a topic, whichever end breaks the connection.
func TestSessionOfNPMWS(t *testing.T) {
	t.Parallel()
	s := serveDurable(t)
	n := node("ws_session.mjs", "ws").start(t, map[string]string{"url": s.ws("/t/numbers")})
	opened := 0
	open := func() {
		t.Helper()
		opened++
		waitFor(t, "a connection", func() bool {
			return strings.Count(strings.Join(n.lines(), "\n"), "open") >= opened
		})
	}
	open()
	p := publishNumbers(t, s.url+"/t/numbers")
	for range 3 {
		p.more(50)
		fmt.Fprintln(n.stdin, "terminate")
		open()
	}
	p.more(50)
	s.kill()
	s.start()
	open()
	p.more(50)
	count := p.stop()
	fmt.Fprintln(n.stdin, count)
	got := report(t, n)
	var seen []string
	assert.NoError(t, json.Unmarshal([]byte(got["seen"]), &seen))
	numbers, _, err := complete(seen)
	assert.NoError(t, err)
	assert.Equal(t, numbers, count)
	assert.Equal(t, got["ends"], `["1006 "]`)
}

// connected runs duplex connect until it has written a line, and returns all it wrote.
func connected(t *testing.T, url, input, last string) []string {
	t.Helper()
	p := start(t, duplex(t), "connect", "--quiet", url)
	_, err := fmt.Fprint(p.stdin, input)
	assert.NoError(t, err)
	p.awaitLine("the line "+last, &p.stdout, func(line string) bool { return line == last })
	assert.NoError(t, p.stdin.Close())
	assert.Equal(t, p.wait(), 0)
	return p.lines()
}

// duplex connect is a raw client: what the parameters of the address say holds for it.
func TestConnectToATopic(t *testing.T) {
	t.Parallel()
	s := serveDurable(t)
	from := dial(t, s.ws("/t/x"))
	for n := range 5 {
		from.write(websocket.Text, strconv.Itoa(n+1))
		from.expect(strconv.Itoa(n + 1))
	}
	assert.Equal(t, connected(t, s.ws("/t/x?last=3"), "mine\n", "mine"), []string{"3", "4", "5", "mine"})
	after := connected(t, s.ws("/t/x?last=2&self=0"), "also mine\n", "mine")
	assert.Equal(t, after, []string{"5", "mine"})
	from.expect("also mine")

	// Over a restart, with the message that was published meanwhile. The one before may come
	// again: connect ended before the server asked how far it is.
	const session = "/t/x?session=connect-0123456789"
	assert.Equal(t, connected(t, s.ws(session+"&last=1"), "", "also mine"), []string{"also mine"})
	from.write(websocket.Text, "missed")
	from.expect("missed")
	assert.Equal(t, s.signal(syscall.SIGTERM), 0)
	s.start()
	lines := connected(t, s.ws(session), "", "missed")
	assert.Equal(t, lines[len(lines)-1], "missed")
	assert.True(t, len(lines) == 1 || slices.Equal(lines, []string{"also mine", "missed"}), fmt.Sprint(lines))

	_, problems, status := connect(t, "", s.ws("/t/x?last=many"))
	assert.Equal(t, status, 1)
	assert.Contains(t, problems, "400")
}
