package websocket

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// transport opens a connection to the server, through a proxy if one is set.
func (d *dialer) transport(ctx context.Context) (net.Conn, error) {
	addr := withPort(d.url)
	choose := d.o.Proxy
	if choose == nil {
		choose = http.ProxyFromEnvironment
	}
	proxy, err := choose(&http.Request{Method: http.MethodGet, URL: d.httpURL(), Header: d.header})
	if err != nil {
		return nil, err
	}
	if proxy == nil {
		return d.open(ctx, addr)
	}
	switch proxy.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, fmt.Errorf("proxy %s: the scheme must be http, https, socks5 or socks5h", proxy.Redacted())
	}
	conn, err := d.open(ctx, withPort(proxy))
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", proxy.Redacted(), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })
	tunnel, err := d.tunnel(ctx, conn, proxy, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy %s: %w", proxy.Redacted(), err)
	}
	return tunnel, nil
}

// open opens a TCP connection.
func (d *dialer) open(ctx context.Context, addr string) (net.Conn, error) {
	if d.o.DialContext != nil {
		return d.o.DialContext(ctx, "tcp", addr)
	}
	var n net.Dialer
	return n.DialContext(ctx, "tcp", addr)
}

// tunnel asks the proxy at the other end of conn for a connection to addr.
func (d *dialer) tunnel(ctx context.Context, conn net.Conn, proxy *url.URL, addr string) (net.Conn, error) {
	switch proxy.Scheme {
	case "https":
		config := d.o.TLSConfig
		if config != nil && config.ServerName != "" {
			config = config.Clone()
			config.ServerName = "" // that of the server, not of the proxy
		}
		secure, err := startTLS(ctx, conn, config, proxy.Hostname())
		if err != nil {
			return nil, err
		}
		return secure, connectHTTP(secure, proxy, addr)
	case "socks5", "socks5h":
		return conn, connectSOCKS(conn, proxy, addr)
	default:
		return conn, connectHTTP(conn, proxy, addr)
	}
}

// withPort returns the host and port of u, the scheme's default port if it has none.
func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func defaultPort(scheme string) string {
	switch scheme {
	case "wss", "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	default:
		return "80"
	}
}

// connectHTTP opens a tunnel with the method CONNECT (RFC 9110 §9.3.6).
func connectHTTP(conn net.Conn, proxy *url.URL, addr string) error {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(u.Username() + ":" + password))
		r.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := r.Write(conn); err != nil {
		return err
	}
	resp, answer, err := readAnswer(conn, r) //nolint:bodyclose // what follows is the tunnel
	switch {
	case err != nil:
		return err
	case resp.StatusCode/100 != 2: // any of them opens the tunnel
		return fmt.Errorf("answered CONNECT with %s", resp.Status)
	case answer.Buffered() > 0: // the server says nothing before the client does
		return errors.New("sent more than the answer to CONNECT")
	}
	return nil
}

// The parts of SOCKS version 5 that matter here (RFC 1928, RFC 1929).
const (
	socksVersion      = 5
	socksNoAuth       = 0
	socksPassword     = 2
	socksPasswordVer  = 1
	socksConnect      = 1
	socksIPv4         = 1
	socksName         = 3
	socksIPv6         = 4
	socksMaxNameBytes = 255
)

var socksErrors = [...]string{"", "general failure", "not allowed by the rules", "network unreachable",
	"host unreachable", "connection refused", "TTL expired", "command not supported", "address type not supported"}

var errNotSOCKS = errors.New("is not a SOCKS 5 proxy")

// connectSOCKS opens a tunnel through a SOCKS 5 proxy, which resolves the name.
func connectSOCKS(conn net.Conn, proxy *url.URL, addr string) error {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	if err := socksAuthenticate(conn, proxy.User); err != nil {
		return err
	}
	request := []byte{socksVersion, socksConnect, 0}
	ip := net.ParseIP(host)
	switch {
	case ip == nil && len(host) > socksMaxNameBytes:
		return errors.New("host name is longer than 255 bytes")
	case ip == nil:
		request = append(request, socksName, byte(len(host)))
		request = append(request, host...)
	case ip.To4() != nil:
		request = append(append(request, socksIPv4), ip.To4()...)
	default:
		request = append(append(request, socksIPv6), ip.To16()...)
	}
	request = binary.BigEndian.AppendUint16(request, uint16(port))
	if _, err := conn.Write(request); err != nil {
		return err
	}
	return socksAnswer(conn)
}

// socksAuthenticate agrees on a method and presents the user, who may be nil.
func socksAuthenticate(conn net.Conn, user *url.Userinfo) error {
	hello := []byte{socksVersion, 1, socksNoAuth}
	if user != nil {
		hello = []byte{socksVersion, 2, socksNoAuth, socksPassword}
	}
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return noEOF(err)
	}
	switch {
	case answer[0] != socksVersion:
		return errNotSOCKS
	case answer[1] == socksNoAuth:
		return nil
	case answer[1] != socksPassword || user == nil:
		return errors.New("wants a way of authentication that was not offered")
	}
	name := user.Username()
	password, _ := user.Password()
	if len(name) > socksMaxNameBytes || len(password) > socksMaxNameBytes {
		return errors.New("user or password is longer than 255 bytes")
	}
	login := append([]byte{socksPasswordVer, byte(len(name))}, name...)
	login = append(append(login, byte(len(password))), password...)
	if _, err := conn.Write(login); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return noEOF(err)
	}
	if answer[1] != 0 {
		return errors.New("refused user and password")
	}
	return nil
}

// socksAnswer reads the answer to the request, and not a byte more.
func socksAnswer(conn net.Conn) error {
	var head [5]byte // up to the first byte of the address
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return noEOF(err)
	}
	if head[0] != socksVersion {
		return errNotSOCKS
	}
	if code := int(head[1]); code != 0 {
		if code < len(socksErrors) {
			return errors.New(socksErrors[code])
		}
		return fmt.Errorf("failed with code %d", code)
	}
	var rest int // address and port, less the byte that was read
	switch head[3] {
	case socksIPv4:
		rest = net.IPv4len + 2 - 1
	case socksIPv6:
		rest = net.IPv6len + 2 - 1
	case socksName:
		rest = int(head[4]) + 2
	default:
		return errors.New("answered with an unknown type of address")
	}
	_, err := io.CopyN(io.Discard, conn, int64(rest))
	return err
}
