package conformance_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// echo sends back each message.
func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

func ExampleCheckServer() {
	s := httptest.NewServer(websocket.Handler(echo, nil))
	defer s.Close()

	r, err := conformance.CheckServer(context.Background(), s.URL, &conformance.Options{Run: "^reserved/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("OK:", r.OK())
	fmt.Println("not strict:", r.Count(conformance.NotStrict))
	// Output:
	// OK: true
	// not strict: 0
}

func ExampleCheckClients() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { // the client under test
		for {
			c, resp, err := websocket.Dial(context.Background(), "ws://"+l.Addr().String(), nil)
			if resp != nil && resp.StatusCode == http.StatusGone {
				return
			}
			if err == nil {
				_ = echo(context.Background(), c)
			}
		}
	}()
	r, err := conformance.CheckClients(context.Background(), l, &conformance.Options{Run: "^framing/§5.1 "})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("failed:", r.Count(conformance.Failed))
	// Output: failed: 0
}

func ExampleDraw() {
	fmt.Println(conformance.Draw(&conformance.Exchange{Data: []byte("\x88\x05\x03\xe9bye")}))
	// Output:
	// close, fin, rsv 0, 5 bytes: 1001 going away "bye"
	//     88     05  03 e9 62 79 65
	//     FIN 8  5   payload
}

// What would be tested, and how binding it is.
func ExampleServerTests() {
	for _, t := range conformance.ServerTests() {
		if strings.Contains(t.Name, "opcode 3 with a payload of") {
			fmt.Println(t.Level, t.ID())
			fmt.Println(t.Rule)
		}
	}
	// Output:
	// MUST reserved/§5.2 opcode 3 with a payload of 200 bytes
	// If an unknown opcode is received, the receiver must fail the connection.
}
