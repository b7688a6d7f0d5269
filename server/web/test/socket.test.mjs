import assert from "node:assert/strict";
import test from "node:test";
import { backoff, LEAST_WAIT, MOST_WAIT, retryHint, Socket } from "../page/socket.js";

/** A browser without a network, whose clock is turned by hand. */
function fakeBrowser({ random = 0.5 } = {}) {
  const timers = new Map();
  const sockets = [];
  const env = {
    time: 1_000_000,
    online: true,
    hidden: false,
    window: new EventTarget(),
    document: new EventTarget(),
    now: () => env.time,
    random: () => random,
    onLine: () => env.online,
    visible: () => !env.hidden,
    setTimeout: (f, ms) => {
      const id = Symbol();
      timers.set(id, { at: env.time + ms, f });
      return id;
    },
    clearTimeout: (id) => timers.delete(id),
    timers: () => timers.size,
    /** Turns the clock on by ms and rings what is due on the way. */
    pass(ms) {
      const end = env.time + ms;
      for (;;) {
        const [id, next] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
        if (!next || next.at > end) break;
        env.time = next.at;
        timers.delete(id);
        next.f();
      }
      env.time = end;
    },
    WebSocket: class {
      constructor(url) {
        Object.assign(this, { url, readyState: 0, sent: [], closed: null });
        sockets.push(this);
      }
      open() { this.readyState = 1; this.onopen?.(); }
      receive(data) { this.onmessage?.({ data }); }
      end(code = 1006, reason = "") { this.readyState = 3; this.onclose?.({ code, reason }); }
      send(data) { this.sent.push(data); }
      close(code, reason) { this.readyState = 2; this.closed = [code, reason]; }
    },
  };
  return { env, sockets, last: () => sockets.at(-1) };
}

function connect(options, browserOptions) {
  const browser = fakeBrowser(browserOptions);
  const socket = new Socket("ws://host/t/lobby", { env: browser.env, ...options });
  const states = [socket.state];
  const events = [];
  socket.addEventListener("state", () => states.push(socket.state));
  for (const type of ["open", "message", "close"]) {
    socket.addEventListener(type, (e) => events.push([type, e.data ?? e.code, e.reason].filter((x) => x !== undefined)));
  }
  return { ...browser, socket, states, events };
}

test("the wait is anywhere between its bounds, and the ceiling doubles", () => {
  const lows = [1, 2, 3, 4, 5, 6, 100, 2000].map((n) => backoff(n, () => 0));
  const highs = [1, 2, 3, 4, 5, 6, 100, 2000].map((n) => backoff(n, () => 1));
  assert.deepEqual(lows, Array(8).fill(LEAST_WAIT));
  assert.deepEqual(highs, [1000, 2000, 4000, 8000, MOST_WAIT, MOST_WAIT, MOST_WAIT, MOST_WAIT]);
  for (let i = 0; i < 100; i++) assert.ok(backoff(3) >= 500 && backoff(3) <= 4000);
});

test("the server's hint counts with 1012 and 1013 only", () => {
  assert.equal(retryHint(1012, "retry=8400"), 8400);
  assert.equal(retryHint(1013, "drain; retry=0"), 0);
  assert.equal(retryHint(1012, "going down, retry=250, see you"), 250);
  assert.equal(retryHint(1012, "retry=999999999"), 300_000);
  for (const reason of ["", "retry=", "retry=-5", "retry=1.5", "retry=9e9", "noretry=7", "retry=5s", "retry=12345678901"]) {
    assert.equal(retryHint(1012, reason), undefined, reason);
  }
  for (const code of [1000, 1001, 1006, 1008, 1011, 4000]) assert.equal(retryHint(code, "retry=8400"), undefined);
});

test("opens, receives and sends", () => {
  const { socket, last, states, events } = connect();
  assert.equal(last().url, "ws://host/t/lobby");
  assert.equal(socket.send("early"), false);
  last().open();
  assert.equal(last().binaryType, "arraybuffer");
  assert.equal(socket.send("hi"), true);
  last().receive("hello");
  assert.deepEqual(last().sent, ["hi"]);
  assert.deepEqual(states, ["connecting", "open"]);
  assert.deepEqual(events, [["open"], ["message", "hello"]]);
});

test("comes back after a loss, later each time", () => {
  const { env, socket, sockets, last, states } = connect({}, { random: 1 });
  last().open();
  for (const wait of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
    const n = sockets.length;
    last().end();
    assert.equal(socket.state, "waiting");
    assert.equal(socket.retryAt, env.time + wait);
    assert.equal(socket.send("lost"), false);
    env.pass(wait - 1);
    assert.equal(sockets.length, n);
    env.pass(1);
    assert.equal(sockets.length, n + 1);
    assert.equal(socket.state, "connecting");
  }
  last().open();
  assert.equal(states.at(-1), "open");
});

