package json

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// A verb is what a request wants.
type verb uint8

const (
	noVerb verb = iota
	sub
	unsub
	pub
	get
	who
	auth
)

// verbs are the members that a request must have one of.
var verbs = map[string]verb{"sub": sub, "unsub": unsub, "pub": pub, "get": get, "who": who, "auth": auth}

// maxID is how many bytes an id may have, as it stands in the request.
const maxID = 128

// A request is what a client sends.
type request struct {
	verb     verb
	name     string // of the topic, the filter, or the token
	id       string // as JSON, "" for none
	after    string // a cursor, or a name of a presence list
	last     int
	limit    int
	presence bool
	self     bool
	as       string
	key      string
	idem     string

	kind       hub.Kind
	payload    []byte // a copy
	hasPayload bool
}

// parse reads a request from p, which is valid UTF-8 and is not kept. The error is a
// *wire.Refusal; the request then has the id if it is one.
func parse(p []byte) (q request, err error) {
	q.self = true
	if !json.Valid(p) {
		return q, wire.BadRequest("this is not JSON; send one object in each frame")
	}
	if p = bytes.TrimLeft(p, " \t\r\n"); p[0] != '{' {
		return q, wire.BadRequest("this is not an object; write %s", `{"sub":"TOPIC"}`)
	}
	var seen seen
	for key, value := range wire.Members(p) {
		name := wire.MemberText(key)
		if at, known := knownMembers[name]; known {
			if seen.again(at) {
				err = first(err, wire.BadRequest("%q is there twice", name))
			}
			err = first(err, q.set(name, value))
		}
	}
	switch {
	case err != nil:
	case q.verb == noVerb:
		err = wire.BadRequest("there is no verb: one of sub, unsub, pub, get, who and auth")
	case q.verb == pub && !q.hasPayload && q.key == "":
		err = wire.BadRequest("there is nothing to publish: give data, text or base64, or only a key to remove it")
	}
	return q, err
}

// first returns the first of two errors.
func first(err, next error) error {
	if err != nil {
		return err
	}
	return next
}

// knownMembers numbers the members that mean something.
var knownMembers = func() map[string]int {
	known := make(map[string]int)
	for i, name := range strings.Fields("sub unsub pub get who auth id after last limit presence self as key idem data text base64") {
		known[name] = i
	}
	return known
}()

// seen is the set of members that a request has, by their numbers.
type seen uint32

// again adds a member and tells whether it was there.
func (s *seen) again(i int) bool {
	was := *s&(1<<i) != 0
	*s |= 1 << i
	return was
}

// set takes a member, whose value is valid JSON. A value that is null is as if the
// member were not there, but for data.
func (q *request) set(name string, value []byte) error {
	null := string(value) == "null"
	switch v := verbs[name]; {
	case null && name != "data":
		return nil
	case v != noVerb && q.verb != noVerb:
		return wire.BadRequest("there are several verbs; send a frame for each")
	case v != noVerb:
		q.verb = v
		return setString(&q.name, name, value)
	case name == "data":
		if err := wire.CheckDepth(value); err != nil {
			return err
		}
		return q.setPayload(hub.JSON, bytes.Clone(value))
	}
	switch name {
	case "id":
		return q.setID(value)
	case "after":
		return setString(&q.after, name, value)
	case "last":
		return setCount(&q.last, name, value, 0, wire.MaxLast)
	case "limit":
		return setCount(&q.limit, name, value, 1, wire.MaxLimit)
	case "presence":
		return setBool(&q.presence, name, value)
	case "self":
		return setBool(&q.self, name, value)
	case "as":
		return setName(&q.as, name, value)
	case "key":
		return setName(&q.key, name, value)
	case "idem":
		return setName(&q.idem, name, value)
	default:
		return q.setText(name, value)
	}
}

// setText takes the payload of text and base64.
func (q *request) setText(name string, value []byte) error {
	if value[0] != '"' {
		return wrongType(name, "a string")
	}
	if name == "text" {
		return q.setPayload(hub.Text, []byte(wire.MemberText(value)))
	}
	p, err := wire.DecodeBase64(wire.MemberText(value))
	if err != nil {
		return err
	}
	return q.setPayload(hub.Binary, p)
}

func (q *request) setPayload(kind hub.Kind, p []byte) error {
	if q.hasPayload {
		return wire.BadRequest("there are several payloads; give one of data, text and base64")
	}
	q.kind, q.payload, q.hasPayload = kind, p, true
	return nil
}

func (q *request) setID(value []byte) error {
	if c := value[0]; c != '"' && c != '-' && (c < '0' || c > '9') {
		return wrongType("id", "a string or a number")
	}
	if len(value) > maxID {
		return wire.BadRequest("id has more than %d bytes", maxID)
	}
	q.id = string(value)
	return nil
}

func setString(to *string, name string, value []byte) error {
	if value[0] != '"' {
		return wrongType(name, "a string")
	}
	*to = wire.MemberText(value)
	return nil
}

func setName(to *string, name string, value []byte) error {
	if err := setString(to, name, value); err != nil {
		return err
	}
	return wire.CheckName(name, *to)
}

func setBool(to *bool, name string, value []byte) error {
	if value[0] != 't' && value[0] != 'f' {
		return wrongType(name, "true or false")
	}
	*to = value[0] == 't'
	return nil
}

func setCount(to *int, name string, value []byte, least, most int) error {
	n, err := strconv.ParseUint(string(value), 10, 32)
	if err != nil || n < uint64(least) || n > uint64(most) {
		return wire.BadRequest("%s is a number from %d to %d", name, least, most)
	}
	*to = int(n)
	return nil
}

func wrongType(name, what string) error { return wire.BadRequest("%s is not %s", name, what) }
