// Package hub is the topics of a realtime server: bounded logs, subscriptions that are
// positions in them, and who is there. It knows no wire: whatever can take a message is a
// [Sink].
//
//	h, err := hub.New(nil)
//	sub, err := h.Subscribe("orders.42", sink, &hub.SubscribeOptions{After: cursor})
//	receipt, err := h.Publish(ctx, &hub.Message{Topic: "orders.42", Payload: p})
//
// A message that is published gets a place in the log of its topic, and a [Cursor] that
// names it. A subscription begins behind a cursor and gets everything behind it in order;
// what is lost is told as a gap before the next message, always. A subscriber that is too
// slow for the moment is held, which costs nothing: it goes on in the log when it can.
//
// An [Engine] puts messages in order and keeps them. That of a single node, [NewLocal],
// keeps them in memory, or in a [Store].
//
// # Caveats
//
// Without a store everything ends with the process; clients that come back are told of a gap.
// A message may be delivered again after a reconnect: that is at least once.
package hub
