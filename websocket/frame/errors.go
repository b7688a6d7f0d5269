package frame

// A ProtocolError is a breach of the WebSocket protocol by the peer. Code is
// the status the connection is to be closed with, Section the rule that was
// broken, such as "RFC 6455 §5.2", and Problem what is wrong, in words.
type ProtocolError struct {
	Code    StatusCode
	Section string
	Problem string
}

// Error returns one sentence that ends in the section of the broken rule, such
// as "websocket: RSV2 or RSV3 set (RFC 6455 §5.2)".
func (e *ProtocolError) Error() string {
	return "websocket: " + e.Problem + " (" + e.Section + ")"
}
