package raw

import (
	"slices"
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

const (
	largeFan   = 64 // members from which messages are gathered
	maxGather  = 64 // messages that are gathered
	gatherSize = 64 << 10
)

// A fan delivers the messages of a topic to those of its members that are up to date. A
// message is encoded once, and what waits for a loop leaves in one write for each
// socket.
//
// If there are many members, messages that are published in quick succession are
// gathered while a goroutine begins, or hands over those before them, and are handed to
// each member together: to come by a member costs more than to hand it one message more.
type fan struct {
	topic  string
	gather int // bytes that are gathered at most
	users  int // members that have entered; guarded by the wire's mu

	turn sync.Mutex // held by whoever hands messages over; taken before mu

	mu      sync.Mutex
	batch   batch
	spare   batch               // memory for the next one
	running bool                // a goroutine hands over what is gathered
	full    []*hub.Subscription // that want no more, of which the hub was not told
}

// A batch is messages for the same members.
type batch struct {
	subs     []*hub.Subscription
	messages []*hub.Message
	frames   []*websocket.Prepared // of the messages
	size     int                   // bytes of their payloads
}

// forget makes b empty, and keeps its memory.
func (b *batch) forget() {
	clear(b.subs)
	clear(b.messages)
	clear(b.frames)
	*b = batch{subs: b.subs[:0], messages: b.messages[:0], frames: b.frames[:0]}
}

// enter returns the fan of a topic, which lives until exit is called as often.
func (w *Wire) enter(topic string) *fan {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.fans[topic]
	if f == nil {
		f = &fan{topic: topic, gather: min(gatherSize, w.window/4)}
		w.fans[topic] = f
	}
	f.users++
	return f
}

// exit gives one enter back.
func (w *Wire) exit(f *fan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.users--; f.users == 0 {
		delete(w.fans, f.topic)
	}
}

// DeliverAll does what Deliver of each member would do, perhaps a little later. Before it
// says that a member wants no more, that member was handed everything: what comes to it
// in another way comes behind.
func (f *fan) DeliverAll(subs []*hub.Subscription, msg *hub.Message, held []*hub.Subscription) []*hub.Subscription {
	f.mu.Lock()
	if len(f.batch.messages) > 0 && !slices.Equal(f.batch.subs, subs) {
		f.mu.Unlock()
		f.settle()
		f.mu.Lock()
	}
	b := &f.batch
	if len(b.messages) == 0 {
		b.subs = append(b.subs, subs...)
	}
	b.messages, b.frames = append(b.messages, msg), append(b.frames, frameOf(msg))
	b.size += len(msg.Payload)
	now := len(subs) < largeFan || len(f.full) > 0 || len(b.messages) >= maxGather || b.size >= f.gather
	if !now && !f.running {
		f.running = true
		go f.run()
	}
	f.mu.Unlock()
	if now {
		f.settle()
		held = f.tellFull(subs, held)
	}
	return held
}

// run hands over what is gathered, until nothing is.
func (f *fan) run() {
	for {
		f.settle()
		f.mu.Lock()
		if len(f.batch.messages) == 0 {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
	}
}

// settle hands over what was gathered so far. When it returns, that has happened, whoever
// did it.
func (f *fan) settle() {
	f.turn.Lock()
	defer f.turn.Unlock()
	f.mu.Lock()
	b := f.batch
	f.batch, f.spare = f.spare, batch{}
	f.mu.Unlock()
	var full []*hub.Subscription
	if len(b.messages) > 0 {
		full = b.deliver()
		b.forget()
	}
	f.mu.Lock()
	f.spare = b
	f.full = append(f.full, full...)
	f.mu.Unlock()
}

// tellFull appends those of subs that want no more to held. Everything has been handed
// over, and nothing is gathered meanwhile.
func (f *fan) tellFull(subs, held []*hub.Subscription) []*hub.Subscription {
	f.mu.Lock()
	list := f.full
	f.full = nil
	f.mu.Unlock()
	if len(list) == 0 {
		return held
	}
	full := make(map[*hub.Subscription]bool, len(list))
	for _, s := range list {
		full[s] = true
	}
	for _, s := range subs {
		// One may have left the audience meanwhile, or have room again.
		if full[s] && s.Sink().(*member).wantsNoMore() { //nolint:forcetypeassert // only members name a fan
			held = append(held, s)
		}
	}
	return held
}

// A round is the memory for one delivery: those who have a socket, and their sockets.
type round struct {
	members []*member
	subs    []*hub.Subscription
	conns   []*event.Conn
}

var rounds = sync.Pool{New: func() any { return new(round) }}

// deliver hands the messages to everybody, and returns those that want no more.
func (b *batch) deliver() (full []*hub.Subscription) {
	r := rounds.Get().(*round) //nolint:forcetypeassert // the pool holds nothing else
	for _, s := range b.subs {
		m := s.Sink().(*member) //nolint:forcetypeassert // only members name a fan
		if c := m.socket(b.messages...); c != nil {
			r.members, r.subs, r.conns = append(r.members, m), append(r.subs, s), append(r.conns, c)
		} else {
			full = append(full, s)
		}
	}
	event.Broadcast(r.conns, b.frames...)
	n := len(b.messages)
	at := b.messages[n-1].At
	for i, m := range r.members {
		if !m.sent(r.conns[i], n, b.size, at) {
			full = append(full, r.subs[i])
		}
	}
	clear(r.members)
	clear(r.subs)
	clear(r.conns)
	r.members, r.subs, r.conns = r.members[:0], r.subs[:0], r.conns[:0]
	rounds.Put(r)
	return full
}

// frameOf returns the frame of a message, which all receivers share.
func frameOf(m *hub.Message) *websocket.Prepared {
	return m.Encoded(hub.FormA, encode).(*websocket.Prepared) //nolint:forcetypeassert // the form is this package's
}

// encode makes the frame: text and JSON are text, binary is binary. What is not UTF-8
// cannot be text (RFC 6455 §8.1), whatever its publisher said.
func encode(m *hub.Message) any {
	if m.Kind != hub.Binary {
		if f, err := websocket.Prepare(websocket.Text, m.Payload); err == nil {
			return f
		}
	}
	f, _ := websocket.Prepare(websocket.Binary, m.Payload) // nothing is wrong with binary
	return f
}
