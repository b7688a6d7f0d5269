// Package hubtest is for tests of what stands below a hub: suites that each
// [hub.Store] and each [hub.Engine] must pass, a kill -9 among them, and a store in
// memory that can be told to fail.
//
//	func TestStore(t *testing.T)  { hubtest.Store(t, open) }
//	func TestEngine(t *testing.T) { hubtest.Engine(t, openEngine) }
//	func TestKill(t *testing.T)   { hubtest.Kill(t, openEngine) }
//
// [Store] tests a store alone, [Engine] what a hub promises with an engine below it,
// and [Kill] the same when the process is killed at any moment.
package hubtest
