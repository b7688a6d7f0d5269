// A visit is the time spent in one room: its connection, who else is there,
// and what was written but has not come back yet.

import { clock, nameOf } from "./dom.js";
import { randomId } from "./me.js";
import { Outbox, Recent } from "./outbox.js";
import { ANSWER_DELAY, HEARTBEAT, Presence } from "./presence.js";
import { Socket } from "./socket.js";
import { encodeMessage, encodePresence, parseBinary, parseText } from "./wire.js";

/** Everything sent comes back; if nothing comes for so long, in ms, the connection is dead. */
const ANSWER_WITHIN = 10_000;

/** After a time without a connection, or unseen, others have so long to be heard of, in ms. */
const GRACE = 25_000;

/** How often old entries are looked for, in ms. */
const SWEEP = 2_000;

export class Visit extends EventTarget {
  #me;
  #log;
  #presence = new Presence();
  #outbox = new Outbox();
  #recent = new Recent();
  #beaten = 0; // when this page last said that it is here
  #lostAt = null; // when the connection ended, if it was open before
  #stop = new AbortController();
  #timer;

  /** Events: "people" when the list changed, "heard" for every message of somebody else. */
  constructor(url, me, log) {
    super();
    this.#me = me;
    this.#log = log;
    this.socket = new Socket(url, { answerWithin: ANSWER_WITHIN });
    this.socket.addEventListener("open", () => this.#opened());
    this.socket.addEventListener("close", ({ code, reason }) => this.#lost(code, reason));
    this.socket.addEventListener("message", ({ data }) => this.#received(data));
    const { signal } = this.#stop;
    document.addEventListener("visibilitychange", () => this.#looked(), { signal });
    // A new network may have broken the connection without a word: ask.
    for (const name of ["online", "offline"]) window.addEventListener(name, () => this.#announce("here"), { signal });
    this.#timer = setInterval(() => this.#tick(), SWEEP);
  }

  get others() {
    return this.#presence.others();
  }

  /** Sends text, now or when there is a connection. */
  say(text) {
    const entry = this.#outbox.add(randomId(), this.#me.name, text);
    this.#show(entry);
    this.#flush();
  }

  /** Tells the others the new name in me. */
  renamed() {
    this.#announce("rename");
    this.#changed();
  }

  /** Leaves for good; returns the texts that nobody has seen. */
  end() {
    this.#stop.abort();
    clearInterval(this.#timer);
    this.#announce("leave");
    this.socket.close(1000);
    return this.#outbox.entries().map(({ text }) => text);
  }

  #opened() {
    if (this.#lostAt) {
      this.#log.note("away", `You were away from ${clock(this.#lostAt)} to ${clock(new Date())}; ` +
        "messages in between are not shown.");
      this.#lostAt = null;
      this.#presence.doubt(Date.now(), GRACE);
    }
    this.#announce("join");
    this.#flush();
    this.#changed();
  }

  #lost(code, reason) {
    this.#lostAt ??= this.#beaten ? new Date() : null;
    // 1001, 1012 and 1013 are a server that goes and comes back; 1006 has no reason from it.
    if (reason && ![1001, 1006, 1012, 1013].includes(code)) {
      this.#log.note("closed", `The server closed the connection: ${reason} (${code})`);
    }
    this.#outbox.lost();
    for (const entry of this.#outbox.entries()) this.#show(entry);
    this.#changed();
  }

  #flush() {
    for (const entry of this.#outbox.due()) {
      if (!this.socket.send(encodeMessage(entry))) return;
      this.#outbox.sent(entry);
      this.#show(entry);
    }
  }

  #show(entry) {
    this.#log.onWay(entry, () => {
      this.#outbox.again(entry);
      this.#show(entry);
      this.#flush();
    });
  }

  #received(data) {
    this.#beat();
    if (typeof data !== "string") {
      this.#log.binary(parseBinary(data), data);
      this.#heard();
      return;
    }
    const found = parseText(data);
    if (found?.kind === "presence") this.#present(found);
    if (found?.kind === "message") this.#said(found);
  }

  #said(message) {
    if (message.id !== undefined) {
      if (this.#recent.seen(message.id)) return;
      if (this.#outbox.back(message.id)) return this.#log.delivered(message.id);
    }
    this.#log.message(message);
    this.#heard();
  }

  #present({ type, client, name }) {
    if (client === this.#me.client) return;
    if (type === "leave") {
      const known = this.#presence.left(client);
      if (known !== undefined) this.#log.note("leave", nameOf(known), " left");
    } else {
      const { change, before } = this.#presence.saw(client, name, Date.now());
      if (change === "new" && type === "join") this.#log.note("join", nameOf(name), " joined");
      if (change === "renamed") this.#log.note("rename", nameOf(before), " is now ", nameOf(name));
      if (change === "known") return this.#answer(type);
    }
    this.#changed();
    this.#answer(type);
  }

  /** Somebody who joins is told who is here, by each after another moment. */
  #answer(type) {
    if (type !== "join" || !this.#presence.answers()) return;
    setTimeout(() => { if (!this.#stop.signal.aborted) this.#announce("here"); }, Math.random() * ANSWER_DELAY);
  }

  #announce(type) {
    if (this.socket.send(encodePresence(type, this.#me.client, this.#me.name))) this.#beaten = Date.now();
  }

  /**
   * Says "here" when it is time. It is called by the clock and with every
   * message, because browsers slow the clock of a hidden page down to a minute.
   */
  #beat() {
    if (Date.now() - this.#beaten >= HEARTBEAT) this.#announce("here");
  }

  #tick() {
    this.#beat();
    // A hidden page may have slept through the heartbeats of the others.
    if (document.hidden || this.socket.state !== "open") return;
    const gone = this.#presence.expire(Date.now());
    for (const name of gone) this.#log.note("leave", nameOf(name), " left");
    if (gone.length > 0) this.#changed();
  }

  #looked() {
    if (!document.hidden) this.#presence.extend(Date.now(), GRACE);
  }

  #heard() {
    this.dispatchEvent(new Event("heard"));
  }

  #changed() {
    this.dispatchEvent(new Event("people"));
  }
}
