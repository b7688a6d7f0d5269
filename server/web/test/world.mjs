// A world for duplex.js: sockets that lead nowhere, a clock that is turned by
// hand, a page and a network that come and go.

import { afterEach } from "node:test";
import { Duplex } from "../duplex.js";

const real = Object.getOwnPropertyDescriptors(globalThis);
const replaced = ["setTimeout", "setInterval", "clearTimeout", "document", "addEventListener", "location"];
const { now } = Date;
const { random } = Math;

afterEach(() => {
  for (const name of replaced) {
    delete globalThis[name];
    if (real[name]) Object.defineProperty(globalThis, name, real[name]);
  }
  Date.now = now;
  Math.random = random;
});

/** Resolves when everything that was promised so far has happened. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export function world({ luck = 0.5 } = {}) {
  const timers = new Map();
  const sockets = [];
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { hidden: false });
  const w = {
    time: 1_000_000,
    document,
    sockets,
    timers: () => timers.size,
    last: () => sockets.at(-1),
    online: () => window.dispatchEvent(new Event("online")),
    show(shown) {
      document.hidden = !shown;
      document.dispatchEvent(new Event("visibilitychange"));
    },
    /** Turns the clock on by ms and rings what is due on the way. */
    pass(ms) {
      const end = w.time + ms;
      for (;;) {
        const [id, next] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
        if (!next || next.at > end) break;
        w.time = Math.max(w.time, next.at);
        if (next.every) next.at = w.time + next.every;
        else timers.delete(id);
        next.f();
      }
      w.time = end;
    },
    /** A Duplex, what it told, and whom to ask. */
    duplex(options = {}, url = "ws://host/ws") {
      const duplex = new Duplex(url, { WebSocket: FakeSocket, ...options });
      const states = [duplex.state];
      duplex.addEventListener("state", () => states.push(duplex.state));
      return { duplex, states, told: tape(duplex) };
    },
    /** Opens the last socket. */
    async open() {
      w.last().open();
      await settled();
    },
  };
  class FakeSocket {
    constructor(url, protocol) {
      Object.assign(this, { url, protocol, readyState: 0, bufferedAmount: 0, sent: [], closed: null });
      sockets.push(this);
    }
    open() { this.readyState = 1; this.onopen?.({}); }
    receive(...frames) { for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) }); }
    end(code = 1006, reason = "") { this.readyState = 3; this.onclose?.({ code, reason }); }
    send(data) { this.sent.push(JSON.parse(data)); }
    close(...args) {
      if (args[0] !== undefined && args[0] !== 1000 && !(args[0] >= 3000 && args[0] <= 4999)) throw new Error("InvalidAccessError");
      this.closed ??= args;
      this.readyState = 2;
    }
    /** What was sent since this was asked last. */
    heard() { return this.sent.splice(0); }
  }
  const timer = (f, ms, every) => {
    const id = Object.freeze({});
    timers.set(id, { at: w.time + ms, f, every });
    return id;
  };
  globalThis.setTimeout = (f, ms) => timer(f, ms);
  globalThis.setInterval = (f, ms) => timer(f, ms, ms);
  globalThis.clearTimeout = (id) => { timers.delete(id); };
  globalThis.document = document;
  globalThis.addEventListener = window.addEventListener.bind(window);
  globalThis.location = new URL("https://host/page");
  Date.now = () => w.time;
  Math.random = () => luck;
  return w;
}

/** Writes down the events of a Duplex or a Subscription, as [type, what it is about]. */
export function tape(target) {
  const events = [];
  for (const type of ["open", "message", "gap", "presence", "error", "close"]) {
    target.addEventListener(type, (e) => events.push([type, "data" in e ? e.data : e.count ?? e.error?.code ?? e.at ?? e.code].filter((x) => x !== undefined)));
  }
  return events;
}
