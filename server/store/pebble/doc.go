// Package pebble keeps the logs of topics on a disk, in a directory of
// github.com/cockroachdb/pebble. It is the [hub.Store] of a single node.
//
//	s, err := pebble.Open("/var/lib/duplex", nil)
//	…
//	h, err := hub.New(&hub.Options{Engine: hub.NewLocal(s)})
//
// A [Store] is one database in which each topic is a range of keys, in order of
// offsets: a page of history is one seek and a scan, whatever else there is. What was
// appended together is written together, and with [SyncAlways] it is on the disk when
// Append returns.
//
// # What can be lost
//
// What Append has returned for, depends on [Options].Sync:
//
//	              the process is killed    the power fails
//	SyncAlways    nothing                  nothing, if the disk keeps its word
//	SyncInterval  nothing                  the last Interval
//	SyncOff       nothing                  what the system had not yet written
//
// What is lost is always the newest: never something of the middle. Whether the power has
// failed the next process knows on Linux and macOS by the name that the system gives to the
// time since it was started; elsewhere it supposes the worst. If something may be lost, it
// says so in [hub.StoreState].Torn, and the hub begins a new epoch.
//
// # Caveats
//
// One process at a time has the directory. When a write to the disk fails, the store takes
// nothing more until it is opened again, since nobody knows what of it the disk has; what
// was stored before is still read. Only if the database cannot begin a new file for its
// log does it end the process. A disk that runs full comes to neither: see Options.MinFree.
// A message whose Append failed may be there when the store is opened again.
//
// A directory that is put back from a copy brings back the epoch of then: cursors that were
// given since are gaps until there are as many messages again, and not later. Begin the hub
// with hub.Restored then.
package pebble
