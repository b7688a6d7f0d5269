package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// Whose connection was closed for good is connected again by going to another room, under
// the name that was chosen meanwhile.
func testClosed(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	ann := visit(t, b, s.url, "garden", "Ann")
	js[chromedp.Void](ann.tab, `window.dispatchEvent(new Event("pagehide"))`)
	ann.waitFor(stateIs("closed"))
	ann.rename("Anna")
	ann.do(ann.field("room"), chromedp.SendKeys(chromedp.CSS("[data-testid=room]"), "kitchen\r"))
	ann.waitFor(stateIs("open"))
	ann.equal(people, []string{"Anna (me)"})
	ann.say("hello")
	ann.equal(messages, []string{"me: hello"})
	clean(ann)
}

// What was written after that is still there when a person connects again.
func testClosedWriting(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	ann := visit(t, b, s.url, "garden", "Ann")
	js[chromedp.Void](ann.tab, `window.dispatchEvent(new Event("pagehide"))`)
	ann.waitFor(stateIs("closed"))
	ann.say("am I heard?")
	ann.equal(deliveries, []string{"failed"})
	ann.do(chromedp.Click(chromedp.CSS("#reconnect")))
	ann.waitFor(stateIs("open"))
	ann.equal(messages, []string{"me: am I heard?"})
	ann.equal(deliveries, []string{"failed"})
	ann.do(chromedp.Click(chromedp.CSS(".again")))
	ann.equal(deliveries, []string{"delivered"})
	clean(ann)
}
