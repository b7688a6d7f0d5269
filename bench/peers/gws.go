package peers

import (
	"context"
	"net"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsPeer is the server of gws's "Best Practice", with the text check switched
// on and messages handled in order, and its Broadcaster for a fan-out.
var gwsPeer = Peer{
	Name:            "gws",
	Module:          "github.com/lxzan/gws",
	Best:            Takeover,
	ChecksText:      true,
	MergesFragments: true,
	serve:           serveGws,
}

func serveGws(ctx context.Context, l net.Listener, o Options) error {
	so := &gws.ServerOption{
		ReadMaxPayloadSize:  int(o.MaxMessage),
		WriteMaxPayloadSize: int(o.MaxMessage),
		CheckUtf8Enabled:    true,
		Recovery:            gws.Recovery,
		SubProtocols:        o.Subprotocols,
		PermessageDeflate: gws.PermessageDeflate{
			Enabled:               o.Compression != Off,
			ServerContextTakeover: o.Compression == Takeover,
			ClientContextTakeover: o.Compression == Takeover,
			ServerMaxWindowBits:   o.WindowBits,
			ClientMaxWindowBits:   o.WindowBits,
		},
	}
	echo, fan := gws.NewUpgrader(gwsEcho{}, so), gws.NewUpgrader(new(gwsFan), so)
	return serveHTTP(ctx, l, func(w http.ResponseWriter, r *http.Request) {
		u := echo
		if r.URL.Path == fanPath {
			u = fan
		}
		c, err := u.Upgrade(w, r)
		if err != nil {
			return // answered by Upgrade
		}
		go c.ReadLoop()
	})
}

// gwsEcho is what its connections do that echo.
type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnPing(c *gws.Conn, payload []byte) { _ = c.WritePong(payload) }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}

// gwsFan is what those do that are in a room.
type gwsFan struct {
	gwsEcho
	room room[*gws.Conn]
}

func (f *gwsFan) OnOpen(c *gws.Conn) { f.room.join(c) }

func (f *gwsFan) OnClose(c *gws.Conn, _ error) { f.room.leave(c) }

func (f *gwsFan) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	f.room.each(func(c *gws.Conn) { _ = b.Broadcast(c) })
}
