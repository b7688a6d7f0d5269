package e2e

import (
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// The EventSource of a browser gets everything too: it comes back by itself and says
// where it was with Last-Event-ID.
func TestEventSourceMissesNothing(t *testing.T) {
	t.Parallel()
	var s *durable
	var line *cable
	page := openPage(t, "eventsource.html", func(origin string) string {
		s = serveDurable(t, "--origin", origin)
		line = newCable(t, s.server)
		return line.url() + "/t/numbers"
	})
	page.waitFor("opened === 1")
	waitFor(t, "the position where it begins", func() bool { return line.ids.Load() > 0 })
	s.kill() // before anything else came
	p := publishNumbers(t, s.url+"/t/numbers")
	for opened := 2; opened <= 3; opened++ {
		s.start()
		p.more(50)
		page.waitFor(fmt.Sprint("opened === ", opened))
		if opened == 2 {
			s.kill()
		}
	}
	p.more(50)
	count := p.stop()
	assert.Equal(t, page.sawAll("seen", count), 0)
	assert.Equal(t, js[[]string](page, "gaps"), []string{})
}
