package wire

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestGuard(t *testing.T) {
	const own, friend, foe = "http://duplex.example", "https://app.friend.example", "https://foe.example"
	for _, c := range []struct {
		name   string
		method string
		header http.Header
		status int
		cors   string // Access-Control-Allow-Origin
	}{
		{"no page", "POST", nil, 200, ""},
		{"our page", "POST", http.Header{"Origin": {own}}, 200, ""},
		{"our page behind TLS", "POST", http.Header{"Origin": {"https://duplex.example"}}, 200, ""},
		{"our page reads", "GET", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200, ""},
		{"a page that is allowed", "POST", http.Header{"Origin": {friend}}, 200, friend},
		{"a page that is allowed reads", "GET", http.Header{"Origin": {friend}}, 200, friend},
		{"a page that is not", "POST", http.Header{"Origin": {foe}}, 403, ""},
		{"its simple request", "POST", http.Header{"Origin": {foe}, "Content-Type": {"text/plain"}}, 403, ""},
		{"it reads", "GET", http.Header{"Origin": {foe}}, 403, ""},
		{"another port", "POST", http.Header{"Origin": {own + ":81"}}, 403, ""},
		{"a sandbox", "POST", http.Header{"Origin": {"null"}}, 403, ""},
		{"two origins", "POST", http.Header{"Origin": {own, own}}, 403, ""},
		{"no origin", "POST", http.Header{"Origin": {""}}, 403, ""},
		{"a header within a header", "POST", http.Header{"Origin": {friend + "\r\nX-Evil: 1"}}, 403, ""},
		{"a form without Origin", "POST", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, ""},
		{"a form of a sibling", "POST", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403, ""},
		{"a link elsewhere", "GET", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200, ""},
		{"a link that is followed", "GET", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}, 200, ""},
		{"what a page elsewhere may not see", "GET", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}}, 403, ""},
		{"our page sees a picture", "GET", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"no-cors"}}, 200, ""},
		{"a request typed by hand", "GET", http.Header{"Sec-Fetch-Site": {"none"}}, 200, ""},
		{"another method", "DELETE", nil, 405, ""},
		{"another method from an allowed page", "PUT", http.Header{"Origin": {friend}}, 405, friend},
		{"another method from elsewhere", "PUT", http.Header{"Origin": {foe}}, 403, ""},
		{"a preflight", "OPTIONS", http.Header{"Origin": {friend}, "Access-Control-Request-Method": {"POST"}}, 204, friend},
		{"a preflight from elsewhere", "OPTIONS", http.Header{"Origin": {foe}, "Access-Control-Request-Method": {"POST"}}, 403, ""},
		{"a question", "OPTIONS", nil, 204, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			reached := false
			guard := Guard([]string{"https://*.friend.example"}, "GET, HEAD, POST",
				http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
			r := httptest.NewRequest(c.method, "http://duplex.example/t/a", nil)
			maps.Copy(r.Header, c.header)
			w := httptest.NewRecorder()
			guard.ServeHTTP(w, r)
			assert.Equal(t, w.Code, c.status)
			assert.Equal(t, reached, c.status == 200)
			assert.Equal(t, w.Header().Get("Access-Control-Allow-Origin"), c.cors)
			assert.Equal(t, w.Header().Get("Access-Control-Allow-Credentials"), "")
			assert.Equal(t, w.Header().Values("Vary")[0], "Origin")
			if c.status == 403 {
				assert.Equal(t, problemOf(t, w).Code, "denied")
			}
			if c.status == 405 {
				assert.Equal(t, w.Header().Get("Allow"), "GET, HEAD, POST, OPTIONS")
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	guard := Guard([]string{"*"}, "GET, POST", http.NotFoundHandler())
	r := httptest.NewRequest(http.MethodOptions, "http://duplex.example/t/a", nil)
	r.Header.Set("Origin", "https://elsewhere.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	w := httptest.NewRecorder()
	guard.ServeHTTP(w, r)
	h := w.Header()
	assert.Equal(t, h.Get("Access-Control-Allow-Origin"), "https://elsewhere.example")
	assert.Equal(t, h.Get("Access-Control-Allow-Methods"), "GET, POST")
	assert.Equal(t, h.Get("Access-Control-Allow-Headers"), "Content-Type, Idempotency-Key, Last-Event-ID")
	assert.Equal(t, h.Get("Access-Control-Max-Age"), "600")
	assert.Equal(t, h.Get("Allow"), "GET, POST, OPTIONS")
}

// Over TLS a page that came without it is not ours.
func TestGuardOverTLS(t *testing.T) {
	guard := Guard(nil, "POST", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for origin, status := range map[string]int{"https://duplex.example": 200, "http://duplex.example": 403} {
		r := httptest.NewRequest(http.MethodPost, "https://duplex.example/t/a", nil)
		r.TLS = &tls.ConnectionState{}
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		guard.ServeHTTP(w, r)
		assert.Equal(t, w.Code, status)
	}
}
