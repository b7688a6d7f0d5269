package deflate_test

import (
	"fmt"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// A client asks for small windows, a server that would use a larger one agrees.
func ExampleConfig() {
	client := deflate.Config{WindowBits: 9, PeerWindowBits: 10}
	server := deflate.Config{WindowBits: 12, NoContextTakeover: true}

	offer := client.Offer()
	fmt.Printf("offer:  %s\n", handshake.AppendExtension(nil, offer))

	_, answer, _ := server.Accept([]handshake.Extension{offer})
	fmt.Printf("answer: %s\n", handshake.AppendExtension(nil, answer))

	p, _, err := client.CheckAnswer([]handshake.Extension{answer})
	fmt.Println("bits:  ", p.ServerMaxWindowBits, p.ClientMaxWindowBits, err)
	// Output:
	// offer:  permessage-deflate; server_max_window_bits=10; client_max_window_bits=9
	// answer: permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9
	// bits:   10 9 <nil>
}
