import assert from "node:assert/strict";
import test from "node:test";
import { settled, world } from "./world.mjs";

/** Numbers that look random and are the same each time: mulberry32. */
function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A server with one topic, whose connections break at any time with what is under
 * way, and which ends subscriptions and refuses messages as it likes.
 */
class Server {
  log = []; // values
  kind = false; // from now on nothing goes wrong
  #stored = new Map(); // idempotency key → offset
  #subs = new Map(); // socket → { filter, next }
  #world;
  #chance;

  constructor(w, chance) {
    this.#world = w;
    this.#chance = chance;
  }

  publish(value) {
    this.log.push(value);
  }

  /** Does a little with the last socket. */
  step() {
    const ws = this.#world.last();
    if (ws.readyState === 0) return void (this.#chance() < 0.8 || this.kind ? ws.open() : ws.end());
    if (ws.readyState !== 1) return;
    for (let n = Math.floor(this.#chance() * 4); n > 0 && ws.sent.length > 0; n--) this.#answer(ws, ws.sent.shift());
    this.#deliver(ws, Math.floor(this.#chance() * 4));
    const luck = this.kind ? 1 : this.#chance();
    if (luck < 0.05) ws.end();
    else if (luck < 0.08) ws.end(1012, "retry=" + Math.floor(this.#chance() * 3000));
    else if (luck < 0.12) this.#end(ws);
  }

  #answer(ws, { id, sub, unsub, pub, after, text, idem }) {
    if (sub) {
      const next = after === undefined ? this.log.length : Number(after);
      this.#subs.set(ws, { filter: sub, next });
      ws.receive({ sub, id, at: String(next), gap: false });
    } else if (unsub !== undefined) {
      if (this.#subs.get(ws)?.filter === unsub) this.#subs.delete(ws);
      ws.receive({ ok: id });
    } else if (pub && !this.kind && this.#chance() < 0.2) {
      ws.receive({ err: id, code: "unavailable", retry: true, message: "not now" });
    } else if (pub) {
      const duplicate = this.#stored.has(idem);
      if (!duplicate) this.#stored.set(idem, this.log.push(text));
      if (!this.kind && this.#chance() < 0.2) return void ws.end(); // before it is answered
      ws.receive({ ok: id, at: String(this.#stored.get(idem)), duplicate });
    }
  }

  #deliver(ws, count) {
    const sub = this.#subs.get(ws);
    for (; sub && count > 0 && sub.next < this.log.length; count--) {
      const text = this.log[sub.next++];
      ws.receive({ t: "x", at: String(sub.next), text });
    }
  }

  #end(ws) {
    const sub = this.#subs.get(ws);
    if (!sub) return;
    this.#subs.delete(ws);
    ws.receive({ end: sub.filter, code: "slow", retry: true, message: "slow", at: String(sub.next) });
  }
}

for (let seed = 1; seed <= 30; seed++) {
  test(`nothing is lost, doubled or out of order: ${seed}`, async () => {
    const w = world();
    const chance = dice(seed);
    const server = new Server(w, chance);
    const { duplex, told } = w.duplex();
    const seen = [], answers = [];
    const listen = () => {
      duplex.subscribe("x", { after: String(seen.length) }).onmessage = ({ data }) => seen.push(data);
    };
    listen();
    for (let step = 0; step < 1000; step++) {
      const luck = chance();
      if (luck < 0.1) answers.push(duplex.publish("x", "mine " + answers.length));
      else if (luck < 0.2) server.publish("theirs " + step);
      else if (luck < 0.21) listen(); // in place of the former
      else if (luck < 0.4) w.pass(Math.floor(chance() * 1500));
      else if (luck < 0.41) w.online();
      else server.step();
      if (step % 4 === 0) await settled();
    }
    server.kind = true;
    for (let step = 0; step < 1000; step++) {
      server.step();
      w.pass(100);
      await null;
    }
    const mine = server.log.filter((value) => value.startsWith("mine"));
    assert.deepEqual([mine.length, new Set(mine).size], [answers.length, answers.length]);
    assert.deepEqual(seen, server.log);
    assert.equal(new Set(await Promise.all(answers)).size, answers.length);
    assert.equal(duplex.bufferedAmount, 0);
    assert.deepEqual(told.filter(([type]) => type === "error" || type === "gap"), []);
    duplex.close();
  });
}
