package event

import "github.com/duplexhq/duplex/websocket"

// Broadcast sends messages to connections, as Conn.SendPrepared does to each of them: nothing
// is copied or allocated for a receiver, and what those who drive the connections write is
// spread over them. It costs less than a loop over SendPrepared, as each of them is told
// once, and less for several messages at a time than for each alone. What cannot be queued
// for a connection is a matter of its policy, and of its OnClose.
func Broadcast(conns []*Conn, messages ...*websocket.Prepared) {
	told := newList()
	defer freeList(told)
	var driver bulk
	for _, c := range conns {
		tell := false
		c.mu.Lock()
		for _, m := range messages {
			mine, _ := c.queue(m, true)
			tell = tell || mine
		}
		c.mu.Unlock()
		if !tell {
			continue
		}
		d, ok := c.home.(bulk)
		if !ok {
			c.home.schedule(c)
			continue
		}
		if d != driver {
			if driver != nil {
				driver.attendAll(*told)
				*told = (*told)[:0]
			}
			driver = d
		}
		*told = append(*told, c)
	}
	if driver != nil {
		driver.attendAll(*told)
	}
}

// bulk is a home of many connections, which can be told of many at once.
type bulk interface{ attendAll(list []*Conn) }

// broadcast sends m to all connections that are open.
func (e *engine) broadcast(m *websocket.Prepared) {
	list := newList()
	*list = e.conns(*list)
	Broadcast(*list, m)
	freeList(list)
}
