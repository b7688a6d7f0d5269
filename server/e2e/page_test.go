package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/duplexhq/duplex/internal/assert"
)

// A browser is what newBrowser makes, for many tabs.
type browser struct{ ctx context.Context }

// A tab is a page in a window of its own, which remembers nothing of others.
type tab struct {
	t       testing.TB
	ctx     context.Context
	console *console
}

// A console keeps the exceptions, warnings and errors of a page, and what the
// browser has to say about it.
type console struct {
	mu    sync.Mutex
	lines []string
}

// openTab opens url in a window of b, until the end of the test.
func openTab(t testing.TB, b browser, url string) *tab {
	t.Helper()
	p := newTab(t, b)
	p.do(chromedp.Navigate(url), ignoreNetwork)
	return p
}

// ignoreNetwork has Chromium no longer report what a page sends and receives: it would write
// every frame out for us, which takes longer than most tests. A tab that navigates needs its
// reports.
func ignoreNetwork(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
	return v, t.Call(ctx, "Network.disable", struct{}{}, nil)
}

func newTab(t testing.TB, b browser) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium opens no tab: %v", err)
	}
	p := &tab{t: t, ctx: ctx, console: new(console)}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			p.console.note(m)
		}
	}()
	return p
}

// note keeps what may be a problem.
func (c *console) note(m chromedp.ConsoleMessage) {
	switch m.Type {
	case chromedp.ConsoleException, chromedp.ConsoleError, chromedp.ConsoleWarning:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.lines = append(c.lines, m.String())
	}
}

// problems returns the lines, but for those that expected says are right.
func (c *console) problems(expected func(line string) bool) (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.lines {
		if expected == nil || !expected(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// with returns the tab for a part of the test.
func (p *tab) with(t testing.TB) *tab { return &tab{t: t, ctx: p.ctx, console: p.console} }

// do runs actions in the tab, in bounded time.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 2*patience)
	defer cancel()
	assert.NoError(p.t, chromedp.Do(ctx, steps...))
}

// close closes the tab as a person does: the page hears of it.
func (p *tab) close() {
	p.t.Helper()
	assert.NoError(p.t, chromedp.Cancel(p.ctx))
}

// js returns the value of an expression in the page. If it is a promise, it is
// awaited.
func js[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 2*patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s\n%v", expression, err)
	}
	return v
}

// jsAction evaluates an expression whose value does not matter.
func jsAction(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](expression)
}

// waitFor ends the test unless the expression becomes true in time. It looks from
// outside, and so is not held up by the content security policy of the page.
func (p *tab) waitFor(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !js[bool](p, "!!("+expression+")") {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited %v in vain for %s\nthe page shows:\n%s\nits console:\n%s", patience, expression,
				js[string](p, "document.body.innerText"), strings.Join(p.console.problems(nil), "\n"))
		}
		p.pause()
	}
}

// pause leaves the page in peace for a moment.
func (p *tab) pause() {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-p.ctx.Done():
	}
}

// equal ends the test unless the expression takes the value want in time, want
// being compared as JSON.
func (p *tab) equal(expression string, want any) {
	p.t.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // nor does JavaScript
	assert.NoError(p.t, encoder.Encode(want))
	p.waitFor(fmt.Sprintf("JSON.stringify(%s) === %s", expression, quote(strings.TrimSpace(text.String()))))
}

// quote returns s as a literal of JavaScript.
func quote(s string) string {
	text, _ := json.Marshal(s) // escapes U+2028 and U+2029 too
	return string(text)
}
