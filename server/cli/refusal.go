package cli

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"syscall"

	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket"
)

const (
	maxSentence  = 500 // bytes shown of what a server says when it refuses
	maxSentences = 5   // lines
)

// windowsConnRefused is WSAECONNREFUSED, which package syscall does not name.
const windowsConnRefused = syscall.Errno(10061)

// dialProblem says why there is no connection, and what to do about it.
func dialProblem(err error, resp *http.Response) error {
	var refused *websocket.HandshakeError
	switch {
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return errors.New(refusal(resp))
	case resp == nil && errors.As(err, &refused):
		return &failure{statusUsage, errors.New(plain(err))} // our own half is wrong
	}
	if hint := dialHint(err); hint != "" {
		return fmt.Errorf("%s (%s)", plain(err), hint)
	}
	return errors.New(plain(err))
}

// dialHint returns what to try next, "" if there is no advice.
func dialHint(err error) string {
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return "--insecure does without the check"
	case errors.As(err, &notTLS):
		return "the server does not speak TLS there: try ws://"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, windowsConnRefused):
		return "nothing listens there"
	default:
		return ""
	}
}

// refusal describes an answer that is not 101: the status, where it leads, and
// what it says.
func refusal(resp *http.Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the server answered %d %s instead of opening a WebSocket",
		resp.StatusCode, http.StatusText(resp.StatusCode))
	if to := resp.Header.Get("Location"); to != "" {
		fmt.Fprintf(&b, "\n  it leads to %s", escaped(to))
	}
	for _, line := range sentences(resp) {
		b.WriteString("\n  " + line)
	}
	return b.String()
}

// sentences returns the first lines of a body that is meant to be read, escaped.
func sentences(resp *http.Response) (lines []string) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "" && kind != "text/plain" && !strings.HasSuffix(kind, "json") {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxSentence))
	var problem struct{ Detail string }
	if kind == "application/problem+json" && json.Unmarshal(body, &problem) == nil {
		body = []byte(problem.Detail)
	}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		if line != "" && len(lines) < maxSentences {
			lines = append(lines, escaped(strings.TrimPrefix(line, "websocket: ")))
		}
	}
	return lines
}

// plain returns the text of err, escaped, without what says that it is about a
// WebSocket, which is clear here.
func plain(err error) string {
	s := strings.TrimPrefix(err.Error(), "websocket: ")
	return escaped(strings.TrimPrefix(s, "dial: "))
}

// escaped makes text of the peer safe for a terminal.
func escaped(s string) string { return string(screen.AppendText(nil, []byte(s))) }
