// Package wstest helps to test WebSocket code in memory: no ports, no waiting,
// and every rule of the protocol can be broken on purpose.
//
// A Script is a raw peer written line by line. It says what is sent and what
// must come back, and fails the test with a drawing of what came instead:
//
//	func TestPingIsAnswered(t *testing.T) {
//		l := wstest.Listen()
//		srv := &http.Server{Handler: websocket.Handler(echo, nil)}
//		go srv.Serve(l)
//		defer srv.Close()
//
//		c, _ := l.DialContext(t.Context(), "tcp", "example.com:80")
//		peer := wstest.NewScript(t, c, wstest.Client)
//		peer.ClientHandshake("/echo")
//		peer.SendPing([]byte("are you there?"))
//		peer.ExpectPong([]byte("are you there?"))
//		peer.SendHex("c1 80 00000000") // RSV1 set, and no extension was agreed on
//		peer.ExpectCloseCode(websocket.StatusProtocolError)
//		peer.ExpectEOF()
//	}
//
// NetPipe joins two ends of a connection in memory that behave like TCP where
// net.Pipe does not: writes are buffered up to a bound, one direction can be
// closed alone, and a connection can be reset. Listen is a listener that is
// dialled in memory, for an http.Server; Pipe puts a finished handshake on top
// of it.
//
// Everything here waits in a way that testing/synctest understands, and reads
// the time from package time alone. So inside a bubble a test of a keepalive
// of 30 seconds takes microseconds and can ask for exactly 30 seconds.
package wstest
