package handshake

import "slices"

// An Extension is one element of a Sec-WebSocket-Extensions header: a name and
// its parameters in their order. It is an offer in a request, an acceptance in
// an answer (RFC 6455 §9.1).
type Extension struct {
	Name   string
	Params []Param
}

// A Param is one parameter of an extension. HasValue tells "name=value" from
// the name alone. A value is always a token; whether it stood in quotation
// marks makes no difference and is not kept.
type Param struct {
	Name, Value string
	HasValue    bool
}

const sectionExtensions = "RFC 6455 §9.1"

// ParseExtensions reads the values of the Sec-WebSocket-Extensions headers of
// one message, in their order. None at all is no error and gives nil, but a
// header has to name an extension if it is there, and no more than 256 extensions
// and parameters. The error is an *Error with status 400, which a client ignores.
//
// The strings of the result share the memory of values.
func ParseExtensions(values []string) ([]Extension, error) {
	return new(extensionList).parse(values)
}

// An extensionList is the memory for a list of extensions, which can be used again.
type extensionList struct {
	list   []Extension
	params []Param // those of all extensions in list
}

// parse is ParseExtensions. The result lies in l until the next call.
func (l *extensionList) parse(values []string) ([]Extension, error) {
	if len(values) == 0 {
		return nil, nil
	}
	l.list, l.params = l.list[:0], l.params[:0]
	parts := 0
	for _, v := range values {
		s := scanner{v}
		for {
			// Empty elements do not count, RFC 9110 §5.6.1.2.
			if s.skip(','); s.done() {
				break
			}
			e, problem := s.extension(&l.params)
			if parts += 1 + len(e.Params); parts > maxListed {
				problem = "more than 256 extensions and parameters"
			}
			if problem != "" {
				return nil, refuse(statusBadRequest, sectionExtensions,
					"Sec-WebSocket-Extensions: %s", problem)
			}
			l.list = append(l.list, e)
		}
	}
	if len(l.list) == 0 {
		return nil, refuse(statusBadRequest, sectionExtensions, "Sec-WebSocket-Extensions is empty")
	}
	return l.list, nil
}

// AppendExtension appends e in the form that ParseExtensions reads,
// "name; param; param=value". It is the caller who sees to it that all names
// and values are tokens, as they are in everything that was parsed.
func AppendExtension(dst []byte, e Extension) []byte {
	dst = append(dst, e.Name...)
	for _, p := range e.Params {
		dst = append(dst, "; "...)
		dst = append(dst, p.Name...)
		if p.HasValue {
			dst = append(dst, '=')
			dst = append(dst, p.Value...)
		}
	}
	return dst
}

// appendExtensions appends the header line that lists the extensions. Only what
// checkExtensions passed may come here.
func appendExtensions(dst []byte, list []Extension) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, "Sec-WebSocket-Extensions: "...)
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendExtension(dst, e)
	}
	return append(dst, "\r\n"...)
}

// checkExtensions reports whether extensions of a program may stand in a
// handshake. It returns what is wrong with them, or "".
func checkExtensions(list []Extension) string {
	for _, e := range list {
		if !isToken(e.Name) {
			return "extension " + quote(e.Name) + " is not a token"
		}
		for _, p := range e.Params {
			if !isToken(p.Name) {
				return "parameter " + quote(p.Name) + " of extension " + quote(e.Name) + " is not a token"
			}
			if p.HasValue && !isToken(p.Value) {
				return "value " + quote(p.Value) + " of parameter " + quote(p.Name) + " is not a token"
			}
		}
	}
	return ""
}

// stranger returns the first name in list that is not among the offers, or "".
// Names are compared exactly: where RFC 6455 wants case to be ignored it says
// so, of Upgrade for example, and of extensions it does not.
func stranger(list, offers []Extension) string {
	for _, e := range list {
		if !slices.ContainsFunc(offers, func(o Extension) bool { return o.Name == e.Name }) {
			return e.Name
		}
	}
	return ""
}

// A scanner reads one header value from the front. White space is allowed
// between any two parts, as in all grammars of RFC 2616 (§2.1, implied *LWS),
// from which RFC 6455 takes its own.
type scanner struct{ rest string }

// extension reads one extension and its parameters, which are appended to params.
// It returns what is wrong with it, or "".
func (s *scanner) extension(params *[]Param) (e Extension, problem string) {
	start := len(*params)
	if e.Name = s.token(); e.Name == "" {
		return e, "an extension has no name before " + quote(s.rest)
	}
	for s.next(';') {
		p, problem := s.param()
		if problem != "" {
			return e, problem
		}
		*params = append(*params, p)
		e.Params = (*params)[start:len(*params):len(*params)]
		if len(e.Params) > maxListed {
			break // the caller has seen enough
		}
	}
	if !s.done() && s.rest[0] != ',' {
		return e, "unexpected text " + quote(s.rest) + " in extension " + quote(e.Name)
	}
	return e, ""
}

func (s *scanner) param() (p Param, problem string) {
	if p.Name = s.token(); p.Name == "" {
		return p, "a parameter has no name before " + quote(s.rest)
	}
	if !s.next('=') {
		return p, ""
	}
	p.HasValue = true
	if s.next('"') {
		problem = s.quoted(&p)
		return p, problem
	}
	if p.Value = s.token(); p.Value == "" {
		return p, "parameter " + quote(p.Name) + " has '=' but no value"
	}
	return p, ""
}

// quoted reads the rest of a quoted string. Behind its quotation marks and
// backslashes there has to be a token, §9.1.
func (s *scanner) quoted(p *Param) (problem string) {
	var unescaped []byte
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			if p.Value = s.rest[:i]; unescaped != nil {
				p.Value = string(unescaped)
			}
			if s.rest = s.rest[i+1:]; !isToken(p.Value) {
				return "the quoted value of parameter " + quote(p.Name) + " is not a token"
			}
			return ""
		case c == '\\' && i+1 < len(s.rest):
			if unescaped == nil {
				// With room for no more than is there: the rest of the header
				// may be long and hold thousands of strings like this one.
				unescaped = append([]byte{}, s.rest[:i]...)
			}
			i++
			unescaped = append(unescaped, s.rest[i])
		case unescaped != nil:
			unescaped = append(unescaped, c)
		}
	}
	return "the quoted value of parameter " + quote(p.Name) + " does not end"
}

// token takes a token off the front, or returns "".
func (s *scanner) token() string {
	s.skip(' ')
	n := tokenLen(s.rest)
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

// next takes c off the front, if it is what comes next.
func (s *scanner) next(c byte) bool {
	s.skip(' ')
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// done reports whether nothing but white space is left.
func (s *scanner) done() bool {
	s.skip(' ')
	return s.rest == ""
}

// skip takes white space and any number of c off the front.
func (s *scanner) skip(c byte) {
	i := 0
	for i < len(s.rest) && (s.rest[i] == c || isSpace(s.rest[i])) {
		i++
	}
	s.rest = s.rest[i:]
}
