package proto

// A State is where a connection stands between its opening handshake and its
// end, as this end sees it (RFC 6455 §7).
type State uint8

// The states.
const (
	Open    State = iota // messages flow both ways
	Closing              // we sent a close frame, the peer has not answered
	Closed               // both ends sent a close frame: the closing handshake is done
	Failed               // we gave up because the peer broke a rule or a limit
	Lost                 // the transport ended before the closing handshake was done
)

// String returns the state's name in lower case.
func (s State) String() string {
	return [...]string{"open", "closing", "closed", "failed", "lost"}[s]
}

// An input is what moves a connection from one State to another.
type input uint8

const (
	localClose input = iota // this end wants to close
	peerClose               // the peer's close frame came
	peerFault               // the peer broke a rule or a limit
	peerEnd                 // the transport ended
)

func (i input) String() string {
	return [...]string{"we close", "peer's close frame", "peer's fault", "transport ends"}[i]
}

// A Transport says what must happen to the transport under a connection.
type Transport uint8

// What may have to happen to a transport.
const (
	// Keep means go on reading and writing.
	Keep Transport = iota

	// Shut means write what is there, end the sending direction, read and
	// drop what still comes until the peer ends too, all within a bound of
	// the driver's choice, and close. Closing at once instead would make TCP
	// discard our close frame if bytes of the peer are unread (RFC 6455 §7.1.1).
	Shut

	// AwaitEnd means write what is there and wait, within a bound of the
	// driver's choice, for the peer to end the transport: a server closes
	// first, so that it and not the client keeps the TIME_WAIT (RFC 6455 §7.1.1).
	AwaitEnd

	// Drop means close: nothing can be read or written any more.
	Drop
)

// String returns the name of t in lower case.
func (t Transport) String() string {
	return [...]string{"keep", "shut", "await end", "drop"}[t]
}

// A transition is what follows from an input.
type transition struct {
	next   State
	send   bool      // a close frame goes out
	server Transport // what happens to a server's transport
	client Transport // what happens to a client's transport
}

// transitions is the whole life of a connection. DESIGN.md shows the same table;
// a test keeps the two alike.
var transitions = [...][4]transition{
	Open: {
		localClose: {next: Closing, send: true, server: Keep, client: Keep},
		peerClose:  {next: Closed, send: true, server: Shut, client: AwaitEnd},
		peerFault:  {next: Failed, send: true, server: Shut, client: Shut},
		peerEnd:    {next: Lost, server: Drop, client: Drop},
	},
	Closing: {
		localClose: {next: Closing, server: Keep, client: Keep},
		peerClose:  {next: Closed, server: Shut, client: AwaitEnd},
		peerFault:  {next: Failed, server: Shut, client: Shut},
		peerEnd:    {next: Lost, server: Drop, client: Drop},
	},
	Closed: {
		localClose: {next: Closed, server: Shut, client: AwaitEnd},
		peerClose:  {next: Closed, server: Shut, client: AwaitEnd},
		peerFault:  {next: Closed, server: Shut, client: AwaitEnd},
		peerEnd:    {next: Closed, server: Drop, client: Drop},
	},
	Failed: {
		localClose: {next: Failed, server: Shut, client: Shut},
		peerClose:  {next: Failed, server: Shut, client: Shut},
		peerFault:  {next: Failed, server: Shut, client: Shut},
		peerEnd:    {next: Failed, server: Drop, client: Drop},
	},
	Lost: {
		localClose: {next: Lost, server: Drop, client: Drop},
		peerClose:  {next: Lost, server: Drop, client: Drop},
		peerFault:  {next: Lost, server: Drop, client: Drop},
		peerEnd:    {next: Lost, server: Drop, client: Drop},
	},
}

// move takes the transition for in and returns it.
func (s *sender) move(in input) (t transition, action Transport) {
	t = transitions[s.state][in]
	s.state = t.next
	if s.deflater != nil && s.state != Open {
		s.deflater.release()
	}
	if s.role == Client {
		return t, t.client
	}
	return t, t.server
}
