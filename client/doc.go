// Package client speaks to a Duplex server: it publishes to topics, subscribes to
// them and asks for their history, over one WebSocket connection that it opens
// again whenever it is lost. The protocol is duplex.v1.json of
// docs/reference/protocol.md.
//
//	c := client.New("ws://localhost:8080", nil)
//	defer c.Close(ctx)
//
//	sub, err := c.Subscribe("orders.*", nil)
//	...
//	for ev, err := range sub.Messages(ctx) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(ev.Topic, string(ev.Data))
//	}
//
// # What a Client promises
//
//   - A subscription gets every message behind its position, in order and once, or a
//     [GapEvent] in the place of those that are lost, across any number of
//     connections. Keep [Subscription.At] to go on in the next process.
//   - Publish returns when the message is stored, and tries until then or until its
//     context is done. A retry after a lost answer is stored once.
//   - It reconnects for ever, at random moments within a time that grows to 20 s, or
//     exactly when the server asked it to come back.
//   - Its memory is bounded: what waits to be stored by Options.MaxPending, what waits
//     for the application by SubscribeOptions.MaxQueue.
//   - An application that takes no messages stops the flow, and neither the other
//     subscriptions nor the answers to its own requests.
//
// # Caveats
//
//   - A server remembers for some minutes what it stored, five by default. What was
//     sent and not answered before a longer loss of the connection may be stored
//     twice.
//   - SubscribeOptions.NoSelf leaves out what this connection published. What an
//     earlier connection published shortly before its end may come.
//   - The position that a program keeps says what it took out of the Client. What it
//     takes and does not finish before it ends, it must ask for again.
package client
