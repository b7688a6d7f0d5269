package handshake

import (
	"bytes"
	"unsafe"
)

const (
	// MaxHead bounds the head of a request in bytes, from the request line to the
	// empty line. Browsers send less than one KiB and their cookies.
	MaxHead = 16 << 10
	// MaxFields bounds the field lines of a request.
	MaxFields = 100
)

// A Head parses the heads of requests, and is the memory it needs for that: after
// a few requests it allocates nothing. The zero value is ready. It keeps nothing of
// a connection, so that one Head serves all connections of one goroutine; it must
// not be used by two at once.
type Head struct {
	// Request is what the last call of Parse found, if that returned no error and
	// not 0; otherwise it means nothing. Host is no longer in Header; all other
	// fields are. Secure is left to the caller.
	//
	// All strings, the keys of Header among them, lie in the bytes that Parse was
	// given, or in the Head. They end with the next call, or when those bytes change.
	Request Request

	names  []byte        // the names of fields that did not come in canonical form
	values []string      // one for each key of Request.Header
	marks  uint64        // of the names in Request.Header: without its mark, a name is new
	hosts  int           // how many lines of Host there were
	offers extensionList // those of the last Check
}

// Parse reads the head of one request from the front of b (RFC 9112 §2 to §5) and
// returns how many bytes it has; what stands behind them are frames. It returns 0
// and no error if b ends before the head does: call again with more. It does that
// only for the beginning of something that can still become a request of at most
// MaxHead bytes.
//
// seen says how many bytes of b an earlier call was given for the same head, and
// so had no end in them. It is 0 for the first call, and what lets a head that
// comes byte by byte cost no more than its length.
//
// The rules are kept strictly: lines end in CR LF, none is folded, there is one
// space between the words of the first line, none before a colon, and no control
// character in a value. A path may have no half escape in it. Exactly one Host
// stands in a request of HTTP/1.1; the host of an absolute target replaces it
// (§3.2.2). One empty line is skipped in front of a request (§2.2). How the
// header is split into chunks makes no difference.
//
// Parse does not judge whether this is a handshake: for that, see Head.Check. The
// error is an *Error with status 400, 414 for a request line that is too long, or
// 431 for a head that is, or that has more than MaxFields lines. Parse does not
// change b.
func (h *Head) Parse(b []byte, seen int) (n int, err error) {
	b = b[:min(len(b), MaxHead)]
	seen = min(max(seen, 0), len(b))
	// Most heads come in one piece, in which the lines are the quickest way to the
	// end.
	if seen == 0 || bytes.Contains(b[max(seen-(len(endOfHead)-1), 0):], endOfHead) {
		if n, err = h.parse(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, checkBeginning(b, seen)
}

// Check is the function Check for the request that was parsed, without
// allocations: the Offers it returns lie in the Head, until the next call of Check
// or Parse.
func (h *Head) Check(p *Policy) (Accepted, error) {
	return check(&h.Request, p, &h.offers)
}

// endOfHead is the end of the last line and the empty line.
var endOfHead = []byte("\r\n\r\n")

// parse parses a head. It returns 0 and no error if b has no end of one in it.
func (h *Head) parse(b []byte) (n int, err error) {
	line, rest := cutLine(b[requestLine(b):])
	if len(line) == 0 {
		return 0, nil
	}
	h.reset()
	if err := h.Request.parseLine(line); err != nil {
		return 0, err
	}
	fields := 0
	for {
		line, rest = cutLine(rest)
		if len(line) == 0 {
			return 0, nil
		}
		if string(line) == "\r\n" {
			break
		}
		f, err := parseField(line)
		if err != nil {
			return 0, err
		}
		if fields++; fields <= MaxFields {
			h.add(f)
		}
	}
	if err := h.checkWhole(fields); err != nil {
		return 0, err
	}
	return len(b) - len(rest), nil
}

// checkWhole checks what shows only at the end of the head, however it came.
func (h *Head) checkWhole(fields int) error {
	if fields > MaxFields {
		return refuse(statusFieldsTooLarge, sectionTooLarge, "the request has more than %d header fields", MaxFields)
	}
	if err := h.checkHosts(); err != nil {
		return err
	}
	return h.Request.findBody()
}

// reset forgets the last request.
func (h *Head) reset() {
	header := h.Request.Header
	if header == nil {
		header = make(map[string][]string)
	}
	clear(header)
	h.Request = Request{Header: header, Secure: h.Request.Secure}
	if h.values == nil {
		h.values = make([]string, 0, MaxFields)
	}
	h.names, h.values, h.marks, h.hosts = h.names[:0], h.values[:0], 0, 0
}

// add adds one field to the request.
func (h *Head) add(f field) {
	name, value := f.name, f.value
	if !f.canonical {
		name = h.canonical(name)
	}
	if name == "Host" {
		if h.hosts++; h.hosts == 1 && h.Request.Host == "" {
			h.Request.Host = value
		}
		return
	}
	// To look a name up takes as long as the rest of the line.
	mark := uint64(1) << ((len(name) + int(name[0]) + int(name[len(name)-1])) % 64)
	if h.marks&mark != 0 {
		if values := h.Request.Header[name]; values != nil {
			h.Request.Header[name] = append(values, value)
			return
		}
	}
	h.marks |= mark
	h.values = append(h.values, value)
	// The capacity makes a second value of the name go elsewhere.
	h.Request.Header[name] = h.values[len(h.values)-1 : len(h.values) : len(h.values)]
}

// canonical returns the canonical form of a name. It lies in h.names, whose old
// array lives on under the names in it if there has to be a larger one.
func (h *Head) canonical(name string) string {
	start := len(h.names)
	first := true
	for i := range len(name) {
		c := lower(name[i])
		if first && isLetter(c) {
			c &^= 0x20
		}
		h.names = append(h.names, c)
		first = c == '-'
	}
	return text(h.names[start:])
}

// checkHosts checks that there is just one Host, RFC 9112 §3.2. Versions before
// HTTP/1.1 may do without.
func (h *Head) checkHosts() error {
	r := &h.Request
	switch {
	case h.hosts > 1:
		return refuse(statusBadRequest, sectionTarget, "Host is sent %d times", h.hosts)
	case h.hosts == 0 && r.ProtoMajor == 1 && r.ProtoMinor > 0:
		return refuse(statusBadRequest, sectionTarget, "Host is missing")
	}
	return nil
}

// checkBeginning refuses what can no longer become a head, however it goes on. Of
// b, which has no end of a head in it, b[:seen] was looked at before, so that each
// line is looked at when its end comes, and its bytes no more than twice.
func checkBeginning(b []byte, seen int) error {
	first := requestLine(b)
	if err := checkMethod(b[first:], seen); err != nil {
		return err
	}
	start := -1
	for i := seen; ; {
		n := bytes.IndexByte(b[i:], '\n') + 1
		if n == 0 {
			break
		}
		if start < 0 {
			start = bytes.LastIndexByte(b[:i+n-1], '\n') + 1
		}
		i += n
		if err := checkLine(b[start:i], start, first); err != nil {
			return err
		}
		start = i
	}
	if len(b) < MaxHead {
		return nil
	}
	if bytes.IndexByte(b[first:], '\n') < 0 {
		return refuse(statusTargetTooLong, "RFC 9110 §15.5.15", "the request line has more than %d bytes", MaxHead)
	}
	return refuse(statusFieldsTooLarge, sectionTooLarge, "the head of the request has more than %d bytes", MaxHead)
}

// checkLine checks the line that begins at start. The first one is the request
// line, and what stands before that is the empty line to skip.
func checkLine(line []byte, start, first int) (err error) {
	switch {
	case start == first:
		var r Request
		err = r.parseLine(line)
	case start > first:
		_, err = parseField(line)
	}
	return err
}

// requestLine returns where the request line begins: behind one empty line, which
// some clients send behind the request before (RFC 9112 §2.2).
func requestLine(b []byte) int {
	if bytes.HasPrefix(b, []byte("\r\n")) {
		return len("\r\n")
	}
	return 0
}

// cutLine takes one line off the front of b, with its end. It is empty if there is
// none.
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n') + 1
	return b[:n], b[n:]
}

// text makes a string of bytes without a copy.
func text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
