// Package e2e tests the whole from the outside: with real browsers and with other
// people's clients.
package e2e

import (
	"context"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromiumFlags are given to Chromium beside those of newBrowser. They keep it from
// talking to anybody but the page's servers.
var chromiumFlags = []string{
	"disable-background-networking",
	"disable-component-update",
	"disable-default-apps",
	"disable-dev-shm-usage", // containers have little of it
	"disable-extensions",
	"disable-quic",
	"disable-sync",
}

// newBrowser starts Chromium with an empty profile and returns the context of its
// first tab, for chromedp.Run. A further tab is made with chromedp.NewContext. All
// is closed at the end of the test. Without Chromium see missing.
func newBrowser(t testing.TB) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.DisableGPU,
	}
	for _, name := range chromiumFlags {
		options = append(options, chromedp.Flag(name, true))
	}
	// Not t.Context(), which ends before the clean-up can close the browser in peace.
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until it has gone
		cancel()
		release()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return ctx
}

// chromium returns the path of the program.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "Chromium is not installed: apt-get install --no-install-recommends chromium")
	return ""
}
