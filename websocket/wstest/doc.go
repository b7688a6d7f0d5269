// Package wstest helps to test WebSocket code in memory: no ports, no waiting,
// and every rule of the protocol can be broken on purpose.
//
// A Script is a raw peer written line by line. It says what is sent and what
// must come back, and fails the test with a drawing of what came instead:
//
//	func TestPingIsAnswered(t *testing.T) {
//		c, client := wstest.AcceptScript(t, nil)
//		go c.Read(t.Context())
//
//		client.SendPing([]byte("are you there?"))
//		client.ExpectPong([]byte("are you there?"))
//		client.SendHex("c1 80 00000000") // RSV1, and no extension was agreed on
//		client.ExpectCloseCode(websocket.StatusProtocolError)
//		client.ExpectEOF()
//	}
//
// AcceptScript and DialScript start with a finished handshake; a script that
// is to do its own, or to spoil it, is put on any connection by NewScript.
//
// NetPipe joins two ends of a connection in memory that behave like TCP where
// net.Pipe does not: writes are buffered up to a bound, one direction can be
// closed alone, and a connection can be reset. Listen is a listener that is
// dialled in memory, for an http.Server; Pipe returns both ends of a WebSocket
// connection that was opened that way.
//
// Everything here waits in a way that testing/synctest understands, and reads
// the time from package time alone. So inside a bubble a test of a keepalive
// of 30 seconds takes microseconds and can ask for exactly 30 seconds.
package wstest
