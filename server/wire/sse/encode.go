package sse

import (
	"encoding/base64"
	"strings"
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// appendID appends an event that has nothing but an id: a browser takes it for its
// Last-Event-ID and tells the page nothing (HTML §9.2.6).
func appendID(dst []byte, at hub.Cursor) []byte {
	dst = append(dst, "id: "...)
	dst = at.Append(dst)
	return append(dst, "\n\n"...)
}

// appendKeepalive appends a comment, with the position if there is one yet.
func appendKeepalive(dst []byte, at hub.Cursor) []byte {
	dst = append(dst, ":\n"...)
	if at.IsZero() {
		return append(dst, '\n')
	}
	return appendID(dst, at)
}

// appendMessage appends the event of a message in its plain form.
func appendMessage(dst []byte, m *hub.Message) []byte {
	dst = appendCursor(dst, m.At)
	if m.Kind != hub.Binary {
		return append(appendData(dst, m.Payload), '\n')
	}
	dst = append(dst, "event: binary\ndata: "...)
	dst = base64.StdEncoding.AppendEncode(dst, m.Payload)
	return append(dst, "\n\n"...)
}

// appendCursor appends the line of an event that says where it stands.
func appendCursor(dst []byte, at hub.Cursor) []byte {
	return append(at.Append(append(dst, "id: "...)), '\n')
}

// appendEnvelope appends the event of a message as the object of the JSON forms, which has
// the lines that its payload has if that is JSON.
func appendEnvelope(dst []byte, m *hub.Message) []byte {
	dst = appendCursor(dst, m.At)
	return append(appendData(dst, wire.AppendMessage(nil, m, true, "")), '\n')
}

// appendGap appends the event that says that messages before at are lost.
func appendGap(dst []byte, at hub.Cursor) []byte {
	dst = append(dst, "id: "...)
	dst = at.Append(dst)
	dst = append(dst, "\nevent: gap\ndata: {\"at\":\""...)
	dst = at.Append(dst)
	return append(dst, "\"}\n\n"...)
}

// appendData appends p as data lines. What ends a line here is what ends one for the
// receiver: LF, CR, or both. A receiver joins the lines with LF, so a CR in p is
// not seen as such; no stream of events can carry one. Within JSON it can only be
// between values.
func appendData(dst, p []byte) []byte {
	rest := string(p)
	for {
		dst = append(dst, "data: "...)
		end := strings.IndexAny(rest, "\r\n")
		if end < 0 {
			dst = append(dst, rest...)
			return append(dst, '\n')
		}
		dst = append(dst, rest[:end]...)
		dst = append(dst, '\n')
		if strings.HasPrefix(rest[end:], "\r\n") {
			end++
		}
		rest = rest[end+1:]
	}
}

// The events of a message are made once, when the first stream wants one, and shared by all:
// many that stop in the middle of a large message hold it once.
type events struct{ plain, envelope shared }

type shared struct {
	once sync.Once
	p    []byte
}

// encoded returns the event of a message, which must not be changed.
func encoded(m *hub.Message, envelope bool) []byte {
	e := m.Encoded(hub.FormC, newEvents).(*events) //nolint:forcetypeassert // the form is this package's
	if envelope {
		return e.envelope.of(m, appendEnvelope)
	}
	return e.plain.of(m, appendMessage)
}

func newEvents(*hub.Message) any { return new(events) }

func (e *shared) of(m *hub.Message, appendTo func([]byte, *hub.Message) []byte) []byte {
	e.once.Do(func() { e.p = appendTo(make([]byte, 0, len(m.Payload)+hub.MaxCursorLen+64), m) })
	return e.p
}
