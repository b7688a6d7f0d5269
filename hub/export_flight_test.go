package hub

// BeginUnreceived takes the next offset of a local engine for a message that is not received until
// end is called.
func BeginUnreceived(e Engine) (end func()) {
	f := &e.(*local).flight
	offset := f.begin()
	return func() { f.end(offset, nil) }
}
