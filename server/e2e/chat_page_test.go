package e2e

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// A visitor is a person in front of the chat page.
type visitor struct{ *tab }

// visit opens the chat page in a room, as somebody of this name, and waits for the
// connection. The name is that of the visit before, so nobody sees it change.
func visit(t testing.TB, b browser, server, room, name string) *visitor {
	t.Helper()
	v := &visitor{newTab(t, b)}
	v.do(chromedp.Navigate(server + "/?room=hall"))
	v.waitFor(stateIs("open"))
	js[chromedp.Void](v.tab, `localStorage.setItem("duplex.chat.name", `+quote(name)+`)`)
	v.do(chromedp.Navigate(server + "/?room=" + url.QueryEscape(room)))
	v.waitFor(stateIs("open"))
	return v
}

// find returns the expression of the element with a test id.
func find(id string) string { return `document.querySelector("[data-testid=` + id + `]")` }

// all returns the expression of an array with what f, a function, makes of each
// element with a test id.
func all(id, f string) string {
	return `[...document.querySelectorAll("[data-testid=` + id + `]")].map(` + f + `)`
}

// What the page shows, as expressions.
var (
	// messages are lines such as "Ann: hello", with "me" for the own ones.
	messages = all("message", `(m) => (m.dataset.own === "true" ? "me" : m.dataset.name) + ": " +
		(m.querySelector("[data-testid=message-text]") ?? m.querySelector(".bubble > :first-child")).innerText.replace(/\n+/g, "\n")`)
	deliveries = all("message", `(m) => m.dataset.delivery ?? ""`)
	notes      = all("note", `(n) => n.dataset.kind + ": " + n.innerText`)
	gaps       = notes + `.filter((n) => n.startsWith("gap: Messages may be missing here")).length`
	people     = all("person", `(p) => p.querySelector(".person-name").innerText + (p.querySelector(".you") ? " (me)" : "")`)
	count      = find("count") + `.innerText`
)

func stateIs(state string) string { return find("state") + `?.dataset.state === ` + quote(state) }

// field selects what is in a field, so that typing replaces it.
func (v *visitor) field(id string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](find(id) + `.select()`)
}

func (v *visitor) rename(name string) {
	v.t.Helper()
	v.do(v.field("name"), chromedp.SendKeys(chromedp.CSS("[data-testid=name]"), name+"\r"))
	v.waitFor(`localStorage.getItem("duplex.chat.name") === ` + quote(name))
}

// say writes a message, at once and not key by key, and presses Enter.
func (v *visitor) say(text string) {
	v.t.Helper()
	v.do(chromedp.Focus(chromedp.CSS("[data-testid=text]")),
		chromedp.Evaluate[chromedp.Void](`document.execCommand("insertText", false, `+quote(text)+`)`), chromedp.KeyEvent("\r"))
}

// watchStates begins to write down the states of the connection.
func (v *visitor) watchStates() {
	v.t.Helper()
	js[chromedp.Void](v.tab, `window.states = [];
		new MutationObserver(() => {
			const { state } = `+find("state")+`.dataset;
			if (states.at(-1) !== state) states.push(state);
		}).observe(`+find("state")+`, { attributes: true, attributeFilter: ["data-state"] });`)
}

// cameBack ends the test unless the connection is lost and found again.
func (v *visitor) cameBack() {
	v.t.Helper()
	v.waitFor(`states.length > 1 && states.at(-1) === "open"`)
	v.equal(`states[0]`, "waiting")
	js[chromedp.Void](v.tab, `states.length = 0`)
}

// together waits until everybody sees everybody. The names are in the order that
// the page lists them in.
func together(room ...*visitor) {
	for _, v := range room {
		v.t.Helper()
		v.equal(count, fmt.Sprint(len(room)))
		v.equal(people+".length", len(room))
	}
}
