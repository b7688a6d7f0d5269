package peers

import (
	"context"
	"net"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsPeer is the server of gws's "Best Practice", with the text check switched
// on and messages handled in order.
var gwsPeer = Peer{
	Name:            "gws",
	Module:          "github.com/lxzan/gws",
	Best:            Takeover,
	ChecksText:      true,
	MergesFragments: true,
	serve:           serveGws,
}

func serveGws(ctx context.Context, l net.Listener, o Options) error {
	u := gws.NewUpgrader(gwsEcho{}, &gws.ServerOption{
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
	})
	return serveHTTP(ctx, l, func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			return // answered by Upgrade
		}
		go c.ReadLoop()
	})
}

// gwsEcho is what its connections do.
type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnPing(c *gws.Conn, payload []byte) { _ = c.WritePong(payload) }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}
