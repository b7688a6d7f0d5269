package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// While a page is busy, the server sends it no more than a window and what the
// browser takes for it: the rest stays in the log. Others are not kept waiting, and
// the page gets everything once it has time.
func TestBlockedPageCatchesUp(t *testing.T) {
	t.Parallel()
	const size, count = 32 << 10, 256 // 8 MiB
	blocked, release := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", file("testdata/pages/window.html", "text/html"))
	mux.HandleFunc("/block", func(http.ResponseWriter, *http.Request) {
		close(blocked)
		<-release
	})
	pages := httptest.NewServer(mux)
	t.Cleanup(pages.Close)
	s := serveDurable(t, "--origin", pages.URL)
	line := newCable(t, s.server)
	page := openTab(t, browser{newBrowser(t)}, pages.URL+"/?url="+url.QueryEscape(socketURL(line.url())+"/t/big"))
	page.waitFor("opened === 1")
	other, from := dial(t, s.ws("/t/big")), dial(t, s.ws("/t/big?self=0"))

	busy := make(chan int)
	go func() { busy <- js[int](page, "block()") }()
	receive(t, "the page to be busy", blocked)
	before := line.carried.Load()
	payload := strings.Repeat("x", size)
	for i := range count {
		from.write(websocket.Text, strconv.Itoa(i+1)+" "+payload)
	}
	for i := range count {
		number, _, _ := strings.Cut(receive(t, "the messages of the other", other.in), " ")
		assert.Equal(t, number, strconv.Itoa(i+1))
	}
	carried := line.carried.Load() - before
	close(release) // only now
	assert.Equal(t, receive(t, "the end of being busy", busy), 0)
	page.sawAll("seen", count)
	assert.Equal(t, js[[]string](page, "ends"), []string{})
	// The window is 256 KiB; Chromium takes 100 to 200 KiB more before it stops answering.
	assert.True(t, carried <= 1<<20, "the busy page was sent "+strconv.FormatInt(carried>>10, 10)+" KiB")
}
