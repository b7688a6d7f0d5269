package wire

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestNegotiation(t *testing.T) {
	for _, c := range []struct {
		name         string
		accept       []string
		events, json bool
	}{
		{"nothing", nil, false, true},
		{"EventSource", []string{"text/event-stream"}, true, false},
		{"curl", []string{"*/*"}, false, true},
		{"a browser", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, false, true},
		{"JSON", []string{"application/json"}, false, true},
		{"any application", []string{"application/*"}, false, true},
		{"any text", []string{"text/*"}, false, false},
		{"both", []string{"application/json, text/event-stream"}, true, true},
		{"both, in two headers", []string{"application/json", "text/event-stream"}, true, true},
		{"rather JSON", []string{"text/event-stream;q=0.5, application/json"}, false, true},
		{"rather events", []string{"text/event-stream, application/json;q=0.9"}, true, true},
		{"no events", []string{"text/event-stream;q=0, */*"}, false, true},
		{"no JSON", []string{"application/json;q=0, */*"}, false, false},
		{"a page", []string{"text/html"}, false, false},
		{"case and space", []string{" Text/Event-Stream ; charset=utf-8 ; Q=0.1 "}, true, false},
		{"no number", []string{"text/event-stream;q=NaN"}, true, false},
		{"empty", []string{""}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/t/a", nil)
			r.Header["Accept"] = c.accept
			if c.accept == nil {
				delete(r.Header, "Accept")
			}
			assert.Equal(t, WantsEvents(r), c.events)
			assert.Equal(t, WantsJSON(r), c.json)
		})
	}
}

func FuzzQuality(f *testing.F) {
	f.Add("text/event-stream;q=0.5, */*", "")
	f.Add(",;=,q=1;;", "application/*;q=1.1")
	f.Fuzz(func(t *testing.T, one, other string) {
		h := http.Header{"Accept": {one, other}}
		for _, mediaType := range []string{TypeJSON, TypeEvents} {
			exact, either := quality(h, mediaType, true), quality(h, mediaType, false)
			assert.True(t, 0 <= exact && exact <= 1 && 0 <= either && either <= 1, "it is not between 0 and 1")
			assert.True(t, exact == 0 || exact == either, "a range goes before a name")
		}
	})
}
