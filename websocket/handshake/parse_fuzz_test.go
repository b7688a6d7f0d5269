package handshake

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// addHeads adds the heads of the tests to a corpus.
func addHeads(f *testing.F) {
	for _, tt := range goodHeads {
		f.Add([]byte(tt.wire), uint16(len(tt.wire)/2))
	}
	for _, tt := range badHeads {
		f.Add([]byte(tt.wire), uint16(len(tt.wire)-1))
	}
}

// FuzzParse gives arbitrary bytes to Parse, whole and in chunks. That makes no difference, and
// no request that it takes breaks what it promises.
func FuzzParse(f *testing.F) {
	addHeads(f)
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		var h, other Head
		before := bytes.Clone(b)
		n, err := h.Parse(b, 0)
		assert.True(t, bytes.Equal(b, before), "the bytes are changed")
		m, errInTwo := parseInTwo(&other, b, min(int(cut), len(b)))
		assert.Equal(t, errInTwo, err)
		assert.Equal(t, m, n)
		if len(b) < 4<<10 {
			_, m, errByBytes := parseByBytes(&other, b)
			assert.Equal(t, errByBytes, err)
			assert.Equal(t, m, n)
		}
		if err != nil {
			assertPrintable(t, err)
			assert.Equal(t, n, 0)
			assert.True(t, slices.Contains([]int{400, 414, 431}, err.(*Error).Status), "an undocumented status")
			return
		}
		if n == 0 {
			assert.True(t, len(b) < MaxHead, "too long, and still waiting for more")
			return
		}
		assert.Equal(t, other.Request, h.Request)
		assert.True(t, n <= MaxHead && bytes.HasSuffix(b[:n], []byte("\r\n\r\n")), "the head does not end in an empty line")
		for name, values := range h.Request.Header {
			assert.Equal(t, textproto.CanonicalMIMEHeaderKey(name), name)
			assert.True(t, isToken(name) && len(values) > 0, "a bad name")
			assert.Equal(t, checkHeader(headers{"X": values}), "")
		}
		assertSameCheck(t, &h)
	})
}

// assertSameCheck checks that a Head finds the same about its request as Check.
func assertSameCheck(t *testing.T, h *Head) {
	t.Helper()
	want, wantErr := Check(&h.Request, nil)
	got, err := h.Check(nil)
	assert.Equal(t, err, wantErr)
	assert.Equal(t, got, want)
}

// stricter are the rules that we keep and net/http does not, by section.
var stricter = []string{
	"RFC 9112 §2.2",                                 // an LF by itself ends a line there
	"RFC 9112 §3.2",                                 // a target beyond ASCII; a Host beside an absolute target, or two
	"RFC 9112 §5.2",                                 // a folded line is joined to the one before
	"RFC 9112 §5", "RFC 9112 §5.1", "RFC 9110 §5.5", // its server looks at names and values, not ReadRequest
	"RFC 6585 §5", // net/http has no limit to the number of fields, and a higher one to their bytes
	"RFC 9110 §15.5.15",
}

// FuzzParseLikeNetHTTP gives requests to Parse and to net/http. What opens a WebSocket for us
// does so for a server on net/http, and what either reads in a request both do. What net/http
// takes beyond that, it takes against a rule.
func FuzzParseLikeNetHTTP(f *testing.F) {
	addHeads(f)
	f.Fuzz(func(t *testing.T, b []byte, _ uint16) {
		var h Head
		n, err := h.Parse(b, 0)
		if n == 0 && err == nil {
			return
		}
		// net/http does not skip an empty line.
		br := bufio.NewReader(bytes.NewReader(b[requestLine(b):]))
		req, httpErr := http.ReadRequest(br)
		if err != nil {
			assert.True(t, httpErr != nil || slices.Contains(stricter, err.(*Error).Section), "net/http takes it: "+err.Error())
			return
		}
		a, err := h.Check(nil)
		if httpErr != nil {
			assert.True(t, err != nil, "net/http refuses it: "+errorText(httpErr))
			return
		}
		if strings.Contains(h.Request.Host, "@") { // which net/http strips (RFC 9110 §4.2.4)
			assert.True(t, err != nil, "a user in the target")
			return
		}
		theirs := fromHTTP(req)
		if decoded, err := url.PathUnescape(h.Request.Host); err == nil && decoded == theirs.Host {
			theirs.Host = h.Request.Host // net/http decodes the host of a target
		}
		assertSameRequest(t, &h.Request, theirs)
		other, otherErr := Check(theirs, nil)
		assert.Equal(t, errorText(otherErr), errorText(err))
		assert.Equal(t, other, a)
		if err == nil {
			rest, err := io.ReadAll(br)
			assert.NoError(t, err)
			assert.Equal(t, len(rest), len(b)-n)
		}
	})
}

// assertSameRequest compares what we read in a request with what net/http does.
func assertSameRequest(t *testing.T, got, want *Request) {
	t.Helper()
	header := maps.Clone(got.Header)
	switch got.Method {
	case "CONNECT": // has its host in the target, and is answered with 405
		want.Host = got.Host
	case "PRI": // is the preface of HTTP/2 with a body for net/http
		want.HasBody = got.HasBody
	}
	// In HTTP/1.0 net/http takes no notice of it, and we take the body for faulty (RFC 9112 §6.1).
	if got.ProtoMinor == 0 && len(got.Header["Transfer-Encoding"]) > 0 {
		want.HasBody = true
	}
	// net/http takes these out of the header, and adds one to the other.
	for _, name := range []string{"Transfer-Encoding", "Trailer", "Cache-Control", "Content-Length"} {
		delete(header, name)
		delete(want.Header, name)
	}
	same := *got
	same.Header = header
	assert.Equal(t, &same, want)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
