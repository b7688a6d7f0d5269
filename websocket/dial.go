package websocket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/proto"
)

const (
	maxAnswer     = 64 << 10 // bytes of the head of an answer to the handshake
	maxAnswerBody = 4 << 10  // bytes kept of the body of an answer that refuses
)

// Dial opens a connection to a WebSocket server (RFC 6455 §4.1). The URL's scheme
// is ws or wss; http and https mean the same. User and password in it are sent as
// basic authorization. o may be nil. ctx bounds the dialing, not the connection.
//
// The response is there whenever the server gave one. If the server refused, the
// error is a *HandshakeError, and the response's body holds up to 4 KiB of what
// the server said; it need not be closed.
func Dial(ctx context.Context, rawURL string, o *DialOptions) (*Conn, *http.Response, error) {
	if o == nil {
		o = &DialOptions{}
	}
	if o.Registry.isShut() {
		return nil, nil, errShutdown
	}
	t, resp, err := DialTransport(ctx, rawURL, o)
	if err != nil {
		return nil, resp, err
	}
	if err := o.Registry.enter(); err != nil {
		_ = t.Conn.Close()
		return nil, resp, err
	}
	c := newConn(t.Conn, proto.Client, o.settings(), t.Subprotocol, t.Deflate, t.Early)
	o.Registry.settle(c)
	c.opened()
	return c, resp, nil
}

// withoutSecrets returns h without what was meant for one host only.
func withoutSecrets(h http.Header) http.Header {
	h = h.Clone()
	for name := range h { // whatever its case: Del knows the canonical one only
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Proxy-Authorization", "Cookie", "Cookie2":
			delete(h, name)
		}
	}
	return h
}

// parseURL checks a WebSocket URL (RFC 6455 §3) and returns it with the scheme ws
// or wss.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	switch u.Scheme {
	case "ws", "wss":
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return nil, fmt.Errorf("websocket: URL %q: the scheme must be ws, wss, http or https", u.Redacted())
	}
	switch {
	case u.Hostname() == "":
		return nil, fmt.Errorf("websocket: URL %q has no host", u.Redacted())
	case strings.Contains(rawURL, "#"): // url.Parse forgets an empty one
		return nil, fmt.Errorf("websocket: URL %q has a fragment: write # as %%23 (RFC 6455 §3)", u.Redacted())
	}
	return u, nil
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// redirectTarget returns where resp sends a client that asked for from.
func redirectTarget(from *url.URL, resp *http.Response) (*url.URL, error) {
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, fmt.Errorf("websocket: redirect: the answer with status %d has no Location", resp.StatusCode)
	}
	u, err := from.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("websocket: redirect: %w", err)
	}
	u.Fragment, u.RawFragment = "", ""
	next, err := parseURL(u.String())
	if err != nil {
		return nil, err
	}
	if from.Scheme == "wss" && next.Scheme != "wss" {
		return nil, fmt.Errorf("websocket: redirect from %s to %s would give up TLS", from.Redacted(), next.Redacted())
	}
	return next, nil
}

// A dialer makes one attempt.
type dialer struct {
	o      *DialOptions
	url    *url.URL
	header http.Header
	host   string // replaces that of url, "" if it need not
}

// httpURL returns the URL as cookies and proxies know it.
func (d *dialer) httpURL() *url.URL {
	u := *d.url
	u.Scheme = "http"
	if d.url.Scheme == "wss" {
		u.Scheme = "https"
	}
	return &u
}

func (d *dialer) dial(ctx context.Context) (*Transport, *http.Response, error) {
	offer, err := d.offer()
	if err != nil {
		return nil, nil, err
	}
	request, err := handshake.AppendRequest(nil, offer)
	if err != nil {
		return nil, nil, err
	}
	conn, err := d.connect(ctx)
	if err != nil {
		if ctx.Err() != nil { // what it interrupted only saw a deadline
			return nil, nil, interrupted("dial", ctx.Err())
		}
		return nil, nil, fmt.Errorf("websocket: dial: %w", err)
	}
	// A context that ends interrupts the handshake through the deadline.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })
	t, resp, err := d.handshake(conn, request, offer)
	if !stop() && ctx.Err() != nil {
		err = interrupted("dial", ctx.Err())
	}
	if err != nil {
		_ = conn.Close()
		return nil, resp, err
	}
	return t, resp, nil
}

