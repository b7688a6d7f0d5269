//go:build !js

package browser

import (
	"context"
	"slices"

	"github.com/duplexhq/duplex/websocket"
)

// batchBytes is about how much is handed to the connection at a time, in bytes.
const batchBytes = 64 << 10

// A link is what connects a WebSocket to the network. It is guarded by
// WebSocket.mu.
//
// What is sent waits in a queue of its own, not in that of Conn.Post: only so is it
// known how many bytes of payload wait, apart from headers and pongs. A goroutine
// that lives while there is something to do brings it to the connection.
type link struct {
	cancel   context.CancelFunc // ends the dialling
	conn     *websocket.Conn    // nil until it is open
	queue    []websocket.Message
	buffered int64
	busy     bool // the goroutine lives
	broken   bool // nothing can be sent any more

	farewell     *websocket.CloseFrame // to be sent when the queue is empty
	farewellDone chan struct{}         // closed when the connection has ended after it
}

func (l *link) bufferedAmount() int64 { return l.buffered }

func (l *link) abort() { l.cancel() }

func (l *link) sendText(ws *WebSocket, s string) {
	l.buffered += int64(len(s))
	if l.open(ws) {
		l.post(ws, websocket.Message{Type: websocket.Text, Data: []byte(s)})
	}
}

func (l *link) sendBinary(ws *WebSocket, p []byte) {
	l.buffered += int64(len(p))
	if l.open(ws) {
		l.post(ws, websocket.Message{Type: websocket.Binary, Data: slices.Clone(p)})
	}
}

func (l *link) open(ws *WebSocket) bool { return ws.state == Open && !l.broken }

func (l *link) post(ws *WebSocket, m websocket.Message) {
	l.queue = append(l.queue, m)
	l.work(ws)
}

func (l *link) close(ws *WebSocket, code StatusCode, reason string) {
	if code == 0 {
		code = websocket.StatusNoStatusReceived
	}
	l.farewell = &websocket.CloseFrame{Code: code, Reason: reason}
	l.work(ws)
}

// work sees to it that the goroutine lives.
func (l *link) work(ws *WebSocket) {
	if !l.busy {
		l.busy = true
		go ws.transmit()
	}
}

// transmit brings what is queued to the connection, and the farewell after it.
func (ws *WebSocket) transmit() {
	for {
		ws.mu.Lock()
		batch, farewell := ws.link.next()
		ws.mu.Unlock()
		switch {
		case farewell != nil:
			// Read returns how it went.
			_ = ws.link.conn.Close(farewell.Code, farewell.Reason)
			close(ws.link.farewellDone)
			return
		case batch == nil:
			return
		}
		err := write(ws.link.conn, batch)
		ws.mu.Lock()
		ws.link.written(batch, err)
		ws.mu.Unlock()
	}
}

// next returns the next messages to write, or else the farewell. If there is
// neither, the goroutine has to end.
func (l *link) next() ([]websocket.Message, *websocket.CloseFrame) {
	if len(l.queue) == 0 {
		l.queue, l.busy = nil, false
		return nil, l.farewell
	}
	size, n := len(l.queue[0].Data), 1
	for n < len(l.queue) && size+len(l.queue[n].Data) <= batchBytes {
		size += len(l.queue[n].Data)
		n++
	}
	batch := l.queue[:n]
	l.queue = l.queue[n:]
	return batch, nil
}

// written notes what became of batch.
func (l *link) written(batch []websocket.Message, err error) {
	if err != nil {
		l.broken, l.queue = true, nil
		return
	}
	for _, m := range batch {
		l.buffered -= int64(len(m.Data))
	}
	clear(batch)
}

// write hands messages to the connection, in one system call if they are small, and
// waits until the network has taken them.
func write(conn *websocket.Conn, batch []websocket.Message) error {
	last := len(batch) - 1
	for _, m := range batch[:last] {
		if err := conn.Post(m.Type, m.Data); err != nil {
			return err
		}
	}
	return conn.Write(context.Background(), batch[last].Type, batch[last].Data)
}
