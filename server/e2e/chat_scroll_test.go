package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/duplexhq/duplex/websocket"
)

// Who has scrolled up to read stays there, whatever comes and however much room there is.
// Who is at the end stays at the end.
func testReading(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	guest := dial(t, s.ws("/t/lobby"))
	for i := range 40 {
		guest.write(websocket.Text, fmt.Sprint(i))
	}
	guest.expect("39")
	ann := visit(t, b, s.url, "", "Ann")
	ann.equal(messages+".length", 40)
	const log, atEnd = `document.querySelector("#log")`, `((l) => l.scrollHeight - l.scrollTop - l.clientHeight < 1)(document.querySelector("#log"))`
	ann.waitFor(atEnd)
	const frames = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))`
	write := func(text string) {
		t.Helper()
		ann.do(chromedp.Focus(chromedp.CSS("[data-testid=text]")),
			chromedp.Evaluate[chromedp.Void](`document.execCommand("insertText", false, `+quote(text)+`)`))
		js[chromedp.Void](ann.tab, frames)
	}
	write("one\ntwo\nthree")
	ann.equal(atEnd, true)
	guest.write(websocket.Text, "new")
	ann.equal(messages+".at(-1)", "guest: new")
	ann.waitFor(atEnd)

	js[chromedp.Void](ann.tab, log+".scrollTop = 300; "+frames)
	write("\nfour\nfive")
	ann.equal(log+".scrollTop", 300)
	guest.write(websocket.Text, "newer")
	ann.equal(`document.querySelector("#jump-text").innerText`, "1 new message")
	ann.equal(log+".scrollTop", 300)
	write(strings.Repeat("\nmore", 3))
	ann.equal(log+".scrollTop", 300)
	ann.do(chromedp.Click(chromedp.CSS("#jump")))
	ann.waitFor(atEnd)
	clean(ann)
}
