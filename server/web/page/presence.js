// Who is in the room, as far as the others say so: an entry lives until its
// client leaves or is not heard of for a while.

/** How often everybody says "here", in ms. */
export const HEARTBEAT = 20_000;

/** How long an entry lives without being heard of, in ms. */
export const EXPIRE_AFTER = 50_000;

/** The longest delay in ms of the answer to somebody who joins. */
export const ANSWER_DELAY = 400;

/** More than this many others are not remembered. */
const MOST_PEOPLE = 500;

/** About this many answer somebody who joins; the rest is heard of by their heartbeats. */
const MOST_ANSWERS = 30;

export class Presence {
  #others = new Map(); // client → { name, until }

  /** Notes that client is here as name; tells "new", "renamed", "known" or "full". */
  saw(client, name, now) {
    const known = this.#others.get(client);
    if (!known && this.#others.size >= MOST_PEOPLE) return { change: "full" };
    this.#others.set(client, { name, until: now + EXPIRE_AFTER });
    if (!known) return { change: "new" };
    return known.name === name ? { change: "known" } : { change: "renamed", before: known.name };
  }

  /** Removes client; returns its name, or undefined if it was not here. */
  left(client) {
    const name = this.#others.get(client)?.name;
    this.#others.delete(client);
    return name;
  }

  /** Gives everybody only that many ms from now to be heard of. */
  doubt(now, grace) {
    for (const other of this.#others.values()) other.until = Math.min(other.until, now + grace);
  }

  /** Gives everybody at least that many ms from now to be heard of. */
  extend(now, grace) {
    for (const other of this.#others.values()) other.until = Math.max(other.until, now + grace);
  }

  /** Removes those who were not heard of in time; returns their names. */
  expire(now) {
    const names = [];
    for (const [client, { name, until }] of this.#others) {
      if (until > now) continue;
      this.#others.delete(client);
      names.push(name);
    }
    return names;
  }

  /** Whether to answer somebody who joins: in a full room only some do. */
  answers(random = Math.random) {
    return random() * this.#others.size < MOST_ANSWERS;
  }

  /** The others by name: [{ client, name }]. */
  others() {
    return [...this.#others]
      .map(([client, { name }]) => ({ client, name }))
      .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || (a.client < b.client ? -1 : 1));
  }

  get size() {
    return this.#others.size;
  }
}
