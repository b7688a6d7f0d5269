package e2e

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/websocket"
)

// The WebSocket of a page behaves as its standard (https://websockets.spec.whatwg.org)
// says, as far as a server has a hand in it.
func TestStandardInChromium(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(file("testdata/standard/page.html", "text/html"))
	t.Cleanup(s.Close)
	url := runApp(t, app.Config{Origins: []string{s.URL}})
	w := &standard{app: url, echo: socketURL(url) + "/echo"}
	w.tab = openTab(t, browser{newBrowser(t)}, s.URL)
	for name, test := range map[string]func(*testing.T, *standard){
		"a life":                            testLife,
		"messages":                          testMessages,
		"fragmented messages":               testFragmented,
		"bufferedAmount":                    testBufferedAmount,
		"protocols":                         testProtocols,
		"closed by the page":                testClosedByPage,
		"closed by the server":              testClosedByServer,
		"closed by nobody":                  testClosedByNobody,
		"closed with messages on their way": testClosedLate,
		"a message too big":                 testTooBig,
		"refused":                           testRefused,
	} {
		t.Run(name, func(t *testing.T) { test(t, w) })
	}
}

// standard is where the tests of the standard run.
type standard struct {
	tab       *tab   // a page of an origin that is foreign to all servers, with Watched in it
	app, echo string // a server that lets that page in, and its echo
}

// run runs the body of an async function in the page, with strings in place of its
// verbs, and returns the JSON of what it returns.
func (w *standard) run(t *testing.T, body string, args ...any) string {
	t.Helper()
	for i, arg := range args {
		args[i] = quote(fmt.Sprint(arg))
	}
	return js[string](w.tab.with(t), fmt.Sprintf("(async () => {"+body+"})().then(JSON.stringify)", args...))
}

func testLife(t *testing.T, w *standard) {
	got := w.run(t, `
		const w = new Watched(%s);
		const states = [w.ws.readyState, thrown(() => w.ws.send("too early"))];
		await w.open();
		states.push(w.ws.readyState);
		w.ws.send("hello");
		states.push(await w.message());
		w.ws.close(1000, "bye");
		states.push(w.ws.readyState);
		await w.closed();
		w.ws.close(); // changes nothing
		return [states, w.seen, w.ws.url, w.ws.extensions, w.ws.protocol];`, w.echo)
	assert.Equal(t, got, `[[0,"InvalidStateError",1,"hello",2],["open, state 1","close 1000 \"\" true, state 3"],"`+w.echo+`","",""]`)
}

func testMessages(t *testing.T, w *standard) {
	for name, c := range map[string]struct{ body, want string }{
		"binaryType is blob unless set, and may change": {`
			const ws = new WebSocket(%s);
			const types = [ws.binaryType];
			const next = () => new Promise((resolve) => { ws.onmessage = ({ data }) => resolve(data); });
			await new Promise((resolve) => { ws.onopen = resolve; });
			for (const type of ["blob", "arraybuffer", "blob"]) {
				ws.binaryType = type;
				ws.send(bytes(1000));
				const data = await next();
				types.push(data.constructor.name);
				types.push(same(bytes(1000), data instanceof Blob ? await data.arrayBuffer() : data));
			}
			return types;`, `["blob","Blob",true,"ArrayBuffer",true,"Blob",true]`},
		"whatever send takes": {`
			const w = await opened(%s);
			const lengths = [];
			for (const data of [bytes(3), bytes(3).buffer, new DataView(bytes(8).buffer, 2, 3), new Blob(["a", "bc"]), 123, null, ""]) {
				w.ws.send(data);
				const back = await w.message();
				lengths.push(typeof back === "string" ? back : back.byteLength);
			}
			return lengths;`, `[3,3,3,3,"123","null",""]`},
		"UTF-8 of all planes": {`
			const w = await opened(%s);
			let all = "\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufeff\ufffe\uffff";
			for (let plane = 1; plane <= 16; plane++) {
				for (const last of [0, 1, 0x8000, 0xfffe, 0xffff]) all += String.fromCodePoint(plane * 0x10000 + last);
			}
			const failed = [];
			for (const text of [...all, all, all.repeat(1000)]) {
				w.ws.send(text);
				if (await w.message() !== text) failed.push(text.codePointAt(0));
			}
			return [[...all].length, failed];`, `[90,[]]`},
		"half a surrogate pair is replaced": {`
			const w = await opened(%s);
			w.ws.send("a\ud800b\udc00");
			return await w.message() === "a\ufffdb\ufffd";`, `true`},
		"1 MiB of text": {`
			const w = await opened(%s);
			const text = "0123456789abcdeß".repeat(61680) + "0123456789abcdef";
			w.ws.send(text);
			return [new TextEncoder().encode(text).length, await w.message() === text];`, `[1048576,true]`},
		"1 MiB of bytes": {`
			const w = await opened(%s);
			w.ws.send(bytes(1 << 20));
			return same(await w.message(), bytes(1 << 20));`, `true`},
		"the order of 1,000": {`
			const w = await opened(%s);
			for (let i = 0; i < 1000; i++) w.ws.send(i %% 2 ? String(i) : new Uint8Array(i));
			await w.until(() => w.messages.length === 1000);
			return w.messages.every((m, i) => i %% 2 ? m === String(i) : m.byteLength === i);`, `true`},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, w.run(t, c.body, w.echo), c.want) })
	}
}

