package json

import (
	"strconv"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// What the server sends is appended by the functions below. An id is given as JSON, ""
// for none.

// appendOK appends {"ok":ID}.
func appendOK(dst []byte, id string) []byte {
	return append(appendOpenOK(dst, id), '}')
}

// appendOpenOK appends {"ok":ID, to which more members can be added.
func appendOpenOK(dst []byte, id string) []byte {
	dst = append(dst, `{"ok":`...)
	return append(dst, id...)
}

// appendErr appends {"err":ID,"code":"…","retry":false,"message":"…"}.
func appendErr(dst []byte, id string, err error) []byte {
	code, retry, sentence := wire.Describe(err)
	if id == "" {
		id = "null"
	}
	dst = append(dst, `{"err":`...)
	dst = append(dst, id...)
	return append(appendProblem(dst, code, retry, sentence), '}')
}

// appendProblem appends ,"code":"…","retry":false,"message":"…".
func appendProblem(dst []byte, code string, retry bool, sentence string) []byte {
	dst = append(dst, `,"code":"`...)
	dst = append(dst, code...)
	dst = append(dst, `","retry":`...)
	dst = strconv.AppendBool(dst, retry)
	dst = append(dst, `,"message":`...)
	return wire.AppendString(dst, sentence)
}

// appendAt appends ,"at":"CURSOR".
func appendAt(dst []byte, at hub.Cursor) []byte {
	dst = append(dst, `,"at":"`...)
	dst = at.Append(dst)
	return append(dst, '"')
}

// appendSub appends the answer to a sub.
func appendSub(dst []byte, filter, id string, n hub.Notice) []byte {
	dst = append(dst, `{"sub":`...)
	dst = wire.AppendString(dst, filter)
	dst = appendAt(dst, n.At)
	dst = append(dst, `,"gap":`...)
	dst = strconv.AppendBool(dst, n.Gap)
	if id != "" {
		dst = append(dst, `,"id":`...)
		dst = append(dst, id...)
	}
	return append(dst, '}')
}

// appendGap appends {"gap":"…","at":"CURSOR"}.
func appendGap(dst []byte, filter string, at hub.Cursor) []byte {
	dst = append(dst, `{"gap":`...)
	dst = wire.AppendString(dst, filter)
	return append(appendAt(dst, at), '}')
}

// appendEnd appends {"end":"…","code":"…","retry":true,"message":"…","at":"CURSOR"}.
func appendEnd(dst []byte, filter string, n hub.Notice) []byte {
	code, retry, sentence := wire.Describe(n.Err)
	dst = append(dst, `{"end":`...)
	dst = wire.AppendString(dst, filter)
	dst = appendProblem(dst, code, retry, sentence)
	return append(appendAt(dst, n.At), '}')
}

// appendReceipt appends {"ok":ID,"at":"CURSOR"}, with "duplicate":true for one.
func appendReceipt(dst []byte, id string, r hub.Receipt) []byte {
	dst = appendAt(appendOpenOK(dst, id), r.At)
	if r.Duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	return append(dst, '}')
}

// appendHistory appends {"ok":ID,"messages":[…],"at":"CURSOR","gap":false,"more":false}.
func appendHistory(dst []byte, id string, h *hub.History) []byte {
	dst = append(appendOpenOK(dst, id), `,"messages":[`...)
	for i, m := range h.Messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = wire.AppendMessage(dst, m, false, "")
	}
	dst = appendAt(append(dst, ']'), h.At)
	dst = append(dst, `,"gap":`...)
	dst = strconv.AppendBool(dst, h.Gap)
	return append(appendMore(dst, h.More), '}')
}

// appendWho appends {"ok":ID,"who":["…"],"count":812,"more":true}.
func appendWho(dst []byte, id string, p *hub.PresencePage) []byte {
	dst = appendNames(appendOpenOK(dst, id), "who", p.Names)
	return append(appendMore(appendCount(dst, p.Count), p.More), '}')
}

// appendPresence appends {"presence":"room.1","count":812, and either "here":[…] or
// "join":[…],"leave":[…], and "more":true}.
func appendPresence(dst []byte, c *hub.PresenceChange) []byte {
	dst = append(dst, `{"presence":`...)
	dst = wire.AppendString(dst, c.Topic)
	dst = appendCount(dst, c.Count)
	if c.Full {
		dst = appendNames(dst, "here", c.Names)
	} else {
		dst = appendNames(dst, "join", c.Join)
		dst = appendNames(dst, "leave", c.Leave)
	}
	return append(appendMore(dst, c.More), '}')
}

// appendBye appends {"bye":{"retry":8400,"reason":"…"}}.
func appendBye(dst []byte, retry int64, reason string) []byte {
	dst = append(dst, `{"bye":{"retry":`...)
	dst = strconv.AppendInt(dst, retry, 10)
	dst = append(dst, `,"reason":`...)
	return append(wire.AppendString(dst, reason), `}}`...)
}

func appendCount(dst []byte, n int) []byte {
	return strconv.AppendInt(append(dst, `,"count":`...), int64(n), 10)
}

func appendMore(dst []byte, more bool) []byte {
	return strconv.AppendBool(append(dst, `,"more":`...), more)
}

func appendNames(dst []byte, member string, names []string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, member...)
	dst = append(dst, `":[`...)
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, name)
	}
	return append(dst, ']')
}
