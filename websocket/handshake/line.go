package handshake

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
)

// Sections of the errors about lines.
const (
	sectionFraming  = "RFC 9112 §2.2"
	sectionLine     = "RFC 9112 §3"
	sectionTarget   = "RFC 9112 §3.2"
	sectionField    = "RFC 9112 §5"
	sectionTooLarge = "RFC 6585 §5"
)

// maxMethod is how many bytes in front of a request are looked at before the line
// they stand in is complete. Other protocols show what they are in the first few.
const maxMethod = 32

// checkMethod checks the bytes up to the first space, or as many of them as there
// are, unless seen says that they were looked at before.
func checkMethod(b []byte, seen int) error {
	if seen > maxMethod+len("\r\n") {
		return nil
	}
	for i, c := range b[:min(len(b), maxMethod)] {
		if c == ' ' && i > 0 {
			break
		}
		if !isTokenByte(c) && !(i == 0 && len(b) == 1 && c == '\r') {
			return badMethod()
		}
	}
	return nil
}

func badMethod() error {
	return refuse(statusBadRequest, sectionLine, "what was sent does not begin with a method of HTTP")
}

// parseLine parses a request line with its end, "GET /chat HTTP/1.1\r\n".
func (r *Request) parseLine(line []byte) error {
	method, _, _ := bytes.Cut(line, []byte(" "))
	if !isToken(text(method)) {
		return badMethod()
	}
	line, err := cutEnd(line)
	if err != nil {
		return err
	}
	target, version, _ := bytes.Cut(line[len(method)+1:], []byte(" "))
	if len(version) != len("HTTP/1.1") || string(version[:5]) != "HTTP/" ||
		!isDigit(version[5]) || version[6] != '.' || !isDigit(version[7]) {
		return refuse(statusBadRequest, sectionLine, "the request line %s is not a method, a target and a version", quote(text(line)))
	}
	r.Method, r.Target = text(method), text(target)
	r.ProtoMajor, r.ProtoMinor = int(version[5]-'0'), int(version[7]-'0')
	return r.parseTarget()
}

// parseTarget checks the form of the target. If it is absolute, Host is taken from
// it. Which forms open a WebSocket is for checkTarget to say.
func (r *Request) parseTarget() error {
	t := r.Target
	for i := range len(t) {
		if t[i] <= ' ' || t[i] >= 0x7f {
			return refuse(statusBadRequest, sectionTarget, "the request target %s is not escaped", quote(t))
		}
	}
	path, _, _ := strings.Cut(t, "?")
	for i := strings.IndexByte(path, '%'); i >= 0 && i < len(path); i++ {
		if path[i] == '%' && (i+2 >= len(path) || !isHexDigit(path[i+1]) || !isHexDigit(path[i+2])) {
			return refuse(statusBadRequest, sectionTarget, "the request target %s has half an escape in it", quote(t))
		}
	}
	switch {
	case strings.HasPrefix(t, "/"), r.Method == "CONNECT", t == "*":
		return nil
	}
	scheme, rest, found := strings.Cut(t, "://")
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	if !found || !isScheme(scheme) || host == "" {
		return refuse(statusBadRequest, sectionTarget,
			"the request target %s is neither a path nor a URL", quote(t))
	}
	r.Host = host
	return nil
}

// A field is one line of a header. canonical says that the name is spelled as the
// keys of Request.Header are.
type field struct {
	name, value string
	canonical   bool
}

// parseField parses a field line with its end.
func parseField(line []byte) (f field, err error) {
	if line, err = cutEnd(line); err != nil {
		return f, err
	}
	n, canonical := nameLen(line)
	if n == len(line) || n == 0 || line[n] != ':' {
		return f, fieldError(line, n)
	}
	value := line[n+1:]
	if hasControl(value) {
		return f, refuse(statusBadRequest, "RFC 9110 §5.5", "the value of header %s has a control character in it", quote(text(line[:n])))
	}
	return field{text(line[:n]), trim(text(value)), canonical}, nil
}

// fieldError says what is wrong with a line that has only n bytes of a name in
// front of what should be a colon.
func fieldError(line []byte, n int) error {
	switch {
	case n == len(line):
		return refuse(statusBadRequest, sectionField, "the header line %s has no colon", quote(text(line)))
	case isSpace(line[n]) && n == 0:
		return refuse(statusBadRequest, "RFC 9112 §5.2", "the header line %s is folded", quote(text(line)))
	case isSpace(line[n]) && bytes.HasPrefix(bytes.TrimLeft(line[n:], " \t"), []byte(":")):
		return refuse(statusBadRequest, "RFC 9112 §5.1", "the header line %s has white space before the colon", quote(text(line)))
	}
	return refuse(statusBadRequest, sectionField, "the header line %s does not begin with a name", quote(text(line)))
}

// cutEnd takes the end off a line, which is CR LF. A recipient may take an LF by
// itself for one, but two of them that differ in that see different requests.
func cutEnd(line []byte) ([]byte, error) {
	if before, ok := bytes.CutSuffix(line, []byte("\r\n")); ok {
		return before, nil
	}
	return nil, refuse(statusBadRequest, sectionFraming, "a line ends in LF without CR")
}

// findBody settles whether the request announces a body, RFC 9112 §6.3.
func (r *Request) findBody() error {
	lengths := r.Header["Content-Length"]
	for _, l := range lengths {
		n, err := strconv.ParseUint(l, 10, 63)
		if err != nil || l != lengths[0] {
			return refuse(statusBadRequest, "RFC 9112 §6.3", "Content-Length %s is not one number", quote(l))
		}
		r.HasBody = n > 0
	}
	if len(r.Header["Transfer-Encoding"]) > 0 {
		r.HasBody = true
	}
	return nil
}

// nameLen returns how many bytes at the front of line may stand in a name, and
// whether these are in canonical form.
func nameLen(line []byte) (n int, canonical bool) {
	canonical = true
	wrong := byte(small) // the kind of letter that must not come next
	for i, c := range line {
		k := kinds[c]
		if k == 0 {
			return i, canonical
		}
		if k == wrong {
			canonical = false
		}
		if wrong = capital; c == '-' {
			wrong = small
		}
	}
	return len(line), canonical
}

// hasControl reports whether b has a byte in it that isFieldValue does not allow.
func hasControl(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		// The top bit of each byte is set in low if it is below a space, or if a
		// byte before it is, and in del likewise for 0x7f: enough to look closer.
		w := binary.LittleEndian.Uint64(b)
		low := (w - ones*' ') &^ w
		del := w ^ ones*0x7f
		del = (del - ones) &^ del
		if (low|del)&tops != 0 && hasControlByte(b[:8]) {
			return true
		}
		b = b[8:]
	}
	return hasControlByte(b)
}

func hasControlByte(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}
