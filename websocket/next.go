package websocket

import "context"

// Next is [Conn.Read] without a copy: it lends the next message. The slice is valid,
// and may be changed, until the next call of a reading method: Next, Read, ReadInto,
// Reader or a reader of it, Messages or CloseRead. Close and CloseNow leave it alone,
// whoever calls them.
//
// A message that came whole with one read of the transport, of 16 KiB, stays where it
// is; a larger one is collected in a buffer that connections share. Either goes back
// when the next reading method is called, before it waits: a connection that waits
// for its peer holds neither. In the steady state nothing is allocated.
//
// Built with the tag poison, the bytes lent are overwritten with 0xDB when their time
// is over, so that tests find who still uses them.
func (c *Conn) Next(ctx context.Context) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx, nil, true); err != nil {
		return 0, nil, err
	}
	return c.readMessage(ctx)
}

// ReadInto is [Conn.Read] into memory of the caller: the message is put to the front
// of buf, whatever its length and contents were, and returned as append(buf[:0],
// message...) would: in buf if its capacity is enough, in a new slice otherwise. A
// loop that hands in what it got before allocates nothing once the largest message
// was there:
//
//	t, buf, err = c.ReadInto(ctx, buf)
//
// The slice is the caller's. With an error it is buf[:0], whose bytes may have been
// overwritten.
func (c *Conn) ReadInto(ctx context.Context, buf []byte) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx, buf[:0], false); err != nil {
		return 0, buf[:0], err
	}
	t, p, err := c.readMessage(ctx)
	if err != nil {
		return 0, buf[:0], err
	}
	return t, p, nil
}
