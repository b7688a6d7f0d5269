package e2e

import (
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// People talk through the real page in a real browser and the real server.
func TestChatInChromium(t *testing.T) {
	b := browser{newBrowser(t)}
	for name, test := range map[string]func(*testing.T, browser){
		"two talk":                     testTwoTalk,
		"one goes and comes back":      testOneGoes,
		"the server comes back":        testServerComesBack,
		"a server that keeps all":      testKept,
		"rooms are apart":              testRooms,
		"whoever has no page":          testGuests,
		"nothing is interpreted":       testNothingInterpreted,
		"binary":                       testBinary,
		"written without a connection": testWrittenOffline,
		"lost on the way back":         testLostAnswer,
		"on a phone":                   testPhone,
		"closed":                       testClosed,
		"written when closed":          testClosedWriting,
		"reading what was said":        testReading,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			test(t, b)
		})
	}
}

// clean ends the test if the console of a page shows a problem.
func clean(visitors ...*visitor) {
	for _, v := range visitors {
		v.t.Helper()
		assert.Equal(v.t, v.console.problems(nil), nil)
	}
}

func testTwoTalk(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	ann := visit(t, b, s.url, "", "Ann")
	ann.equal(count, "1")
	ann.equal(people, []string{"Ann (me)"})
	bob := visit(t, b, s.url, "", "Bob")
	ann.equal(count, "2")
	ann.equal(people, []string{"Ann (me)", "Bob"})
	bob.equal(count, "2")
	bob.equal(people, []string{"Bob (me)", "Ann"})

	ann.say("hello, room")
	ann.equal(messages, []string{"me: hello, room"})
	ann.equal(deliveries, []string{"delivered"})
	bob.equal(messages, []string{"Ann: hello, room"})
	bob.do(chromedp.SendKeys(chromedp.CSS("[data-testid=text]"), "hello, Ann ✓ 👋"), chromedp.Click(chromedp.CSS("[data-testid=send]")))
	ann.equal(messages, []string{"me: hello, room", "Bob: hello, Ann ✓ 👋"})
	bob.equal(messages, []string{"Ann: hello, room", "me: hello, Ann ✓ 👋"})
	bob.equal(deliveries, []string{"", "delivered"})

	ann.rename("Änne")
	bob.equal(people, []string{"Bob (me)", "Änne"})
	ann.say("a new name")
	bob.equal(messages+".at(-1)", "Änne: a new name")
	bob.equal(notes+".at(-1)", "rename: Ann is now Änne")
	clean(ann, bob)
}

func testOneGoes(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0", "--topic", "> presence=100ms grace=200ms")
	ann, bob := visit(t, b, s.url, "", "Ann"), visit(t, b, s.url, "", "Bob")
	together(ann, bob)
	bob.close()
	ann.equal(notes+".at(-1)", "leave: Bob left")
	ann.equal(people, []string{"Ann (me)"})
	ann.equal(count, "1")
	ann.say("alone")
	bob = visit(t, b, s.url, "", "Bob")
	together(ann, bob)
	bob.equal(messages, []string{"Ann: alone"}) // said before he came
	ann.say("again")
	bob.equal(messages, []string{"Ann: alone", "Ann: again"})
	bob.say("yes")
	ann.equal(messages, []string{"me: alone", "me: again", "Bob: yes"})
	clean(ann, bob)
}

// restarting tells whether a line in the console is what Chromium has to say about
// a server that is not there. A page cannot keep it from saying so.
var restarting = regexp.MustCompile(`^error: WebSocket connection to 'ws://127\.0\.0\.1:\d+/ws' failed: ?` +
	`(Error in connection establishment: net::ERR_CONNECTION_REFUSED)?$`).MatchString

func testServerComesBack(t *testing.T, b browser) {
	address := freeAddress(t)
	s := serveDuplex(t, address)
	ann, bob := visit(t, b, s.url, "", "Ann"), visit(t, b, s.url, "", "Bob")
	together(ann, bob)
	ann.watchStates()
	bob.watchStates()
	var said []string
	for i, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		status := s.signal(end)
		assert.Equal(t, status, map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGKILL: -1}[end])
		ann.waitFor(`!(` + stateIs("open") + `)`)
		bob.waitFor(`!(` + stateIs("open") + `)`)
		text := "written without a server, after " + end.String()
		ann.say(text)
		ann.equal(deliveries+".at(-1)", "waiting")

		s = serveDuplex(t, address)
		ann.cameBack()
		bob.cameBack()
		together(ann, bob)
		ann.equal(deliveries+".at(-1)", "delivered")
		said = append(said, "me: "+text)
		ann.equal(messages, said)

		text = "back after " + end.String()
		bob.say(text)
		bob.equal(messages+".at(-1)", "me: "+text)
		said = append(said, "Bob: "+text)
		ann.equal(messages, said)
		// This server keeps messages in memory, and so cannot tell that none was missed.
		ann.equal(gaps, i+1)
	}
	// Nobody left, so nobody is told to have joined again.
	joined := notes + `.filter((n) => n.startsWith("join"))`
	ann.equal(joined, []string{"join: Bob joined"})
	bob.equal(joined, []string{})
	assert.Equal(t, ann.console.problems(restarting), nil)
	assert.Equal(t, bob.console.problems(restarting), nil)
}

