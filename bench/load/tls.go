package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A secureSet is connections with TLS. It is for looking at memory, not at time.
type secureSet struct {
	conns []*tls.Conn
}

// openTLS opens n connections, or none and returns an error. It believes any
// certificate.
func openTLS(ctx context.Context, t *Target, n int) (*secureSet, error) {
	s := &secureSet{conns: make([]*tls.Conn, n)}
	request := t.request()
	err := s.each(func(i int) error {
		plain, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
		if err != nil {
			return err
		}
		c := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
		s.conns[i] = c
		return shakeHands(c, request)
	})
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// shakeHands does the opening handshake.
func shakeHands(c net.Conn, request []byte) error {
	_ = c.SetDeadline(time.Now().Add(silence))
	defer func() { _ = c.SetDeadline(time.Time{}) }()
	if _, err := c.Write(request); err != nil {
		return err
	}
	p := make([]byte, 1<<10)
	for n := 0; n < len(p); {
		more, err := c.Read(p[n:])
		if err != nil {
			return err
		}
		if n += more; !bytes.HasSuffix(p[:n], []byte("\r\n\r\n")) {
			continue
		}
		if !bytes.HasPrefix(p, []byte("HTTP/1.1 101 ")) || !bytes.Contains(p[:n], []byte(accept)) {
			return fmt.Errorf("the answer to the handshake is %q", p[:n])
		}
		return nil
	}
	return errors.New("the answer to the handshake does not end")
}

// each calls f for each connection, several at the same time, up to an error.
func (s *secureSet) each(f func(i int) error) error {
	const parallel = 32
	var wg sync.WaitGroup
	errs := make([]error, parallel)
	for p := range parallel {
		wg.Go(func() {
			for i := p; i < len(s.conns) && errs[p] == nil; i += parallel {
				errs[p] = f(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the others say no more
		}
	}
	return nil
}

// echo sends e.Total messages, as many on each connection, one after the other.
func (s *secureSet) echo(_ context.Context, e *Echo) (*Result, error) {
	stream := newStream(e.Message)
	r, begun := new(Result), time.Now()
	each := e.Total / max(1, len(s.conns))
	err := s.each(func(i int) error {
		c := s.conns[i]
		_ = c.SetDeadline(time.Now().Add(silence))
		got := make([]byte, stream.wantSize)
		for range each {
			if _, err := c.Write(stream.out[:stream.ends[0]]); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, got); err != nil {
				return err
			}
			if !bytes.Equal(got, stream.want[:stream.wantSize]) {
				return errOtherMessage
			}
		}
		return nil
	})
	r.Messages = int64(each * len(s.conns))
	r.Bytes, r.Elapsed = r.Messages*int64(e.Size), time.Since(begun)
	return r, err
}

func (s *secureSet) close() {
	for _, c := range s.conns {
		if c != nil {
			if t, ok := c.NetConn().(*net.TCPConn); ok {
				_ = t.SetLinger(0)
			}
			_ = c.NetConn().Close()
		}
	}
}
