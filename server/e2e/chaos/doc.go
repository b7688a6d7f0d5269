// Package chaos puts load and trouble on a Duplex server, writes down what was sent,
// acknowledged and received, and checks afterwards that all that was promised was kept.
//
//	h, err := chaos.Run(ctx, chaos.Config{Program: path, Address: "127.0.0.1:23456", Data: dir, Seed: 1, Duration: time.Minute})
//	problems := chaos.Check(h)
//
// The load is publishers and subscribers of every wire form on the same topics. The trouble
// is a server that is killed and started again, clients that leave without a word or
// stop reading, and a network that delays, throttles, stalls and cuts connections in the
// middle of frames: [Proxy]. At the end the trouble stops, a last message is published
// to each topic, and every subscriber has to get there.
//
// Beside the logs, which must be complete, there are topics on which something else is promised:
// [Keyed] ones with the latest message of each key, a [Room] where it is told who is present,
// and those that leave out messages for slow subscribers.
//
// [Check] knows nothing of how a [History] came about, so that it is tested with
// histories written by hand, and [Breakages] spoils real ones: a check that finds nothing
// wrong with those is none.
package chaos
