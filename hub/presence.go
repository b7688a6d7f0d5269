package hub

import "sync/atomic"

// A PresenceChange says who is present in a topic: all of it once, to those who begin to
// listen, and then what changed, at most once per Settings.PresenceInterval.
//
// Members are names, see SubscribeOptions.As. A name is present while any subscription
// has it, on any node, and for Settings.PresenceGrace after the last one is gone. Count is always
// exact; the lists have at most Settings.PresenceSample names together. A name may be
// said to join that was among Names, because it came in between, or to leave that was never
// said to be there, because others had it among their Names.
//
// A PresenceChange is shared by all receivers and must not be changed.
type PresenceChange struct {
	Topic string
	Count int // how many are present now

	Full  bool     // this is how it begins: Names is set, Join and Leave are not
	Names []string // of those present, in their order
	Join  []string // who came since the last change that was told
	Leave []string // who left since then
	More  bool     // not all names fit; [Hub.Presence] has those present

	forms [formCount]atomic.Pointer[any]
}

// Encoded returns the encoding of the change in a form, as [Message.Encoded] does.
func (c *PresenceChange) Encoded(f Form, encode func(c *PresenceChange) any) any {
	if p := c.forms[f].Load(); p != nil {
		return *p
	}
	v := encode(c)
	c.forms[f].Store(&v)
	return v
}

// A PresencePage is a part of the list of those present in a topic.
type PresencePage struct {
	Count int      // of all of them
	Names []string // in their order
	More  bool     // there are more behind the last one
}
