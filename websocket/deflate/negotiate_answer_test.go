package deflate_test

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
)

func TestOffer(t *testing.T) {
	tests := []struct {
		name   string
		config deflate.Config
		want   string
	}{
		{"default, as browsers offer", deflate.Config{}, "permessage-deflate; client_max_window_bits"},
		{"default said", deflate.Config{WindowBits: 15, PeerWindowBits: 15}, "permessage-deflate; client_max_window_bits"},
		{"own window", deflate.Config{WindowBits: 9}, "permessage-deflate; client_max_window_bits=9"},
		{"own takeover", deflate.Config{NoContextTakeover: true},
			"permessage-deflate; client_no_context_takeover; client_max_window_bits"},
		{"the server's window", deflate.Config{PeerWindowBits: 10},
			"permessage-deflate; server_max_window_bits=10; client_max_window_bits"},
		{"the server's takeover", deflate.Config{PeerNoContextTakeover: true},
			"permessage-deflate; server_no_context_takeover; client_max_window_bits"},
		{"everything", deflate.Config{WindowBits: 8, NoContextTakeover: true, PeerWindowBits: 14, PeerNoContextTakeover: true},
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=14; client_max_window_bits=8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, text(tt.config.Offer()), tt.want) })
	}
}

func TestCheckAnswer(t *testing.T) {
	var (
		all      = deflate.Config{WindowBits: 10, NoContextTakeover: true, PeerWindowBits: 11, PeerNoContextTakeover: true}
		ownOnly  = deflate.Config{WindowBits: 10, NoContextTakeover: true}
		fullPeer = "permessage-deflate; server_no_context_takeover; server_max_window_bits=11"
	)
	tests := []struct {
		name   string
		config deflate.Config
		answer string
		want   deflate.Params
	}{
		{"nothing said", deflate.Config{}, "permessage-deflate", agreed(takeover, takeover, 15, 15)},
		{"our window is bounded", deflate.Config{}, "permessage-deflate; client_max_window_bits=8", agreed(takeover, takeover, 15, 8)},
		{"our window is bounded to what it is", deflate.Config{}, "permessage-deflate; client_max_window_bits=15",
			agreed(takeover, takeover, 15, 15)},
		{"our takeover is forbidden", deflate.Config{}, "permessage-deflate; client_no_context_takeover", agreed(takeover, noTakeover, 15, 15)},
		{"no takeover of the server unasked", deflate.Config{}, "permessage-deflate; server_no_context_takeover",
			agreed(noTakeover, takeover, 15, 15)},
		{"a small window of the server unasked", deflate.Config{}, "permessage-deflate; server_max_window_bits=8",
			agreed(takeover, takeover, 8, 15)},
		{"the largest window of the server unasked", deflate.Config{}, "permessage-deflate; server_max_window_bits=15",
			agreed(takeover, takeover, 15, 15)},
		{"quoted value", deflate.Config{}, `permessage-deflate; server_max_window_bits="10"`, agreed(takeover, takeover, 10, 15)},
		{"everything as offered", all, fullPeer + "; client_no_context_takeover; client_max_window_bits=10",
			agreed(noTakeover, noTakeover, 11, 10)},
		{"the server takes less than offered", all, "permessage-deflate; server_max_window_bits=8; server_no_context_takeover",
			agreed(noTakeover, noTakeover, 8, 15)},
		{"our hints are not taken, and hold", ownOnly, "permessage-deflate", agreed(takeover, noTakeover, 15, 15)},
		{"a bound larger than our hint", ownOnly, "permessage-deflate; client_max_window_bits=12", agreed(takeover, noTakeover, 15, 12)},
		{"a bound smaller than our hint", ownOnly, "permessage-deflate; client_max_window_bits=9", agreed(takeover, noTakeover, 15, 9)},
		{"another extension beside", deflate.Config{}, "x, permessage-deflate, y; server_max_window_bits", agreed(takeover, takeover, 15, 15)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, ok, err := tt.config.CheckAnswer(parse(t, tt.answer))
			assert.NoError(t, err)
			assert.True(t, ok, "taken for declined")
			assert.Equal(t, p, tt.want)
		})
	}
}

func TestCheckAnswerDeclined(t *testing.T) {
	for _, answer := range []string{"", "x", "permessage-bzip2; server_max_window_bits=99", "Permessage-Deflate"} {
		list := parse(t, "x")[:0]
		if answer != "" {
			list = parse(t, answer)
		}
		// Nothing that was asked of the server counts if it declines.
		p, ok, err := deflate.Config{PeerWindowBits: 8, PeerNoContextTakeover: true}.CheckAnswer(list)
		assert.NoError(t, err)
		assert.True(t, !ok, "taken for accepted")
		assert.Equal(t, p, deflate.Params{})
	}
}

func TestCheckAnswerFails(t *testing.T) {
	type test struct {
		name          string
		config        deflate.Config
		answer        string
		section, part string
	}
	tests := []test{
		{"client bits without a value", deflate.Config{}, "permessage-deflate; client_max_window_bits",
			"RFC 7692 §7.1.2.2", "client_max_window_bits in the answer has no value"},
		{"server takeover left out", deflate.Config{PeerNoContextTakeover: true}, "permessage-deflate",
			"RFC 7692 §7.1.1.1", "leaves it out"},
		{"the other takeover in its place", deflate.Config{PeerNoContextTakeover: true}, "permessage-deflate; client_no_context_takeover",
			"RFC 7692 §7.1.1.1", "leaves it out"},
		{"server bits left out", deflate.Config{PeerWindowBits: 9}, "permessage-deflate",
			"RFC 7692 §7.1.2.1", "offer with server_max_window_bits=9 and leaves it out"},
		{"server bits larger than offered", deflate.Config{PeerWindowBits: 9}, "permessage-deflate; server_max_window_bits=10",
			"RFC 7692 §7.1.2.1", "server_max_window_bits=10 in the answer is more than the 9 that were offered"},
		{"server bits at the most", deflate.Config{PeerWindowBits: 14}, "permessage-deflate; server_max_window_bits=15",
			"RFC 7692 §7.1.2.1", "more than the 14"},
		{"accepted twice", deflate.Config{}, "permessage-deflate, permessage-deflate", "RFC 7692 §5", "permessage-deflate twice"},
		{"accepted twice with others between", deflate.Config{}, "permessage-deflate, x, permessage-deflate; server_no_context_takeover",
			"RFC 7692 §5", "permessage-deflate twice"},
		{"a good one and a bad one", deflate.Config{}, "permessage-deflate, permessage-deflate; x", "RFC 7692 §5", "twice"},
	}
	for _, bad := range badParams {
		tests = append(tests, test{bad.name, deflate.Config{}, "permessage-deflate; " + bad.params, bad.section, bad.part})
	}
	for _, value := range badBits {
		name := value[:min(20, len(value))]
		tests = append(tests,
			test{"server bits " + name, deflate.Config{}, "permessage-deflate; server_max_window_bits=" + value,
				"RFC 7692 §7.1.2.1", "server_max_window_bits has an invalid value"},
			test{"client bits " + name, deflate.Config{}, "permessage-deflate; client_max_window_bits=" + value,
				"RFC 7692 §7.1.2.2", "client_max_window_bits has an invalid value"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, ok, err := tt.config.CheckAnswer(parse(t, tt.answer))
			assertRule(t, err, tt.section, tt.part)
			assert.True(t, !ok, "failed and accepted")
			assert.Equal(t, p, deflate.Params{})
		})
	}
}
