package wire

import (
	"net/http"
	"strconv"
	"strings"
)

// The media types of answers.
const (
	TypeJSON   = "application/json"
	TypeEvents = "text/event-stream"
)

// WantsEvents tells whether the client asks for a stream of events by name, and for
// nothing else that there is by name and rather (RFC 9110 §12.5.1). EventSource does;
// "*/*" asks for JSON.
func WantsEvents(r *http.Request) bool {
	events := quality(r.Header, TypeEvents, true)
	return events > 0 && events >= quality(r.Header, TypeJSON, true)
}

// WantsJSON tells whether the client takes JSON.
func WantsJSON(r *http.Request) bool { return quality(r.Header, TypeJSON, false) > 0 }

// quality returns how much the Accept headers want a media type: 0 for not at all, 1
// for most, and of what they say the most specific. exact leaves ranges out. Without
// the header everything is wanted.
func quality(h http.Header, mediaType string, exact bool) float64 {
	if len(h["Accept"]) == 0 {
		if exact {
			return 0
		}
		return 1
	}
	major, _, _ := strings.Cut(mediaType, "/")
	best, q := 0, 0.0
	for _, list := range h["Accept"] {
		for item := range strings.SplitSeq(list, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			specific := 0
			switch name = strings.ToLower(strings.TrimSpace(name)); {
			case name == mediaType:
				specific = 3
			case exact:
			case name == major+"/*":
				specific = 2
			case name == "*/*":
				specific = 1
			}
			if specific > best {
				best, q = specific, weight(parameters)
			}
		}
	}
	return q
}

// weight returns the q of the parameters of a media type; 1 if there is none, or none
// that can be read.
func weight(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}