// With a server that keeps what is said, neither its restart nor that of the page
// leaves a gap.
func testKept(t *testing.T, b browser) {
	s := serveDurable(t)
	ann, bob := visit(t, b, s.url, "", "Ann"), visit(t, b, s.url, "", "Bob")
	ann.say("one")
	bob.say("two")
	ann.equal(messages, []string{"me: one", "Bob: two"})
	ann.watchStates()
	s.kill()
	ann.waitFor(`!(` + stateIs("open") + `)`)
	ann.say("three")
	s.start()
	ann.cameBack()
	bob.equal(messages, []string{"Ann: one", "me: two", "Ann: three"})
	ann.equal(messages, []string{"me: one", "Bob: two", "me: three"})
	ann.equal(deliveries, []string{"delivered", "", "delivered"})

	ann.do(chromedp.Reload())
	ann.waitFor(stateIs("open"))
	ann.equal(messages, []string{"me: one", "Bob: two", "me: three"})
	ann.equal(deliveries, []string{"delivered", "", "delivered"})
	ann.say("four")
	bob.equal(messages, []string{"Ann: one", "me: two", "Ann: three", "Ann: four"})
	ann.equal(gaps, 0)
	bob.equal(gaps, 0)
	cid := visit(t, b, s.url, "", "Cid")
	cid.equal(messages, []string{"Ann: one", "Bob: two", "Ann: three", "Ann: four"})
	assert.Equal(t, ann.console.problems(restarting), nil)
	assert.Equal(t, bob.console.problems(restarting), nil)
	clean(cid)
}

func testRooms(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	ann, bob := visit(t, b, s.url, "garden", "Ann"), visit(t, b, s.url, "Küche.1", "Bob")
	kitchen := dial(t, s.ws("/t/K%C3%BCche.1"))
	ann.say("a secret of the garden")
	bob.say("a secret of the kitchen")
	ann.equal(messages, []string{"me: a secret of the garden"})
	bob.equal(messages, []string{"me: a secret of the kitchen"})
	kitchen.expect(`"text":"a secret of the kitchen"`)
	ann.equal(people, []string{"Ann (me)"})
	bob.equal(people, []string{"Bob (me)"})

	bob.do(bob.field("room"), chromedp.SendKeys(chromedp.CSS("[data-testid=room]"), "garden\r"))
	bob.waitFor(stateIs("open"))
	together(ann, bob)
	bob.equal(messages, []string{"Ann: a secret of the garden"})
	ann.say("welcome")
	bob.equal(messages, []string{"Ann: a secret of the garden", "Ann: welcome"})
	kitchen.write(websocket.Text, "is anybody here?")
	kitchen.expect("is anybody here?")
	assert.Equal(t, kitchen.later("welcome"), false)
	clean(ann, bob)
}

func testGuests(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	ann := visit(t, b, s.url, "", "Ann")
	guest := dial(t, s.ws("/t/lobby"))
	guest.write(websocket.Text, "plain text")
	ann.equal(messages, []string{"guest: plain text"})
	guest.write(websocket.Text, `{"name":"Robot","text":"from a program"}`)
	ann.equal(messages, []string{"guest: plain text", "Robot: from a program"})
	ann.equal(count, "1") // nobody knows the guest's name
	ann.say("hello, machines")
	guest.expect(`"text":"hello, machines"`)
	dial(t, s.ws("/t/lobby?as=Robot"))
	ann.equal(people, []string{"Ann (me)", "Robot"})
	ann.equal(notes+".at(-1)", "join: Robot joined")
	clean(ann)
}

func testNothingInterpreted(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	ann := visit(t, b, s.url, "", "Ann")
	bob := visit(t, b, s.url, "", "<b>Bob</b><img src=x onerror=alert(1)>"[:32])
	together(ann, bob)
	guest := dial(t, s.ws("/t/lobby"))
	evil := `<img src="x" onerror="window.evil = true"><script>window.evil = true</script><b>bold</b>`
	guest.write(websocket.Text, evil)
	ann.equal(messages, []string{"guest: " + evil})
	dial(t, s.ws("/t/lobby?as="+url.QueryEscape("<i>Eve</i>")))
	bob.say(evil)
	ann.equal(messages, []string{"guest: " + evil, "<b>Bob</b><img src=x onerror=ale: " + evil})
	ann.equal(people, []string{"Ann (me)", "<b>Bob</b><img src=x onerror=ale", "<i>Eve</i>"})
	ann.equal(notes+".at(-1)", "join: <i>Eve</i> joined")
	ann.waitFor(`document.querySelectorAll(".messages img, .messages script, .messages b, .people img, .people b, .people i, .note i").length === 0`)
	ann.waitFor(`window.evil === undefined`)
	// A link is one, but only over http.
	guest.write(websocket.Text, "https://example.com/?a=1&b=2 javascript:alert(1)")
	ann.equal(`[...document.querySelectorAll(".messages a")].map((a) => [a.href, a.rel])`,
		[][]string{{"https://example.com/?a=1&b=2", "noopener noreferrer nofollow"}})
	clean(ann, bob)
}

