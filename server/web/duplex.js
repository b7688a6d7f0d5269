// @ts-self-types="./duplex.d.ts"
// Topics of a Duplex server over one WebSocket that comes back.

const PATIENCE = 10_000; // ms to connect, and to answer

// The next connection would end the same way.
const FINAL = [1002, 1003, 1007, 1008, 1009, 4009];

// ms; clients must not come back together.
const wait = (attempt) => 500 + Math.random() * (Math.min(20_000, 500 * 2 ** attempt) - 500);

const problem = ({ code, message = code, retry }) => Object.assign(new Error(message), { code, retry });

function encode(value) {
  if (typeof value === "string") return { text: value };
  if (value instanceof ArrayBuffer) value = new Uint8Array(value);
  if (!(value instanceof Uint8Array)) return { data: value };
  return { base64: btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join("")) };
}

const decode = ({ text, data = text, base64 }) =>
  base64 === undefined ? data : Uint8Array.from(atob(base64), (char) => char.charCodeAt());

class Target extends EventTarget {
  constructor(fields) {
    super();
    Object.assign(this, fields);
    for (const type of ["open", "message", "gap", "presence", "state", "error", "close"]) {
      this.addEventListener(type, (event) => this["on" + type]?.(event));
    }
  }

  _emit(type, fields) {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}

export class Subscription extends Target {
  count = 0;
  here = new Set();

  get frame() {
    const { at, filter, id, options: { last, presence, as, self } } = this;
    return JSON.stringify({ sub: filter, ...(at ? { after: at } : { last }), presence, as, self, id });
  }

  close() {
    this.duplex._leave(this);
  }

  reject(error) {
    if (error.code !== "closed") this._tell("error", { error });
    this._emit("close");
  }

  _tell(type, fields) {
    this._emit(type, fields);
    this.duplex._emit(type, { ...fields, subscription: this });
  }
}

export class Duplex extends Target {
  bufferedAmount = 0;
  retryAt = 0;
  #options;
  #ws;
  #timer;
  #watch;
  #attempt = 0;
  #asked; // to wait
  #id = 0;
  #run = crypto.getRandomValues(new Uint32Array(3)).join("-");
  #subs = new Map();
  #pending = new Map(); // subscriptions and requests
  #own = new Set();
  #stop = new AbortController();