// offer returns the client's half of the handshake.
func (d *dialer) offer() (*handshake.Offer, error) {
	header := d.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if d.o.Jar != nil {
		r := &http.Request{Header: header}
		for _, cookie := range d.o.Jar.Cookies(d.httpURL()) {
			r.AddCookie(cookie)
		}
	}
	if d.url.User != nil && header.Get("Authorization") == "" {
		password, _ := d.url.User.Password()
		(&http.Request{Header: header}).SetBasicAuth(d.url.User.Username(), password)
	}
	extensions, err := d.o.Compression.offer()
	if err != nil {
		return nil, err
	}
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	host := d.host
	if host == "" {
		host = hostHeader(d.url)
	}
	return &handshake.Offer{
		Host:         host,
		Target:       d.url.RequestURI(),
		Key:          base64.StdEncoding.EncodeToString(nonce[:]),
		Subprotocols: d.o.Subprotocols,
		Extensions:   extensions,
		Extra:        header,
	}, nil
}

// hostHeader returns the host of u with its port, if that is not the default one,
// and without an IPv6 zone, which means something on this machine only.
func hostHeader(u *url.URL) string {
	host, _, _ := strings.Cut(u.Hostname(), "%")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != defaultPort(u.Scheme) {
		host += ":" + port
	}
	return host
}

// connect opens the transport, through the proxy if there is one, and TLS on it.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	conn, err := d.transport(ctx)
	if err != nil || d.url.Scheme != "wss" {
		return conn, err
	}
	return startTLS(ctx, conn, d.o.TLSConfig, d.url.Hostname())
}

// startTLS performs the TLS handshake of a client. It closes conn on failure.
func startTLS(ctx context.Context, conn net.Conn, config *tls.Config, host string) (net.Conn, error) {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	} else {
		config = config.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	// A server that prefers HTTP/2 must not get to choose it.
	config.NextProtos = []string{"http/1.1"}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// handshake sends the request and checks the answer.
func (d *dialer) handshake(conn net.Conn, request []byte, offer *handshake.Offer) (*Transport, *http.Response, error) {
	if _, err := conn.Write(request); err != nil {
		return nil, nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	resp, r, err := readAnswer(conn, &http.Request{Method: http.MethodGet, URL: d.httpURL()})
	if err != nil {
		return nil, nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	if d.o.Jar != nil {
		if cookies := resp.Cookies(); len(cookies) > 0 {
			d.o.Jar.SetCookies(d.httpURL(), cookies)
		}
	}
	agreed, err := handshake.CheckResponse(&handshake.Response{
		Status:     resp.StatusCode,
		ProtoMajor: resp.ProtoMajor,
		ProtoMinor: resp.ProtoMinor,
		Header:     resp.Header,
	}, offer)
	if err != nil {
		keepBody(conn, resp)
		return nil, resp, err
	}
	resp.Body = http.NoBody
	compression, err := d.o.Compression.answered(agreed.Extensions)
	if err != nil {
		return nil, resp, err
	}
	early, err := buffered(r)
	if err != nil {
		return nil, resp, err
	}
	return &Transport{Conn: conn, Early: early, Subprotocol: agreed.Subprotocol, Deflate: compression}, resp, nil
}

// readAnswer reads the head of the answer to request, and returns it with the reader
// that holds what came behind it. What a server may say before, such as 103 Early
// Hints, is passed over (RFC 9110 §15.2); 101 is an answer.
func readAnswer(conn io.Reader, request *http.Request) (*http.Response, *bufio.Reader, error) {
	limited := &io.LimitedReader{R: conn, N: maxAnswer}
	r := bufio.NewReader(limited)
	for {
		resp, err := http.ReadResponse(r, request)
		switch {
		case err != nil && limited.N <= 0:
			return nil, nil, fmt.Errorf("the head of the answer is larger than %d bytes", maxAnswer)
		case err != nil:
			return nil, nil, noEOF(err)
		case resp.StatusCode >= http.StatusOK || resp.StatusCode == http.StatusSwitchingProtocols:
			return resp, r, nil
		}
	}
}

// keepBody replaces the body of an answer that refuses by its first bytes, as far
// as they come without delay.
func keepBody(conn net.Conn, resp *http.Response) {
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBody))
	resp.Body = io.NopCloser(bytes.NewReader(b))
}

// noEOF says in words what a bare io.EOF means in a handshake.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the other end hung up before it answered: %w", err)
	}
	return err
}
