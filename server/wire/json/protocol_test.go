package json

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

// examples returns what stands behind an arrow in the JSON part of the protocol's page:
// requests behind →, answers behind ←.
func examples(t *testing.T, arrow string) (list []string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/reference/protocol.md")
	assert.NoError(t, err)
	_, part, found := strings.Cut(string(page), "\n## JSON:")
	assert.True(t, found, "the page has no JSON part")
	part, _, _ = strings.Cut(part, "\n## ")
	for line := range strings.SplitSeq(part, "\n") {
		for _, piece := range strings.Split(line, arrow+" ")[1:] {
			list = append(list, piece[:objectLen(piece)])
		}
	}
	return list
}

// objectLen returns the length of the object at the beginning of s.
func objectLen(s string) int {
	depth := 0
	for i, c := range s {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

func TestRequestsOfTheProtocol(t *testing.T) {
	seen := make(map[verb]bool)
	for _, example := range examples(t, "→") {
		q, err := parse([]byte(strings.ReplaceAll(example, "{…}", "{}")))
		assert.NoError(t, err)
		seen[q.verb] = true
	}
	assert.Equal(t, len(seen), len(verbs))
}

func TestAnswersOfTheProtocol(t *testing.T) {
	at := hub.Cursor{Epoch: 1, Offset: 2, Time: 1790000000000}
	order := &hub.Message{Topic: "orders.42", Kind: hub.JSON, Payload: []byte("{}"), At: at}
	denied := &wire.Refusal{Code: "denied", Detail: "…"}
	produced := []string{
		string(appendSub(nil, "orders.42", "1", hub.Notice{At: at})),
		string(wire.AppendMessage(nil, order, true, "")),
		string(wire.AppendMessage(nil, order, true, "orders.*")),
		string(appendGap(nil, "orders.42", at)),
		string(appendEnd(nil, "orders.42", hub.Notice{At: at, Err: hub.ErrSlow})),
		string(appendOK(nil, "2")),
		string(appendReceipt(nil, "7", hub.Receipt{At: at})),
		string(appendHistory(nil, "8", &hub.History{At: at})),
		string(appendWho(nil, "9", &hub.PresencePage{Names: []string{"carol"}, Count: 812, More: true})),
		string(appendOK(nil, "10")),
		string(appendPresence(nil, &hub.PresenceChange{Topic: "room.1", Count: 812, Full: true, Names: []string{"ann"}, More: true})),
		string(appendPresence(nil, &hub.PresenceChange{Topic: "room.1", Count: 813, Join: []string{"bob"}})),
		string(appendBye(nil, 8400, "drain")),
		string(appendErr(nil, "7", denied)),
	}
	written := examples(t, "←")
	assert.Equal(t, len(written), len(produced))
	for i, want := range written {
		got := strings.ReplaceAll(produced[i], at.String(), "CURSOR")
		want = strings.ReplaceAll(want, "{…}", "{}")
		want = strings.ReplaceAll(want, `[…]`, "[]")
		want = strings.ReplaceAll(want, `,…]`, "]")
		if head, rest, _ := strings.Cut(want, `,…}`); rest == "" && head != want {
			got, want = got[:min(len(got), len(head))], head
		}
		got = regexp.MustCompile(`"message":"[^"]*"`).ReplaceAllString(got, `"message":"…"`)
		assert.Equal(t, got, want)
	}
}

// TestCodesOfTheProtocol holds the codes that clients can be told against those that the
// page explains.
func TestCodesOfTheProtocol(t *testing.T) {
	page, err := os.ReadFile("../../../docs/reference/protocol.md")
	assert.NoError(t, err)
	explained := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (yes|no) \\|").FindAllStringSubmatch(string(page), -1) {
		explained[m[1]] = m[2]
	}
	told := map[string]string{"too_large": "no"} // over HTTP; a socket is closed with 1009
	for _, err := range []error{
		hub.ErrBadCursor, hub.ErrSlow, hub.ErrTooManyKeys, hub.ErrLongKey, hub.ErrBusy, hub.ErrClosed,
		hub.CheckTopic(""), wire.BadRequest(""), errNoAuth, errBadToken, os.ErrClosed,
	} {
		code, retry, _ := wire.Describe(err)
		told[code] = map[bool]string{true: "yes", false: "no"}[retry]
	}
	assert.Equal(t, told, explained)
}
