// A connection that comes back: shaped like a WebSocket, with a new WebSocket
// inside whenever the last one ended.
//
//   state      "connecting", "open", "waiting", "offline" (waiting, and the
//              browser says that there is no network), "closed" (by close())
//   retryAt    when the next attempt begins, in ms since 1970, while waiting
//   events     "open", "message" (.data), "close" (.code, .reason), "state"

/** Bounds of the wait before a new attempt, in ms. */
export const LEAST_WAIT = 500;
export const MOST_WAIT = 10_000;

/** A connection that lasted this long, in ms, is a success: the waits start anew. */
const SETTLED = 5_000;

/** An attempt that is not open after this long, in ms, is given up. */
const CONNECT_WITHIN = 10_000;

/** The longest wait that a server may ask for, in ms. */
const MOST_RETRY = 300_000;

/**
 * The wait in ms before attempt 1, 2, 3 … after a loss: anywhere between the
 * least wait and a ceiling that doubles, so that many clients that lost one
 * server do not come back together.
 */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(MOST_WAIT, LEAST_WAIT * 2 ** attempt);
  return Math.round(LEAST_WAIT + random() * (ceiling - LEAST_WAIT));
}

/**
 * The wait in ms that the server asks for with "retry=MS" in the reason of a
 * close with 1012 (service restart) or 1013 (try again later), or undefined.
 */
export function retryHint(code, reason) {
  if (code !== 1012 && code !== 1013) return undefined;
  const found = /(?:^|[\s;,])retry=(\d{1,9})(?![\w.])/.exec(reason);
  return found ? Math.min(Number(found[1]), MOST_RETRY) : undefined;
}

/** What the socket needs of the browser; tests bring their own. */
function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    setTimeout: (f, ms) => setTimeout(f, ms),
    clearTimeout: (id) => clearTimeout(id),
    now: () => Date.now(),
    random: Math.random,
    onLine: () => navigator.onLine,
    visible: () => !document.hidden,
    window,
    document,
  };
}

export class Socket extends EventTarget {
  #env;
  #answerWithin;
  #ws = null;
  #attempt = 0;
  #hinted = false; // the present wait was asked for by the server
  #openedAt = 0;
  #timer = null; // ends the wait, or gives an attempt up
  #watch = null; // ends a connection that does not answer
  #stop = new AbortController();

  /**
   * Opens url at once. answerWithin is how long, in ms, the peer may be silent
   * after something was sent to it before the connection counts as lost; 0 is
   * for ever. A browser cannot ping, so without it a dead network is found late.
   */
  constructor(url, { answerWithin = 0, env = browser() } = {}) {
    super();
    this.url = url;
    this.state = "connecting";
    this.retryAt = 0;
    this.#env = env;
    this.#answerWithin = answerWithin;
    const { signal } = this.#stop;
    const back = () => { if (!this.#hinted) this.#hurry(); };
    env.window.addEventListener("online", back, { signal });
    env.window.addEventListener("offline", () => this.#rename(), { signal });
    env.document.addEventListener("visibilitychange", () => { if (env.visible()) back(); }, { signal });
    this.#connect();
  }

  /** Sends data, and tells whether there was an open connection to send it on. */
  send(data) {
    if (this.state !== "open" || this.#ws.readyState !== 1) return false;
    this.#ws.send(data);
    if (this.#answerWithin > 0 && this.#watch === null) {
      this.#watch = this.#env.setTimeout(() => this.#drop("no answer"), this.#answerWithin);
    }
    return true;
  }

  /** Ends the wait, whoever asked for it. */
  reconnect() {
    this.#hurry();
  }

  /** Closes for good. */
  close(code = 1000, reason = "") {
    if (this.state === "closed") return;
    this.#stop.abort();
    this.#release()?.close(code, reason);
    this.#set("closed");
  }

  #connect() {
    this.#hinted = false;
    this.#set("connecting");
    const ws = new this.#env.WebSocket(this.url);
    this.#ws = ws;
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.#opened();
    ws.onmessage = (event) => this.#received(event.data);
    ws.onclose = (event) => this.#lost(event.code, event.reason);
    this.#timer = this.#env.setTimeout(() => this.#drop("no connection"), CONNECT_WITHIN);
  }

  #opened() {
    this.#env.clearTimeout(this.#timer);
    this.#openedAt = this.#env.now();
    this.#set("open");
    this.dispatchEvent(new Event("open"));
  }

  #received(data) {
    this.#env.clearTimeout(this.#watch);
    this.#watch = null;
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }

  /** Gives a connection up that may never tell its end. */
  #drop(reason) {
    this.#release()?.close();
    this.#lost(1006, reason);
  }

  #lost(code, reason) {
    this.#release();
    if (this.#openedAt > 0 && this.#env.now() - this.#openedAt >= SETTLED) this.#attempt = 0;
    this.#openedAt = 0;
    this.#attempt++;
    const hint = retryHint(code, reason);
    this.#hinted = hint !== undefined;
    const wait = hint ?? backoff(this.#attempt, this.#env.random);
    this.retryAt = this.#env.now() + wait;
    this.#timer = this.#env.setTimeout(() => this.#connect(), wait);
    this.#set(this.#env.onLine() ? "waiting" : "offline");
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }

  /** Lets go of the WebSocket and all timers; returns it. */
  #release() {
    const ws = this.#ws;
    this.#ws = null;
    if (ws) ws.onopen = ws.onmessage = ws.onclose = null;
    this.#env.clearTimeout(this.#timer);
    this.#env.clearTimeout(this.#watch);
    this.#timer = this.#watch = null;
    return ws;
  }

  #hurry() {
    if (this.state !== "waiting" && this.state !== "offline") return;
    this.#release();
    this.#connect();
  }

  /** Waiting is called offline while there is no network; the attempts go on. */
  #rename() {
    if (this.state === "waiting") this.#set("offline");
  }

  #set(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
