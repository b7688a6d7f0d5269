package e2e

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/duplexhq/duplex/internal/assert"
)

// The code of docs/howto/browser.md does what the page says: it shows what is published.
func TestCodeOfTheBrowserHowto(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/howto/browser.md")
	assert.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	assert.Equal(t, len(blocks), 4)
	b := browser{newBrowser(t)}
	for _, block := range blocks {
		s := serveDurable(t)
		page := newTab(t, b)
		page.do(chromedp.Navigate(s.url + "/?room=hall"))
		page.waitFor(stateIs("open"))
		page.do(jsAction(`window.shown = []; window.show = (data) => shown.push(data)`))
		page.do(jsAction(`(async () => {` + block[1] + `})()`))
		// Until it listens. What comes then is all.
		waitFor(t, "something to be shown", func() bool {
			publishText(t, s.url+"/t/orders.42", "early")
			return js[int](page, "shown.length") > 0
		})
		for _, order := range []string{"one", "two", "three"} {
			publishText(t, s.url+"/t/orders.42", order)
		}
		page.equal("shown.slice(-3)", []string{"one", "two", "three"})
		clean(&visitor{page})
	}
}

func publishText(t testing.TB, url, text string) {
	t.Helper()
	resp, err := http.Post(url, "text/plain", strings.NewReader(text))
	assert.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, resp.StatusCode, http.StatusOK)
}
