// Package hub is the small in-memory hub: topics, who listens to them, and
// delivery in order.
//
// Its nouns are four. A topic is a name with listeners; it exists while it has
// at least one. A [Message] is published to a topic once and shared by all who
// receive it. A [Sink] is whatever wants messages: a WebSocket, a stream, a
// test. The [Hub] brings them together and knows nothing of connections or of
// how a message looks on a wire.
//
//	h := hub.New()
//	leave, err := h.Subscribe("room.1", sink)
//	…
//	err = h.Publish(&hub.Message{Topic: "room.1", Payload: []byte("hello")})
//
// # Caveats
//
// Nothing is kept: a message published while nobody listens is gone, and a
// sink that comes later does not see what came earlier. Delivery is as fast as
// the slowest call of Deliver, which is why a [Sink] must not block.
package hub