  constructor(url, options = {}) {
    super();
    this.#options = { WebSocket: globalThis.WebSocket, maxQueue: 1 << 20, ...options };
    this.url = new URL(url, globalThis.location).href.replace(/^http/, "ws");
    globalThis.addEventListener?.("online", this.#probe, this.#stop);
    globalThis.document?.addEventListener("visibilitychange", this.#probe, this.#stop);
    if (options.topic) this.subscription = this.subscribe(options.topic, options);
    this.connect();
  }

  get readyState() {
    return { open: 1, closed: 3 }[this.state] ?? 0;
  }

  get at() {
    return this.subscription?.at;
  }

  subscribe(filter, options = {}) {
    if (this.state === "closed") throw problem({ code: "closed" });
    this.#subs.get(filter)?.close();
    const sub = new Subscription({ duplex: this, filter, options, at: options.after, id: ++this.#id });
    this.#subs.set(filter, sub);
    this.#pending.set(sub.id, sub);
    this.#transmit(sub);
    return sub;
  }

  async publish(topic, value, { key, id = this.#run + "-" + this.#id } = {}) {
    const { at } = await this.request({ pub: topic, ...encode(value), key, idem: id });
    if (this.#own.add(at).size > 1000) this.#own.delete(this.#own.values().next().value);
    return at;
  }

  send(value) {
    this.publish(this.#options.topic, value).catch((error) => this._emit("error", { error }));
  }

  request(body) {
    return new Promise((resolve, reject) => {
      const id = ++this.#id;
      const frame = JSON.stringify({ ...body, id });
      const size = new TextEncoder().encode(frame).length;
      if (this.state === "closed") throw problem({ code: "closed" });
      if (this.bufferedAmount + size > this.#options.maxQueue) throw problem({ code: "queue_full" });
      this.bufferedAmount += size;
      this.#pending.set(id, { frame, size, resolve, reject });
      this.#transmit({ frame });
    });
  }

  connect() {
    if (this.#ws || this.state === "closed") return;
    clearTimeout(this.#timer);
    const ws = this.#ws = new this.#options.WebSocket(this.url, "duplex.v1.json");
    ws.onopen = () => this.#opened(ws);
    ws.onmessage = ({ data }) => this.#received(data);
    ws.onclose = ({ code, reason }) => this.#lost(code, reason);
    ws.onerror = () => {}; // for npm ws
    this.#timer = setTimeout(() => this.#lost(1006, "no answer"), PATIENCE);
    this.#asked = undefined;
    this.state = "connecting";
    this._emit("state");
  }

  close(code = 1000, reason = "") {
    this.#ws?.close(code, reason);
    if (this.state !== "closed") this.#end(code, reason);
  }

  async #opened(ws) {
    let { token } = this.#options;
    try {
      if (typeof token === "function") token = await token();
      if (token && ws === this.#ws) await new Promise((resolve, reject) => {
        this.#pending.set(0, { resolve, reject });
        ws.send(JSON.stringify({ auth: token, id: 0 }));
      });
    } catch (error) {
      if (ws === this.#ws) this._emit("error", { error });
      if (ws === this.#ws) this.#lost(error.retry === false ? 1008 : 1006, error.message);
    }
    if (ws !== this.#ws) return;
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => { this.#attempt = 0; this.#probe(); }, 20_000);
    this.state = "open";
    for (const item of this.#pending.values()) this.#transmit(item);
    this._emit("state");
    this._emit("open");
  }

  #transmit({ frame }) {
    if (this.state !== "open" || !frame) return;
    this.#ws.send(frame);
    this.#watch ??= this.#listen(1);
  }

  // Twice: a page that was busy hears the clock before the socket.
  #listen(again) {
    const { bufferedAmount } = this.#ws;
    return setTimeout(() => {
      if (this.#ws.bufferedAmount < bufferedAmount) again = 2; // it sends
      if (again) this.#watch = this.#listen(again - 1);
      else this.#lost(1006, "no answer");
    }, PATIENCE / 2);
  }

  #received(data) {
    this.#watch = clearTimeout(this.#watch);
    const m = JSON.parse(data);
    const sub = this.#subs.get(m.sub ?? m.t ?? m.gap ?? m.end ?? m.presence);
    if (m.ok !== undefined) this.#settle(m.ok)?.resolve(m);
    else if (m.err !== undefined) this.#refused(m.err, m);
    else if (m.bye) this.#asked = m.bye.retry;
    else if (sub && m.id === sub.id) sub.live = true;
    if (sub?.live) this.#told(sub, m);
  }

  #told(sub, m) {
    sub.at = m.at ?? sub.at;
    if (m.t) {
      sub.tries = 0;
      if (sub.options.self === false && this.#own.has(m.at)) return;
      sub._tell("message", { topic: m.t, data: decode(m), at: m.at, ts: m.ts, key: m.key, by: m.by });
    } else if (m.gap) sub._tell("gap", { at: m.at });
    else if (m.end) this.#refused(sub.id, m);
    else if (m.presence) {
      const { count, here = sub.here, join = [], leave = [], more } = m;
      sub.here = new Set([...here, ...join].filter((name) => !leave.includes(name)));
      sub.count = count;
      sub._tell("presence", { count, here: sub.here, join, leave, more });
    }
  }

  #refused(id, m) {
    const item = this.#pending.get(id);
    if (!item) return this._emit("error", { error: problem(m) });
    item.live = false;
    if (item.frame && m.retry) {
      clearTimeout(item.timer);
      item.timer = setTimeout(() => item.live || this.#transmit(item), wait(item.tries = (item.tries ?? 0) + 1));
    } else {
      if (item.filter) this.#subs.delete(item.filter);
      this.#settle(id).reject(problem(m));
    }
  }

  #settle(id) {
    const item = this.#pending.get(id);
    clearTimeout(item?.timer);
    this.bufferedAmount -= item?.size ?? 0;
    this.#pending.delete(id);
    return item;
  }

  _leave(sub) {
    if (!this.#settle(sub.id)) return;
    this.#subs.delete(sub.filter);
    this.request({ unsub: sub.filter }).catch(() => {});
    sub._emit("close");
  }

  #probe = () => {
    if (globalThis.document?.hidden) return;
    if (this.state === "open") this.request({ unsub: "" }).catch(() => {});
    if (!this.#asked) this.connect();
  };

  #lost(code, reason) {
    if (FINAL.includes(code) && reason !== "token expired") return this.#end(code, reason);
    this.#release();
    this.#asked = /\bretry=(\d+)/.exec(reason)?.[1] ?? this.#asked;
    const ms = Math.min(this.#asked ?? wait(++this.#attempt), 300_000);
    this.retryAt = Date.now() + ms;
    this.#timer = setTimeout(() => this.connect(), ms);
    this.state = "waiting";
    this._emit("state", { code, reason });
  }

  #end(code, reason) {
    this.#release();
    this.#stop.abort();
    this.state = "closed";
    this._emit("state", { code, reason });
    for (const id of this.#pending.keys()) this.#settle(id).reject(problem({ code: "closed" }));
    this._emit("close", { code, reason });
  }

  #release() {
    const ws = this.#ws;
    clearTimeout(this.#timer);
    this.#ws = this.#watch = clearTimeout(this.#watch);
    if (!ws) return;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close();
  }
}