// Messages of our Writer leave in frames of 16 KiB, which cut characters in two;
// pings come between them.
func testFragmented(t *testing.T, w *standard) {
	url, ended := listen(t, writeFragments, anyOrigin)
	got := w.run(t, `
		const w = await opened(%s);
		const want = ("x" + "€".repeat(20000)).repeat(3);
		const text = await w.message();
		const binary = await w.message();
		await w.closed();
		return [text === want, new TextDecoder().decode(binary) === want, w.seen];`, url)
	assert.Equal(t, got, `[true,true,["open, state 1","close 1000 \"\" true, state 3"]]`)
	assert.Equal(t, ending(receive(t, "the end", ended)), `sent 1000 "", received 1000 ""`)
}

func testBufferedAmount(t *testing.T, w *standard) {
	read := make(chan struct{})
	url, _ := listen(t, func(ctx context.Context, c *websocket.Conn) error {
		<-read
		return echo(ctx, c)
	}, anyOrigin)
	p := w.tab.with(t)
	const sent = 16 << 20
	got := js[string](p, fmt.Sprintf(`(async () => {
		w = await opened(%s);
		amounts = [w.ws.bufferedAmount];
		for (let i = 0; i < 16; i++) w.ws.send(new Uint8Array(1 << 20));
		amounts.push(w.ws.bufferedAmount);
		return JSON.stringify(amounts);
	})()`, quote(url)))
	assert.Equal(t, got, fmt.Sprintf("[0,%d]", sent))
	// What the kernel takes is gone. The rest stays as long as nobody reads.
	assert.True(t, js[bool](p, "w.ws.bufferedAmount > 1 << 20"), "the network took everything")
	close(read)
	p.waitFor("w.ws.bufferedAmount === 0")
	got = js[string](p, `(async () => {
		w.ws.close();
		const amounts = [w.ws.bufferedAmount];
		w.ws.send("12345");
		amounts.push(w.ws.bufferedAmount);
		await w.closed();
		amounts.push(w.ws.bufferedAmount);
		w.ws.send("€");
		amounts.push(w.ws.bufferedAmount);
		return JSON.stringify(amounts);
	})()`)
	assert.Equal(t, got, "[0,5,5,8]")

	url, _ = listen(t, func(_ context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(t.Context())
		_ = c.CloseNow()
		return err
	}, anyOrigin)
	got = w.run(t, `
		const w = await opened(%s);
		w.ws.send("the only one that is read");
		for (let i = 0; i < 16; i++) w.ws.send(new Uint8Array(1 << 20));
		await w.closed();
		return [w.seen, w.ws.bufferedAmount > 1 << 20];`, url)
	assert.Equal(t, got, `[["open, state 1","close 1006 \"\" false, state 3"],true]`)
}

func testProtocols(t *testing.T, w *standard) {
	o := anyOrigin
	o.Subprotocols = []string{"v2.example", "v1.example"}
	url, _ := listen(t, echo, o)
	for _, c := range []struct{ url, offered, want string }{
		{url, `[]`, `["",["open, state 1"]]`},
		{url, `"v1.example"`, `["v1.example",["open, state 1"]]`},
		{url, `["v0.example", "v1.example", "v2.example"]`, `["v2.example",["open, state 1"]]`},
		// A browser, unlike RFC 6455, wants one of those it offered.
		{url, `["v3.example"]`, `["",["error, state 3","close 1006 \"\" false, state 3"]]`},
		{w.echo, `["v1.example"]`, `["",["error, state 3","close 1006 \"\" false, state 3"]]`},
	} {
		t.Run(c.offered, func(t *testing.T) {
			got := w.run(t, `
				const w = await opened(%s, `+c.offered+`);
				if (w.ws.readyState !== 1) await w.closed();
				return [w.ws.protocol, w.seen];`, c.url)
			assert.Equal(t, got, c.want)
		})
	}
}
