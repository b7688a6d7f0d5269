package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// A breed is a kind of mutant: what it is set up with, and its flaws.
type breed struct {
	flaws        []string
	limit        int
	subprotocols []string
	compression  *deflate.Config
	secure       bool                // over TLS
	oldTLS       bool                // from TLS 1.0 on
	request      func([]byte) []byte // changes what a client says
	answer       func([]byte) []byte // changes what a server says
}

// replace returns what replaces a part of a head.
func replace(old, with string) func([]byte) []byte {
	return func(head []byte) []byte { return bytes.ReplaceAll(head, []byte(old), []byte(with)) }
}

func (b *breed) is(flaw string) bool { return slices.Contains(b.flaws, flaw) }

// serveMutants starts a server of mutants and returns its URL.
func serveMutants(t testing.TB, b *breed) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	url := "ws://" + l.Addr().String() + "/echo?a=b"
	l = b.guard(l)
	if b.secure {
		config := &tls.Config{Certificates: []tls.Certificate{certificate()}}
		if b.oldTLS {
			config.MinVersion = tls.VersionTLS10
		}
		l = tls.NewListener(l, config)
		url = "wss" + strings.TrimPrefix(url, "ws")
	}
	if b.rawServer() {
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go b.welcome(conn)
			}
		}()
		return url
	}
	s := &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10, ErrorLog: silence}
	t.Cleanup(func() { s.Close() })
	go s.Serve(l)
	return url
}

// ServeHTTP is the correct server's part of the opening handshake.
func (b *breed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.RequestURI == "*" || strings.Contains(r.RequestURI, "#") {
		http.Error(w, "a target is a path and a query", http.StatusBadRequest)
		return
	}
	accepted, err := handshake.Check(&handshake.Request{
		Method: r.Method, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Host: r.Host, Header: r.Header, HasBody: r.ContentLength != 0, Secure: r.TLS != nil,
	}, &handshake.Policy{Subprotocols: b.subprotocols})
	if err != nil {
		e := err.(*handshake.Error)
		maps.Copy(w.Header(), e.Header)
		http.Error(w, e.Error(), e.Status)
		return
	}
	m := &mutant{role: Server, flaws: slices.Clone(b.flaws), limit: b.limit}
	if b.compression != nil {
		if params, answer, ok := b.compression.Accept(accepted.Offers); ok {
			accepted.Extensions = append(accepted.Extensions, answer)
			m.zip = newMutantZip(m, params)
		}
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	m.conn = conn
	m.in, _ = rw.Reader.Peek(rw.Reader.Buffered())
	answer, err := handshake.AppendResponse(nil, accepted, nil)
	if err == nil {
		if b.answer != nil {
			answer = b.answer(answer)
		}
		m.write(answer)
		m.serve()
	}
	conn.Close()
}

// rawServer reports whether a flaw needs more freedom than net/http gives.
func (b *breed) rawServer() bool {
	return b.is("opens for any request") || b.is("refuses all requests") || b.is("hangs up on all requests") || b.is("does not answer requests")
}

// welcome is the opening handshake of servers that do it all wrong.
func (b *breed) welcome(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	r := bufio.NewReaderSize(conn, 128<<10)
	var head []byte
	for !bytes.HasSuffix(head, []byte("\n\r\n")) && !bytes.HasSuffix(head, []byte("\n\n")) {
		c, err := r.ReadByte()
		if err != nil {
			break
		}
		head = append(head, c)
	}
	_ = conn.SetReadDeadline(time.Time{})
	m := &mutant{conn: conn, role: Server, flaws: b.flaws, limit: b.limit}
	switch {
	case b.is("does not answer requests"):
		m.stay()
		return
	case b.is("hangs up on all requests"):
		return
	case b.is("refuses all requests"):
		m.write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
		return
	}
	key := ""
	for l := range strings.Lines(string(head)) {
		if name, value, _ := strings.Cut(l, ":"); strings.EqualFold(strings.TrimSpace(name), "Sec-WebSocket-Key") {
			key = strings.TrimSpace(value)
		}
	}
	m.in, _ = r.Peek(r.Buffered())
	m.write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		handshake.AcceptKey(key) + "\r\n\r\n"))
	m.serve()
}

// dial is the client of a breed: it connects, sends back each message and
// returns.
func (b *breed) dial(ctx context.Context, rawURL string) error {
	_, addr, _ := strings.Cut(strings.TrimSuffix(rawURL, "/"), "://")
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	if b.secure {
		conn = tls.Client(conn, &tls.Config{RootCAs: authority(), ServerName: "127.0.0.1"})
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	o := &handshake.Offer{Host: addr, Target: "/", Key: newKey(), Subprotocols: b.subprotocols}
	if b.compression != nil {
		o.Extensions = append(o.Extensions, b.compression.Offer())
	}
	request, err := handshake.AppendRequest(nil, o)
	if err != nil {
		return err
	}
	if b.request != nil {
		request = b.request(request)
	}
	m := &mutant{conn: conn, role: Client, flaws: slices.Clone(b.flaws), limit: b.limit}
	m.write(request)
	head := &io.LimitedReader{R: conn, N: 64 << 10}
	if b.is("takes an answer without end") {
		head.N = 1 << 40
	}
	r := bufio.NewReader(head)
	agreed, err := b.readAnswer(r, o)
	if err != nil && b.is("hangs in the handshake when the server leaves") {
		m.stay()
	}
	if err != nil || b.is("gives up on any answer") {
		return err
	}
	if b.compression != nil {
		unasked := b.request != nil && slices.ContainsFunc(agreed.Extensions, func(e handshake.Extension) bool {
			return hasParam(e, "client_max_window_bits") && !bytes.Contains(request, []byte("client_max_window_bits"))
		})
		if unasked && !b.is("keeps the window to itself") {
			return errGone
		}
		params, ok, err := b.compression.CheckAnswer(agreed.Extensions)
		if err != nil && !b.is("opens for any answer") {
			return err
		}
		if ok {
			m.zip = newMutantZip(m, params)
		}
	}
	m.in, _ = r.Peek(r.Buffered())
	m.serve()
	return nil
}

// readAnswer is a client's check of the server's answer.
func (b *breed) readAnswer(r *bufio.Reader, o *handshake.Offer) (handshake.Agreed, error) {
	if b.is("opens for any answer") {
		for {
			l, err := r.ReadString('\n')
			if err != nil || strings.TrimSpace(l) == "" {
				return handshake.Agreed{}, err
			}
		}
	}
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	for n := 0; err == nil && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols && (n < 20 || b.is("takes an answer without end")); n++ {
		resp, err = http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	}
	if err != nil {
		return handshake.Agreed{}, err
	}
	return handshake.CheckResponse(&handshake.Response{
		Status: resp.StatusCode, ProtoMajor: resp.ProtoMajor, ProtoMinor: resp.ProtoMinor, Header: resp.Header,
	}, o)
}

// certificate is that of the mutants, for 127.0.0.1.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// authority is who signed it.
func authority() *x509.CertPool {
	c, err := x509.ParseCertificate(certificate().Certificate[0])
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return pool
}

// silence takes what servers log.
var silence = log.New(io.Discard, "", 0)
