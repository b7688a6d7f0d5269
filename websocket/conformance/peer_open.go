package conformance

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// An opening is what is known of the opening handshake of a connection.
type opening struct {
	sent     head   // what the suite sent last
	hello    *hello // client tests: the client's request
	answer   *answer
	finished bool // frames may go
}

// A head is the head of a request or an answer as it is put together.
type head struct {
	line   string
	fields []field
	body   string
}

type field struct{ name, value string }

// bytes returns h as it goes over the wire.
func (h *head) bytes() []byte {
	b := []byte(h.line + "\r\n")
	for _, f := range h.fields {
		b = append(b, f.name+": "+f.value+"\r\n"...)
	}
	return append(append(b, "\r\n"...), h.body...)
}

// values returns those of a field.
func (h *head) values(name string) (values []string) {
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// An edit changes a correct request or answer into another.
type edit func(h *head)

// set gives a field one value, in the place it had, and with the spelling of
// its name as given.
func set(name, value string) edit {
	return func(h *head) {
		i := slices.IndexFunc(h.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
		if i < 0 {
			add(name, value)(h)
			return
		}
		h.fields[i] = field{name, value}
		rest := slices.DeleteFunc(h.fields[i+1:], func(f field) bool { return strings.EqualFold(f.name, name) })
		h.fields = h.fields[:i+1+len(rest)]
	}
}

// add adds a field at the end.
func add(name, value string) edit {
	return func(h *head) { h.fields = append(h.fields, field{name, value}) }
}

// del takes all fields of a name away.
func del(name string) edit {
	return func(h *head) {
		h.fields = slices.DeleteFunc(h.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
	}
}

// line replaces the first line. In it {target} stands for the path and query of
// the server under test, and {host} for its host and port.
func line(s string) edit { return func(h *head) { h.line = s } }

// status replaces the first line of an answer, as in "HTTP/1.1 200 OK".
func status(s string) edit { return line(s) }

// body puts a body behind the head. It adds no Content-Length.
func body(s string) edit { return func(h *head) { h.body = s } }

// offer adds an offer of extensions, or in an answer what is accepted.
func offer(extensions string) edit { return add("Sec-WebSocket-Extensions", extensions) }

// request returns a correct opening request with edits. The next answer is held
// against it.
func (p *peer) request(edits ...edit) []byte {
	h := head{line: "GET {target} HTTP/1.1", fields: []field{
		{"Host", p.way.host},
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", newKey()},
		{"Sec-WebSocket-Version", "13"},
	}}
	h.extend(p.o.Header)
	for _, e := range edits {
		e(&h)
	}
	h.line = strings.NewReplacer("{target}", p.way.target, "{host}", p.way.host).Replace(h.line)
	p.opening.sent = h
	return h.bytes()
}

// extend adds the fields of the user, sorted by name.
func (h *head) extend(extra http.Header) {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		for _, v := range extra[name] {
			h.fields = append(h.fields, field{name, v})
		}
	}
}

// newKey returns a fresh Sec-WebSocket-Key.
func newKey() string {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// An answer is a server's answer to the opening request.
type answer struct {
	Proto  string // as "HTTP/1.1"
	Status int
	Header http.Header
	Body   []byte // at most maxBody bytes; none of a 101
}

const (
	maxHead = 64 << 10
	maxBody = 4 << 10
)

// readHead returns the first line and the fields of a head, nil if the endpoint
// ended the connection or let the time pass without one.
func (p *peer) readHead() (first string, fields http.Header) {
	until := p.within(p.o.Timeout)
	for {
		if i := bytes.Index(p.in, []byte("\r\n\r\n")); i >= 0 {
			first, fields, err := splitHead(string(p.in[:i]))
			p.must(err == nil, "%s sent what is no HTTP: %v", p.endpoint(), err)
			p.in = p.in[i+4:]
			return first, fields
		}
		p.must(len(p.in) <= maxHead, "%s sent more than %d bytes without the end of a head", p.endpoint(), maxHead)
		if !p.fill(until) {
			return "", nil
		}
	}
}

// splitHead takes a head apart, without the empty line.
func splitHead(s string) (first string, fields http.Header, err error) {
	lines := strings.Split(s, "\r\n")
	fields = http.Header{}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return "", nil, fmt.Errorf("the line %q is no field", l)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		fields[name] = append(fields[name], strings.Trim(value, " \t"))
	}
	return lines[0], fields, nil
}

// response returns the answer to the request, nil if the server closed the
// connection without one. The test stops if nothing comes at all.
func (p *peer) response() *answer {
	for {
		first, fields := p.readHead()
		if fields == nil {
			p.must(p.end != nil, "%s gave no answer within %v", p.endpoint(), p.o.Timeout)
			return nil
		}
		version, rest, _ := strings.Cut(first, " ")
		code, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		p.must(err == nil && strings.HasPrefix(version, "HTTP/") && n >= 100 && n <= 999,
			"%s answered with the line %q, which is no HTTP", p.endpoint(), first)
		if n < 200 && n != http.StatusSwitchingProtocols {
			continue // RFC 9110 §15.2: any number of these may come before
		}
		a := &answer{Proto: version, Status: n, Header: fields}
		if n != http.StatusSwitchingProtocols {
			a.Body = p.readBody(fields)
		}
		p.opening.answer = a
		return a
	}
}

// readBody returns the beginning of a body, as far as it comes soon.
func (p *peer) readBody(h http.Header) []byte {
	want := maxBody
	if n, err := strconv.Atoi(h.Get("Content-Length")); err == nil {
		want = min(n, maxBody)
	}
	until := p.within(p.o.Timeout / grace)
	for len(p.in) < want && p.fill(until) {
	}
	n := min(want, len(p.in))
	b := bytes.Clone(p.in[:n])
	p.in = p.in[n:]
	return b
}

// opened judges the answer to the request that was sent: it must be a 101 that
// fits it (RFC 6455 §4.2.2). Frames may go then.
func (p *peer) opened() *answer {
	a := p.response()
	p.must(a != nil, "%s closed the connection without an answer", p.endpoint())
	p.must(a.Status == http.StatusSwitchingProtocols, "%s refused the handshake with %s", p.endpoint(), a)
	p.must(strings.EqualFold(strings.Join(a.Header.Values("Upgrade"), ", "), "websocket"),
		"Upgrade in the answer is %q, not websocket (RFC 6455 §4.2.2)", a.Header.Values("Upgrade"))
	p.must(handshake.HasToken(a.Header.Values("Connection"), "upgrade"),
		"Connection in the answer is %q and does not list Upgrade (RFC 6455 §4.2.2)", a.Header.Values("Connection"))
	keys := p.opening.sent.values("Sec-WebSocket-Key")
	p.must(len(keys) == 1, "%s opened a connection for a request with %d keys", p.endpoint(), len(keys))
	want := []string{handshake.AcceptKey(strings.TrimSpace(keys[0]))}
	p.must(slices.Equal(a.Header.Values("Sec-WebSocket-Accept"), want),
		"Sec-WebSocket-Accept is %q, want %q (RFC 6455 §4.2.2)", a.Header.Values("Sec-WebSocket-Accept"), want)
	p.checkAgreed(a)
	p.opening.finished = true
	return a
}

// checkAgreed holds extensions and subprotocol against what was offered.
func (p *peer) checkAgreed(a *answer) {
	got, err := handshake.ParseExtensions(a.Header.Values("Sec-WebSocket-Extensions"))
	p.must(err == nil, "Sec-WebSocket-Extensions in the answer: %v", err)
	offered, _ := handshake.ParseExtensions(p.opening.sent.values("Sec-WebSocket-Extensions"))
	for _, e := range got {
		p.must(slices.ContainsFunc(offered, func(o handshake.Extension) bool { return o.Name == e.Name }),
			"the answer has extension %q, which was not offered (RFC 6455 §4.2.2)", e.Name)
	}
	names := a.Header.Values("Sec-WebSocket-Protocol")
	p.must(len(names) <= 1, "Sec-WebSocket-Protocol is %d times in the answer (RFC 6455 §11.3.4)", len(names))
	for _, name := range names {
		p.must(handshake.HasToken(p.opening.sent.values("Sec-WebSocket-Protocol"), name),
			"the answer has subprotocol %q, which was not offered (RFC 6455 §4.2.2)", name)
	}
}

// refused judges the answer to a request that must not be accepted. If statuses
// are given, it should be one of them. To hang up is not strict.
func (p *peer) refused(status ...int) *answer {
	a := p.response()
	if a == nil {
		p.should(false, "%s closed the connection instead of answering with an HTTP status", p.endpoint())
		return nil
	}
	p.must(a.Status >= 300, "%s accepted the handshake with %s", p.endpoint(), a)
	p.should(a.Status >= 400, "%s answered with %s, which is no refusal", p.endpoint(), a)
	p.should(len(status) == 0 || slices.Contains(status, a.Status), "%s answered with %s, want %v", p.endpoint(), a, status)
	return a
}

// String returns the status and the beginning of the body, if there is one.
func (a *answer) String() string {
	s := fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	if len(a.Body) > 0 {
		s += " " + brief(strings.TrimSpace(string(a.Body)))
	}
	return s
}

// open connects and completes the opening handshake. Edits change the suite's
// half of it. What is wrong with the other half is for other tests to find: here
// a server has to answer 101, and a client to send a key.
func (p *peer) open(edits ...edit) {
	p.connect()
	if p.role == Server {
		p.hello()
		p.write(p.answer(edits...))
		p.opening.finished = true
		return
	}
	p.write(p.request(edits...))
	a := p.response()
	p.must(a != nil, "%s closed the connection without an answer", p.endpoint())
	p.must(a.Status == http.StatusSwitchingProtocols, "%s refused a correct handshake with %s", p.endpoint(), a)
	p.opening.finished = true
}

// A hello is a client's opening request.
type hello struct {
	Line   string // "GET /chat HTTP/1.1"
	Target string
	Header http.Header
}

// hello returns the client's request.
func (p *peer) hello() *hello {
	if p.opening.hello != nil {
		return p.opening.hello
	}
	first, fields := p.readHead()
	p.must(fields != nil, "%s connected and sent no request", p.endpoint())
	_, rest, _ := strings.Cut(first, " ")
	target, _, _ := strings.Cut(rest, " ")
	p.opening.hello = &hello{Line: first, Target: target, Header: fields}
	p.o.keys.note(fields.Get("Sec-WebSocket-Key"))
	return p.opening.hello
}

// answer returns a correct 101 for the client's request, with edits. It takes the
// first subprotocol the client offers, and no extension.
func (p *peer) answer(edits ...edit) []byte {
	hello := p.hello()
	key := strings.TrimSpace(hello.Header.Get("Sec-WebSocket-Key"))
	h := head{line: "HTTP/1.1 101 Switching Protocols", fields: []field{
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Accept", handshake.AcceptKey(key)},
	}}
	if offered := hello.Header.Get("Sec-WebSocket-Protocol"); offered != "" {
		first, _, _ := strings.Cut(offered, ",")
		h.fields = append(h.fields, field{"Sec-WebSocket-Protocol", strings.TrimSpace(first)})
	}
	h.extend(p.o.Header)
	for _, e := range edits {
		e(&h)
	}
	p.opening.sent = h
	return h.bytes()
}
