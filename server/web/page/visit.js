// A visit is the time spent in one room: what was said before and since, who
// else is there, and what was written but has not come back yet.

import { clock, nameOf } from "./dom.js";
import { isOwn, keepOwn, randomId } from "./me.js";
import { parseValue, renaming } from "./wire.js";

/** Whoever enters sees this many messages of those who were there before. */
const HISTORY = 50;

/** A name that somebody had is listed so long after there is a new one, in ms. */
const LINGERS = 10_000;

/** Who was here when the connection was lost, and is back so soon after it, in ms, never left. */
const RETURNS = 60_000;

/** More people than this who come or go together are counted, not named. */
const MOST_NAMED = 5;

/** Ends of a connection that are part of life: the server goes and comes back, or the network does. */
const USUAL = [1000, 1001, 1005, 1006, 1012, 1013];

export class Visit extends EventTarget {
  #duplex;
  #room;
  #me;
  #log;
  #sub;
  #people = { here: new Set(), count: 1 };
  #onWay = new Map(); // id → what was written here and has not come back
  #former = new Map(); // name that somebody had → until when it may still be listed, in ms
  #taken = new Set(); // names that somebody takes instead
  #met = new Set(); // names of those who were here when the connection was lost
  #metUntil = 0; // they are not told as new until then, in ms
  #entered = Date.now();
  #lostAt = null; // when the connection ended, if it was open before
  #stop = new AbortController();

  /** Events: "people" when the list changed, "heard" for every new message of somebody else. */
  constructor(duplex, room, me, log) {
    super();
    this.#duplex = duplex;
    this.#room = room;
    this.#me = me;
    this.#log = log;
    this.#subscribe();
    duplex.addEventListener("state", (event) => this.#linked(event), { signal: this.#stop.signal });
  }

  /** Who else is here: their names in order, as far as they are known, and how many they are. */
  get others() {
    const { here, count } = this.#people;
    const names = [...here].filter((name) => name !== this.#me.name && !this.#isFormer(name));
    return { names: names.sort(byName), count: Math.max(names.length, count - 1 - (here.size - 1 - names.length)) };
  }

  /** Sends text, now or when there is a connection. */
  say(text) {
    const entry = { id: randomId(), name: this.#me.name, text, stored: false };
    keepOwn(entry.id);
    this.#onWay.set(entry.id, entry);
    this.#publish(entry);
  }

  /** What was written here and is not known to have been stored. */
  get unsent() {
    return [...this.#onWay.values()].filter(({ stored }) => !stored);
  }

  /** Shows what a visit before could not send, to be sent again if a person wants it. */
  bring(unsent) {
    for (const entry of unsent) {
      this.#onWay.set(entry.id, entry);
      this.#show(entry, "failed");
    }
  }

  /** Tells the others the new name in me; before is the one until now. */
  renamed(before) {
    if (this.#duplex.state === "closed") return this.#changed(); // the next visit has it
    this.#duplex.publish(this.#room, renaming(before, this.#me.name)).catch(() => {}); // presence tells it too
    this.#subscribe(this.#sub.at);
    this.#changed();
  }

  /** Leaves the room. What is still on its way gets there. */
  end() {
    this.#stop.abort();
    this.#sub.close();
  }

  #subscribe(after) {
    const sub = this.#duplex.subscribe(this.#room, { after, last: HISTORY, presence: true, as: this.#me.name });
    this.#sub = sub;
    sub.onmessage = (event) => this.#received(event);
    sub.ongap = () => this.#gap();
    sub.onpresence = (event) => this.#present(event);
    sub.onerror = ({ error }) => this.#log.note("closed", `You cannot be in this room: ${error.message}`);
  }

  async #publish(entry) {
    const { id, name, text } = entry;
    this.#show(entry, this.#duplex.state === "open" ? "sent" : "waiting");
    try {
      await this.#duplex.publish(this.#room, { id, name, text }, { id });
      entry.stored = true; // its place is where it comes back
    } catch {
      this.#show(entry, "failed");
    }
  }

  #show(entry, state) {
    entry.state = state;
    if (this.#stop.signal.aborted || !this.#onWay.has(entry.id)) return;
    this.#log.onWay(entry, () => this.#publish(entry));
  }

  #linked({ code, reason }) {
    const { state } = this.#duplex;
    if (state === "open") {
      this.#metUntil = Date.now() + RETURNS;
      for (const entry of this.#onWay.values()) if (entry.state === "waiting") this.#show(entry, "sent");
    } else if (state !== "connecting") {
      this.#lostAt ??= new Date();
      if (this.#metUntil < Date.now()) this.#met.clear();
      for (const name of this.#people.here) this.#met.add(name);
      for (const entry of this.#onWay.values()) if (entry.state === "sent") this.#show(entry, "waiting");
      if (reason && !USUAL.includes(code)) {
        this.#log.note("closed", `The server closed the connection: ${reason} (${code})`);
      }
    }
    this.#changed();
  }

  #received({ data, by, ts }) {
    this.#lostAt = null;
    const at = new Date(ts);
    const found = parseValue(data, by);
    if (found.kind === "rename") return this.#nameChanged(found, at);
    if (found.kind !== "message") this.#log.binary(found, data, at);
    else if (this.#onWay.delete(found.id)) return this.#log.delivered(found.id, at);
    else this.#log.message(found, isOwn(found.id), at);
    if (ts > this.#entered) this.dispatchEvent(new Event("heard"));
  }

  #gap() {
    const away = this.#lostAt ? ` You were away from ${clock(this.#lostAt)} to ${clock(new Date())}.` : "";
    this.#log.note("gap", `Messages may be missing here: the server no longer has all of them.${away}`);
    // What is stored may be among them.
    for (const { id, stored } of this.#onWay.values()) if (stored && this.#onWay.delete(id)) this.#log.delivered(id);
  }

  #nameChanged({ name, to }, at) {
    this.#log.note("rename", nameOf(name), " is now ", nameOf(to));
    this.#former.delete(to);
    this.#former.set(name, at.getTime() + LINGERS);
    if (at > this.#entered) this.#taken.add(to);
    this.#changed();
  }

  #isFormer(name) {
    return this.#former.get(name) > Date.now();
  }

  #present({ here, count, join, leave, more }) {
    this.#lostAt = null;
    this.#people = { here, count };
    this.#note("join", " joined", join, more);
    this.#note("leave", " left", leave, more);
    this.#changed();
  }

  #note(kind, what, names, more) {
    const told = names.filter((name) => {
      const met = this.#met.delete(name) && Date.now() < this.#metUntil;
      if (kind === "join" && met) return false; // nobody was told that they left
      if (kind === "join" && this.#taken.delete(name)) return false; // as a new name it was told
      return name !== this.#me.name && !this.#isFormer(name);
    });
    if (told.length > MOST_NAMED) this.#log.note(kind, `${more ? "at least " : ""}${told.length} people${what}`);
    else for (const name of told) this.#log.note(kind, nameOf(name), what);
  }

  #changed() {
    this.dispatchEvent(new Event("people"));
  }
}

const byName = (a, b) => a.localeCompare(b, undefined, { numeric: true }) || (a < b ? -1 : 1);
