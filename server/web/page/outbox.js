// What was written here and has not come back from the room yet. Everything
// sent to a room returns to its sender, so a message that came back was
// delivered; one that did not is sent again, under the same id, over the next
// connection, and whoever has it already ignores it.

/** After this many connections that ended without an answer nothing is sent by itself. */
export const MOST_TRIES = 3;

export class Outbox {
  #entries = new Map(); // id → entry, oldest first

  /** Adds a message to be sent. Its state is "waiting", "sent" or "failed". */
  add(id, name, text) {
    const entry = { id, name, text, tries: 0, state: "waiting" };
    this.#entries.set(id, entry);
    return entry;
  }

  /** The entries that are to be sent now, oldest first. */
  due() {
    return [...this.#entries.values()].filter((entry) => entry.state === "waiting");
  }

  sent(entry) {
    entry.tries++;
    entry.state = "sent";
  }

  /** The connection ended: what had not come back waits for the next one. */
  lost() {
    for (const entry of this.#entries.values()) {
      if (entry.state === "sent") entry.state = entry.tries < MOST_TRIES ? "waiting" : "failed";
    }
  }

  /** A person wants entry to be tried again. */
  again(entry) {
    entry.tries = 0;
    entry.state = "waiting";
  }

  /** The message came back; returns its entry, or undefined if it is none of ours. */
  back(id) {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    return entry;
  }

  entries() {
    return [...this.#entries.values()];
  }
}

/** The last ids that were seen, so that a message sent twice is shown once. */
export class Recent {
  #ids = new Set();
  #limit;

  constructor(limit = 1000) {
    this.#limit = limit;
  }

  /** Notes id and tells whether it was seen before. */
  seen(id) {
    if (this.#ids.has(id)) return true;
    this.#ids.add(id);
    if (this.#ids.size > this.#limit) this.#ids.delete(this.#ids.values().next().value);
    return false;
  }
}
