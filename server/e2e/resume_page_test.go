package e2e

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// A page with nothing but a WebSocket, a session in its address and three lines that
// connect again gets everything, though the server is killed twice.
func TestThreeLinesMissNothing(t *testing.T) {
	t.Parallel()
	var s *durable
	page := openPage(t, "resume.html", func(origin string) string {
		s = serveDurable(t, "--origin", origin)
		return s.ws("/t/numbers")
	})
	page.waitFor("opened === 1")
	p := publishNumbers(t, s.url+"/t/numbers")
	for outage := range 2 {
		p.more(50)
		s.kill()
		page.waitFor("ends.length > 0")
		s.start()
		page.waitFor("opened === " + string(rune('2'+outage)))
	}
	p.more(50)
	count := p.stop()
	again := page.sawAll("seen", count)
	t.Logf("%d messages, %d of them came again", count, again)
	// Nothing but lost connections: no end says that something was lost.
	assert.Equal(t, js[[]string](page, `ends.filter((end) => end !== "1006 ")`), []string{})
}
