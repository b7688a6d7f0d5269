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

// appendEnvelope appends the event of a message as the object of the JSON forms.
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

// encoded returns the plain event of a message, which all streams share.
func encoded(m *hub.Message) []byte {
	p, _ := m.Encoded(hub.FormC, encode).([]byte)
	return p
}

// large is held while a large message is encoded: many streams want it at the same time, and
// would each make, and hold, their own.
var large sync.Mutex

func encode(m *hub.Message) any {
	if len(m.Payload) < piece {
		return appendMessage(nil, m)
	}
	large.Lock()
	defer large.Unlock()
	return m.Encoded(hub.FormC, func(m *hub.Message) any { // unless somebody has just made it
		return appendMessage(make([]byte, 0, len(m.Payload)+hub.MaxCursorLen+64), m)
	})
}
