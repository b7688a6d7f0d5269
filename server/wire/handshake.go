package wire

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// CheckHandshake says what is wrong with a request that is to open a WebSocket, before
// anything else happens because of it. The errors are those that [Problem] knows.
func CheckHandshake(r *http.Request, p *handshake.Policy) error {
	_, err := handshake.Check(&handshake.Request{
		Method:     r.Method,
		ProtoMajor: r.ProtoMajor,
		ProtoMinor: r.ProtoMinor,
		Target:     r.RequestURI,
		Host:       r.Host,
		Header:     r.Header,
		HasBody:    r.ContentLength != 0,
		Secure:     r.TLS != nil,
	}, p)
	var problem *handshake.Error
	if errors.As(err, &problem) && problem.Status == http.StatusForbidden {
		return &Refusal{ // which knows what the operator of a server can do
			Status: http.StatusForbidden,
			Code:   "denied",
			Detail: fmt.Sprintf("pages of the origin %.80q may not connect; start the server with --origin to allow them", r.Header.Get("Origin")),
		}
	}
	return err
}
