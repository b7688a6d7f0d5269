// What all clients have in common that are shaped like the WebSocket of a page.

export const SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20];

/** Text of so many bytes. */
export const text = (size) => "é".repeat(size >> 1) + "x".repeat(size & 1);

/** So many bytes that repeat only after a while. */
export const bytes = (size) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255);

export const equal = (a, b) =>
  typeof a === "string" || typeof b === "string" ? a === b : Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

/** What is received in fragments. */
export const FRAGMENTED = ("x" + "€".repeat(20000)).repeat(3);

/** A conversation over ws: its messages one by one, and its end. */
export class Talk {
  #messages = [];
  #waiting = [];

  constructor(ws) {
    this.ws = ws;
    ws.binaryType = "arraybuffer";
    ws.onmessage = ({ data }) => { this.#messages.push(data); this.#hand(); };
    ws.onerror = () => {};
    this.opened = new Promise((resolve) => { ws.onopen = () => resolve(this); });
    this.closed = new Promise((resolve) => {
      ws.onclose = ({ code, reason, wasClean }) => {
        resolve(`${code} ${reason} ${wasClean ? "clean" : "unclean"}`);
        for (const { reject } of this.#waiting) reject(new Error(`closed with ${code} ${reason}`));
      };
    });
  }

  next() {
    return new Promise((resolve, reject) => { this.#waiting.push({ resolve, reject }); this.#hand(); });
  }

  #hand() {
    while (this.#messages.length > 0 && this.#waiting.length > 0) this.#waiting.shift().resolve(this.#messages.shift());
  }
}

/** What every client can do. open(url, protocols) returns a WebSocket. */
export async function converse(open, { echo, url, codes }) {
  const talk = (path, protocols) => new Talk(open(path, protocols));
  const seen = {};

  const e = await talk(echo).opened;
  seen.extensions = e.ws.extensions;
  seen.text = [];
  seen.binary = [];
  for (const size of SIZES) {
    e.ws.send(text(size));
    if (await e.next() === text(size)) seen.text.push(size);
    e.ws.send(bytes(size));
    if (equal(await e.next(), bytes(size))) seen.binary.push(size);
  }
  e.ws.close();
  seen.echo = await e.closed;

  const f = talk(url + "/fragments");
  seen.fragments = [await f.next() === FRAGMENTED, new TextDecoder().decode(await f.next()) === FRAGMENTED, await f.closed];

  seen.pinged = await talk(url + "/ping").next();

  seen.subprotocols = [];
  for (const offer of [[], ["v1.example"], ["v0.example", "v1.example", "v2.example"]]) {
    const p = await talk(url + "/echo", offer).opened;
    seen.subprotocols.push(p.ws.protocol);
    p.ws.close(1000);
    await p.closed;
  }

  seen.closes = [];
  for (const args of [[], [1000], [1000, "bye"], [3000, "für später"], [4999, "👋"]]) {
    const c = await talk(url + "/bye").opened;
    c.ws.close(...args);
    seen.closes.push(await c.closed);
  }

  seen.closed = [];
  for (const code of codes) seen.closed.push(await talk(`${url}/close/${code}`).closed);
  seen.dropped = await talk(url + "/drop").closed;
  return seen;
}
