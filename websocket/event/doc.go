// Package event is a WebSocket server, and client, for many connections: functions
// are called for what happens, and a connection that is silent holds neither a
// goroutine nor a buffer.
//
//	s := event.NewServer(event.Handler{
//		OnMessage: func(c *event.Conn, t websocket.MessageType, p []byte) {
//			_ = c.Send(t, p)
//		},
//	}, nil)
//	http.Handle("/echo", s)        // beside whatever else net/http serves
//	err := s.ListenAndServe(":80") // or on listeners of its own, which costs less
//
// Both speak RFC 6455 and RFC 7692 as strictly as package websocket, on the same
// machine, with the same defaults.
//
// # Two drivers
//
// On Linux the epoll driver waits for all connections in a few loops, one for each
// processor. Everywhere else, and beneath TLS, the portable driver gives each
// connection a goroutine with a small stack. The functions and the promises are the
// same; [Options.Driver] chooses.
//
// # Fewer system calls
//
//   - Cork: what a connection's handler sends while the messages of one read are
//     handled leaves in one write when they are.
//   - What others send to it meanwhile leaves in that write too, and what waits for
//     the network leaves in as few writes as there are buffers' worth.
//   - A [websocket.Prepared] message is queued by reference: nothing is copied or
//     allocated for a receiver, and several of them leave in one write. For the
//     members of a [Group] they are joined only once.
//
// # What is called, and when
//
// For one connection the functions of the [Handler] are called one at a time: OnOpen
// first, OnClose last and once. For different connections they are called at the same
// time. A function that takes its time delays only its own connection: if it does not
// return for some milliseconds, the loop goes on without it in another goroutine.
//
// # Caveats
//
//   - The slice that OnMessage gets is lent until it returns. Build with the tag
//     "poison" to have it overwritten then, so that misuse shows.
//   - While the network does not take what is sent on a connection of a server, its
//     messages are not read. That is what bounds the memory of a peer that asks and
//     does not listen. A client reads on, and its queue has a bound.
//   - Times are kept by one coarse clock for each server, which ticks once a second,
//     or four times within the shortest of the timeouts: they may run that much over.
package event
