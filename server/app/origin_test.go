package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
)

// TestPagesSeeErrors asks as a page of another origin does for what there is and for what
// there is not: a page that is allowed may read each answer, and others are refused.
func TestPagesSeeErrors(t *testing.T) {
	const friend, foe = "https://friend.example", "https://foe.example"
	a, _ := start(t, app.Config{MaxMessage: 10, Origins: []string{friend}})
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/t/a", "", 200},
		{"GET", "/t/a..b", "", 400},
		{"GET", "/t/a/b", "", 404},
		{"OPTIONS", "/t/a/b", "", 204},
		{"DELETE", "/t/a", "", 405},
		{"POST", "/t/a", strings.Repeat("x", 11), 413},
		{"GET", "/t/a/presence", "", 200},
		{"GET", "/topics?limit=x", "", 400},
		{"POST", "/batch", "[]", 415},
	} {
		for _, origin := range []string{friend, foe} {
			r, err := http.NewRequestWithContext(t.Context(), c.method, a.URL()+c.target, strings.NewReader(c.body))
			assert.NoError(t, err)
			r.Header.Set("Origin", origin)
			resp, err := http.DefaultClient.Do(r)
			assert.NoError(t, err)
			_ = resp.Body.Close()
			status, allowed := c.status, origin
			if origin == foe {
				status, allowed = 403, ""
			}
			assert.Equal(t, resp.StatusCode, status)
			assert.Equal(t, resp.Header.Get("Access-Control-Allow-Origin"), allowed)
			assert.Contains(t, strings.Join(resp.Header["Vary"], ", "), "Origin")
		}
	}
}
