// Package peers holds Go's WebSocket libraries behind one small interface: each
// is a server of echoes, and of a fan-out to all on /fan, written the way its own
// documentation recommends.
//
// One file for each. Where a library leaves a choice, the peer makes the stricter
// one: what it can check is checked, limits are set, the closing handshake is
// completed. What a library does not offer is not added, so a table made with
// these peers shows the libraries and not our patches; [Options.CheckText] is the
// one exception, and says so.
package peers