// pixel is a GIF of one pixel.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

func testBinary(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	ann := visit(t, b, s.url, "", "Ann")
	guest := dial(t, s.ws("/t/lobby"))
	guest.write(websocket.Binary, "")
	guest.write(websocket.Binary, "\x00\xff<b>")
	guest.write(websocket.Binary, strings.Repeat("\xab", 1000))
	ann.equal(messages, []string{"guest: binary message, 0 bytes",
		"guest: binary message, 5 bytes\n00 ff 3c 62 3e",
		"guest: binary message, 1000 bytes\n" + strings.Repeat("ab ", 16) + "…"})
	guest.write(websocket.Binary, pixel)
	ann.waitFor(`document.querySelector(".messages img")?.naturalWidth === 1`)
	clean(ann)
}

// What is written while there is no connection is delivered once there is.
func testWrittenOffline(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	line := newCable(t, s)
	ann, bob := visit(t, b, line.url(), "", "Ann"), visit(t, b, s.url, "", "Bob")
	together(ann, bob)
	ann.watchStates()
	line.cut()
	ann.waitFor(stateIs("waiting"))
	ann.say("first")
	ann.say("second")
	ann.equal(deliveries, []string{"waiting", "waiting"})
	bob.say("Ann, are you there?")
	bob.equal(deliveries, []string{"delivered"})
	line.mend()
	ann.cameBack()
	ann.equal(deliveries, []string{"", "delivered", "delivered"})
	ann.say("third")
	bob.equal(messages, []string{"me: Ann, are you there?", "Ann: first", "Ann: second", "Ann: third"})
	ann.equal(messages, []string{"Bob: Ann, are you there?", "me: first", "me: second", "me: third"}) // nothing is missed
	ann.equal(gaps, 0)
	assert.Equal(t, ann.console.problems(restarting), nil)
	clean(bob)
}

// A message that the room has got, but whose way back was cut, is sent again and
// stored once.
func testLostAnswer(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	line := newCable(t, s)
	ann, bob := visit(t, b, line.url(), "", "Ann"), visit(t, b, s.url, "", "Bob")
	together(ann, bob)
	guest := dial(t, s.ws("/t/lobby"))
	ann.watchStates()
	line.mute()
	ann.say("twice on the wire")
	bob.equal(messages, []string{"Ann: twice on the wire"})
	guest.expect("twice on the wire")
	ann.equal(deliveries, []string{"sent"})
	line.cut()
	ann.waitFor(stateIs("waiting"))
	ann.equal(deliveries, []string{"waiting"})
	line.mend()
	ann.cameBack()
	ann.equal(deliveries, []string{"delivered"})
	ann.say("and on")
	assert.Contains(t, receive(t, "the next message", guest.in), "and on")
	bob.equal(messages, []string{"Ann: twice on the wire", "Ann: and on"})
	ann.equal(messages, []string{"me: twice on the wire", "me: and on"})
	assert.Equal(t, ann.console.problems(restarting), nil)
	clean(bob)
}

func testPhone(t *testing.T, b browser) {
	s := serveDuplex(t, "127.0.0.1:0")
	v := &visitor{newTab(t, b)}
	v.do(chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch), chromedp.Navigate(s.url))
	v.waitFor(stateIs("open"))
	const fits = `document.documentElement.scrollWidth <= innerWidth && innerWidth === 320 && ` +
		`document.querySelector("[data-testid=log]").scrollWidth <= document.querySelector("[data-testid=log]").clientWidth`
	v.waitFor(fits)
	v.rename(strings.Repeat("W", 32))
	v.say(strings.Repeat("unbreakable", 15))
	guest := dial(t, s.ws("/t/lobby"))
	guest.write(websocket.Text, "https://example.com/"+strings.Repeat("x", 500))
	guest.write(websocket.Binary, strings.Repeat("\x00", 100))
	guest.write(websocket.Text, `{"name":"`+strings.Repeat("M", 32)+`","text":"wide"}`)
	v.waitFor(messages + ".length === 4")
	v.waitFor(fits)
	// What one types into and presses lies within the screen.
	for _, id := range []string{"text", "send", "room", "state"} {
		v.waitFor(`(({ left, right, top, bottom }) => left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight)(` +
			find(id) + `.getBoundingClientRect())`)
	}
	clean(v)
}
