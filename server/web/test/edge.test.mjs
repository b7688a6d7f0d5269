import assert from "node:assert/strict";
import test from "node:test";
import { settled, tape, world } from "./world.mjs";

const later = (id) => ({ err: id, code: "unavailable", retry: true, message: "later" });

test("who closes it because there is no token is not connected again", async () => {
  for (const token of [() => { throw new Error("the network"); }, () => { throw Object.assign(new Error("no"), { retry: false }); }]) {
    const w = world();
    const { duplex, states, told } = w.duplex({ token });
    duplex.onerror = () => duplex.close();
    await w.open();
    w.pass(60_000);
    assert.deepEqual([states, w.sockets.length, w.timers()], [["connecting", "closed"], 1, 0]);
    assert.deepEqual(told.map(([type]) => type).sort(), ["close", "error"]);
  }
});

test("a token that comes after its connection was given up is not used for the next one", async () => {
  const w = world();
  const tokens = [];
  const { duplex, states } = w.duplex({ token: () => new Promise((resolve) => tokens.push(resolve)) });
  await w.open();
  w.pass(10_000);
  w.pass(750);
  await w.open();
  tokens[1]("T2");
  await settled();
  tokens[0]("T1");
  await settled();
  assert.deepEqual(w.sockets.map(({ sent }) => sent), [[], [{ auth: "T2", id: 0 }]]);
  w.last().receive({ ok: 0 });
  await settled();
  assert.deepEqual(states, ["connecting", "waiting", "connecting", "open"]);
  duplex.close();
});

test("there are no subscriptions of what is closed", async () => {
  const w = world();
  const { duplex } = w.duplex();
  let again = 0;
  const resubscribe = () => {
    if (++again > 9) return; // an end all the same
    duplex.subscribe("x").onclose = resubscribe;
  };
  resubscribe();
  const uncaught = [];
  const handlers = process.rawListeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", ({ code }) => uncaught.push(code));
  await w.open();
  duplex.close();
  await settled();
  process.removeAllListeners("uncaughtException");
  for (const handler of handlers) process.on("uncaughtException", handler);
  assert.deepEqual([again, uncaught], [2, ["closed"]]);
  assert.throws(() => duplex.subscribe("y"), { code: "closed" });
});

test("a subscription that went well begins its waits anew", async () => {
  const w = world({ luck: 1 });
  const { duplex } = w.duplex();
  const { id } = duplex.subscribe("x");
  await w.open();
  const asked = () => w.last().heard().filter(({ sub }) => sub).length;
  asked();
  const waits = [];
  for (const goes of [false, false, true, false]) {
    if (goes) w.last().receive({ sub: "x", id, at: "c1", gap: false }, { t: "x", at: "c2", text: "a" }, { end: "x", code: "slow", retry: true, at: "c2" });
    else w.last().receive(later(id));
    let wait = 0;
    while (asked() === 0) { w.pass(500); wait += 500; }
    waits.push(wait);
  }
  assert.deepEqual(waits, [1000, 2000, 1000, 2000]);
});

test("a page that wakes up leaves its topics alone, whatever their names are", async () => {
  const w = world();
  const { duplex } = w.duplex({ topic: "-" });
  const of = tape(duplex.subscription);
  await w.open();
  w.last().heard();
  w.last().receive({ sub: "-", id: 1, at: "c1", gap: false });
  w.online();
  const [{ id, ...frame }] = w.last().heard();
  assert.notEqual(Object.values(frame)[0], "-");
  w.last().receive({ err: id, code: "bad_topic", retry: false, message: "no name" }, { t: "-", at: "c2", text: "a" });
  w.pass(19_999);
  assert.deepEqual([of, duplex.state, duplex.bufferedAmount], [[["message", "a"]], "open", 0]);
});

test("no clock runs for what is closed, or has its answer", async () => {
  const w = world();
  const { duplex } = w.duplex();
  const sub = duplex.subscribe("x");
  const stored = duplex.publish("y", 1), given = duplex.publish("z", 2);
  await w.open();
  const [, pub, other] = w.last().heard();
  w.last().receive(later(sub.id), later(pub.id), later(other.id));
  w.last().end(1012, "retry=0");
  w.pass(0);
  await w.open();
  w.last().heard();
  w.last().receive({ ok: pub.id, at: "c1" });
  await stored;
  sub.close();
  w.pass(2_000);
  assert.deepEqual(w.last().heard().map(({ pub, sub, unsub }) => pub ?? sub ?? unsub), ["x", "z"]);
  w.last().receive(later(other.id));
  duplex.close();
  assert.equal(w.timers(), 0);
  await assert.rejects(given, { code: "closed" });
});