test("a connection that lasted begins the waits anew, one that did not does not", () => {
  const { env, socket, last } = connect({}, { random: 1 });
  const waitAfter = (lasted) => {
    last().open();
    env.pass(lasted);
    last().end();
    const wait = socket.retryAt - env.time;
    env.pass(wait);
    return wait;
  };
  assert.deepEqual([0, 4999, 0, 5000, 0].map(waitAfter), [1000, 2000, 4000, 1000, 2000]);
});

test("waits exactly as long as the server asks, and nothing but a person hurries it", () => {
  const { env, socket, sockets, last, events } = connect();
  last().open();
  last().end(1012, "retry=60000");
  assert.deepEqual(events.at(-1), ["close", 1012, "retry=60000"]);
  env.window.dispatchEvent(new Event("online"));
  env.document.dispatchEvent(new Event("visibilitychange"));
  env.pass(59_999);
  assert.equal(sockets.length, 1);
  env.pass(1);
  assert.equal(sockets.length, 2);

  last().end(1013, "retry=60000");
  socket.reconnect();
  assert.equal(sockets.length, 3);
  assert.equal(socket.state, "connecting");
});

for (const [what, wake] of [
  ["the network is back", (env) => env.window.dispatchEvent(new Event("online"))],
  ["the page can be seen", (env) => env.document.dispatchEvent(new Event("visibilitychange"))],
  ["a person asks", (_, socket) => socket.reconnect()],
]) {
  test(`connects at once when ${what}`, () => {
    const { env, socket, sockets, last } = connect();
    last().end();
    wake(env, socket);
    assert.equal(sockets.length, 2);
    wake(env, socket); // while connecting: nothing
    last().open();
    wake(env, socket); // while open: nothing
    assert.equal(sockets.length, 2);
    env.pass(60_000);
    assert.equal(sockets.length, 2);
  });
}

test("a page that gets hidden does not connect", () => {
  const { env, sockets, last } = connect();
  last().end();
  env.hidden = true;
  env.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(sockets.length, 1);
});

test("without a network it is offline, and tries all the same", () => {
  const { env, socket, sockets, last, states } = connect();
  env.online = false;
  last().end();
  assert.equal(socket.state, "offline");
  env.pass(10_000);
  assert.equal(sockets.length, 2);
  env.online = true;
  last().end();
  assert.equal(socket.state, "waiting");
  env.window.dispatchEvent(new Event("offline"));
  assert.equal(socket.state, "offline");
  assert.deepEqual(states, ["connecting", "offline", "connecting", "waiting", "offline"]);
});

test("an attempt that hangs is given up", () => {
  const { env, socket, sockets, events } = connect();
  env.pass(10_000);
  assert.equal(socket.state, "waiting");
  assert.notEqual(sockets[0].closed, null);
  assert.deepEqual(events, [["close", 1006, "no connection"]]);
  sockets[0].open(); // too late
  assert.equal(socket.state, "waiting");
});

test("a connection that does not answer is given up", () => {
  const { env, socket, last, sockets } = connect({ answerWithin: 3000 });
  last().open();
  env.pass(100_000); // nothing was asked
  socket.send("a");
  env.pass(2999);
  last().receive("a");
  env.pass(100_000);
  assert.equal(socket.state, "open");
  socket.send("b");
  env.pass(2000);
  socket.send("c"); // does not give it more time
  env.pass(1000);
  assert.equal(socket.state, "waiting");
  assert.notEqual(sockets[0].closed, null);
  sockets[0].end(); // its end is old news
  sockets[0].receive("late");
  env.pass(10_000);
  assert.equal(sockets.length, 2);
});

test("close is the end, in whatever state", () => {
  for (const prepare of [() => {}, ({ last }) => last().open(), ({ last }) => last().end()]) {
    const browser = connect({ answerWithin: 1000 });
    prepare(browser);
    browser.socket.send("x");
    browser.socket.close(1000, "bye");
    browser.socket.close();
    assert.equal(browser.socket.state, "closed");
    assert.equal(browser.env.timers(), 0);
    browser.env.window.dispatchEvent(new Event("online"));
    browser.socket.reconnect();
    browser.env.pass(100_000);
    assert.equal(browser.sockets.length, 1);
  }
  const { socket, last } = connect();
  last().open();
  socket.close(1000, "bye");
  assert.deepEqual(last().closed, [1000, "bye"]);
});
