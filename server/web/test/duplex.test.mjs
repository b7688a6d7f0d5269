import assert from "node:assert/strict";
import test from "node:test";
import { settled, tape, world } from "./world.mjs";

const attached = (sub, id, at = "1", gap = false) => ({ sub, id, at, gap });

test("one topic looks like a WebSocket", async () => {
  const w = world();
  const { duplex, states, told } = w.duplex({ topic: "room", last: 5, presence: true, as: "Ann", self: true });
  assert.equal(duplex.readyState, 0);
  assert.deepEqual([w.last().url, w.last().protocol], ["ws://host/ws", "duplex.v1.json"]);
  const heard = [];
  duplex.onmessage = ({ data }) => heard.push(data);
  await w.open();
  assert.equal(duplex.readyState, 1);
  assert.deepEqual(w.last().heard(), [{ sub: "room", last: 5, presence: true, as: "Ann", self: true, id: 1 }]);
  w.last().receive(attached("room", 1, "c0"), { t: "room", at: "c1", ts: 7, text: "hi", key: "k", by: "bob" });
  assert.deepEqual(heard, ["hi"]);
  assert.equal(duplex.at, "c1");
  duplex.onmessage = null;
  w.last().receive({ t: "room", at: "c2", data: { a: [1] } });
  assert.deepEqual(heard, ["hi"]);
  duplex.send("hello");
  assert.ok(duplex.bufferedAmount > 0);
  w.last().receive({ ok: w.last().sent[0].id, at: "c3" });
  assert.equal(duplex.bufferedAmount, 0);
  duplex.close();
  assert.equal(duplex.readyState, 3);
  assert.deepEqual(states, ["connecting", "open", "closed"]);
  assert.deepEqual(told, [["open"], ["message", "hi"], ["message", { a: [1] }], ["close", 1000]]);
});

test("the address may be that of the page, and http", () => {
  const w = world();
  for (const [url, want] of [
    ["/ws", "wss://host/ws"], ["http://other/ws", "ws://other/ws"], ["https://other/ws?x=1", "wss://other/ws?x=1"], ["ws://h/ws", "ws://h/ws"],
  ]) {
    const { duplex } = w.duplex({}, url);
    assert.deepEqual([duplex.url, w.last().url], [want, want]);
    duplex.close();
  }
  assert.throws(() => w.duplex({}, "http://"), TypeError);
});

test("many topics share one socket", async () => {
  const w = world();
  const { duplex, told } = w.duplex();
  const one = duplex.subscribe("orders.1", { after: "c7", last: 3 }), all = duplex.subscribe("orders.*");
  const [ofOne, ofAll] = [tape(one), tape(all)];
  await w.open();
  assert.deepEqual(w.last().heard(), [{ sub: "orders.1", after: "c7", id: 1 }, { sub: "orders.*", id: 2 }]);
  w.last().receive(attached("orders.*", 2), attached("orders.1", 1, "c7"), { t: "orders.1", at: "c8", data: 1 },
    { t: "orders.1", sub: "orders.*", at: "d9", data: 1 }, { t: "orders.2", sub: "orders.*", at: "d10", data: 2 }, { t: "orders.3", at: "c9", data: 3 });
  assert.deepEqual([ofOne, ofAll], [[["message", 1]], [["message", 1], ["message", 2]]]);
  assert.deepEqual([one.at, all.at], ["c8", "d10"]);
  assert.equal(told.length, 4); // the Duplex hears all, and open
  const late = duplex.subscribe("late");
  assert.deepEqual(w.last().heard(), [{ sub: "late", id: 3 }]);
  late.close();
  late.close();
  assert.deepEqual(w.last().heard(), [{ unsub: "late", id: 4 }]);
  w.last().receive(attached("late", 3), { t: "late", at: "e1", data: 0 });
  assert.equal(told.length, 4);
});

test("values are text, JSON and bytes, there and back", async () => {
  const w = world();
  const { duplex, told } = w.duplex({ topic: "x" });
  await w.open();
  w.last().receive(attached("x", w.last().heard()[0].id));
  const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i);
  for (const value of ["", "text", 0, null, false, [1, "ü"], { a: { b: 1 } }, bytes, bytes.buffer, new Uint8Array(0), bytes.subarray(255, 258)]) {
    duplex.publish("x", value).catch(() => {}); // nobody answers
    const [{ text, data, base64 }] = w.last().heard();
    const form = { text, data, base64 };
    w.last().receive({ t: "x", at: "1", ...form });
    assert.deepEqual(told.pop()[1], value instanceof ArrayBuffer ? new Uint8Array(value) : value);
    assert.equal(Object.values(form).filter((part) => part !== undefined).length, 1);
  }
  duplex.publish("x", undefined, { key: "k" }).catch(() => {}); // removes the key
  const { id, idem, ...frame } = w.last().heard()[0];
  assert.deepEqual(frame, { pub: "x", key: "k" });
  w.last().receive({ t: "x", at: "2", key: "k" });
  assert.equal(told.pop()[1], undefined);
  duplex.close();
});

test("goes on behind the last message, and tells of a gap first", async () => {
  const w = world();
  const { duplex, told } = w.duplex({ topic: "x", last: 2 });
  await w.open();
  w.last().receive(attached("x", 1, "c1"));
  w.last().end();
  w.pass(2000);
  await w.open();
  assert.deepEqual(w.last().heard(), [{ sub: "x", after: "c1", id: 1 }]);
  w.last().receive(attached("x", 1, "c1"), { t: "x", at: "c2", text: "a" });
  w.last().end();
  w.pass(2000);
  await w.open();
  assert.deepEqual(w.last().heard(), [{ sub: "x", after: "c2", id: 1 }]);
  w.last().receive(attached("x", 1, "c8", true), { t: "x", at: "c9", text: "b" }, { gap: "x", at: "c20" });
  assert.deepEqual(told.filter(([type]) => type !== "open"), [["message", "a"], ["gap", "c8"], ["message", "b"], ["gap", "c20"]]);
  assert.equal(duplex.at, "c20");
});

test("what was not answered is sent again, in order, and stored once", async () => {
  const w = world();
  const { duplex } = w.duplex();
  const answers = [1, 2, 3].map((n) => duplex.publish("x", n, n === 2 ? { key: "k", id: "mine" } : {}));
  await w.open();
  const first = w.last().heard();
  assert.deepEqual(first.map(({ pub, data, key }) => [pub, data, key]), [["x", 1, undefined], ["x", 2, "k"], ["x", 3, undefined]]);
  assert.equal(first[1].idem, "mine");
  assert.equal(new Set(first.map(({ idem }) => idem)).size, 3);
  w.last().receive({ ok: first[1].id, at: "c2" });
  assert.equal(await answers[1], "c2");
  w.last().end();
  answers.push(duplex.publish("x", 4));
  w.pass(1000);
  await w.open();
  const again = w.last().heard();
  assert.deepEqual(again.slice(0, 2), [first[0], first[2]]);
  assert.equal(again[2].data, 4);
  for (const { id } of again) w.last().receive({ ok: id, at: "d" + id, duplicate: true });
  assert.deepEqual(await Promise.all(answers), [first[0].id, 0, first[2].id, again[2].id].map((id) => id ? "d" + id : "c2"));
  assert.equal(duplex.bufferedAmount, 0);
});

test("two clients never use the same idempotency key", async () => {
  const w = world();
  const keys = [];
  for (let i = 0; i < 2; i++) {
    const { duplex } = w.duplex();
    await w.open();
    for (let n = 0; n < 3; n++) duplex.publish("x", n).catch(() => {});
    keys.push(...w.last().heard().map(({ idem }) => idem));
    duplex.close();
  }
  assert.equal(new Set(keys).size, 6);
  for (const key of keys) assert.match(key, /^[\w-]{3,128}$/);
});

test("the queue is bounded", async () => {
  const w = world();
  const { duplex, told } = w.duplex({ topic: "x", maxQueue: 1000 });
  const text = "é".repeat(350);
  const kept = duplex.publish("x", text);
  await assert.rejects(duplex.publish("x", text), { code: "queue_full" });
  duplex.send(text);
  await settled();
  assert.deepEqual(told, [["error", "queue_full"]]);
  assert.ok(duplex.bufferedAmount > 700 && duplex.bufferedAmount <= 1000);
  await w.open();
  assert.deepEqual(w.last().sent.map(({ pub, sub }) => pub ?? sub), ["x", "x"]);
  w.last().receive({ ok: w.last().sent[1].id, at: "c1" });
  assert.equal(await kept, "c1");
  assert.equal(duplex.bufferedAmount, 0);
});

test("a refusal ends what may not be tried again, and only that", async () => {
  const w = world({ luck: 1 });
  const { duplex, told } = w.duplex();
  const sub = duplex.subscribe("secret"), other = duplex.subscribe("open");
  const [ofSub, ofOther] = [tape(sub), tape(other)];
  await w.open();
  w.last().heard();
  w.last().receive({ err: sub.id, code: "denied", retry: false, message: "not you" }, attached("open", other.id));
  assert.deepEqual(ofSub, [["error", "denied"], ["close"]]);
  const refused = duplex.publish("secret", 1), tried = duplex.publish("open", 2);
  const [one, two] = w.last().heard();
  w.last().receive({ err: one.id, code: "denied", retry: false, message: "not you" }, { err: two.id, code: "unavailable", retry: true, message: "later" });
  await assert.rejects(refused, { code: "denied", retry: false, message: "not you" });
  w.pass(999);
  assert.deepEqual(w.last().heard(), []);
  w.pass(1);
  assert.deepEqual(w.last().heard(), [two]);
  w.last().receive({ err: two.id, code: "unavailable", retry: true, message: "later" });
  w.pass(1999);
  assert.deepEqual(w.last().heard(), []);
  w.pass(1);
  assert.deepEqual(w.last().heard(), [two]);
  w.last().receive({ ok: two.id, at: "c1" });
  assert.equal(await tried, "c1");
  w.last().receive({ err: null, code: "bad_request", retry: false, message: "what?" });
  assert.deepEqual(told.map(([type, code]) => [type, code]), [["open", undefined], ["error", "denied"], ["error", "bad_request"]]);
  assert.deepEqual(ofOther, []);
  assert.equal(duplex.state, "open");
});

test("a subscription that was ended goes on where it stood", async () => {
  const w = world({ luck: 1 });
  const { duplex, told } = w.duplex({ topic: "x" });
  await w.open();
  w.last().heard();
  w.last().receive(attached("x", 1, "c1"), { t: "x", at: "c2", text: "a" }, { end: "x", code: "slow", retry: true, message: "slow", at: "c2" },
    { t: "x", at: "c9", text: "of nobody" });
  w.pass(1000);
  assert.deepEqual(w.last().heard(), [{ sub: "x", after: "c2", id: 1 }]);
  w.last().receive(attached("x", 1, "c2"), { end: "x", code: "denied", retry: false, message: "the token has expired", at: "c2" });
  assert.deepEqual(told, [["open"], ["message", "a"], ["error", "denied"]]);
  w.last().end();
  w.pass(2000);
  await w.open();
  assert.deepEqual(w.last().heard(), []);
  assert.equal(duplex.at, "c2");
});

test("a second subscription replaces the first, whose messages are not taken for its own", async () => {
  const w = world();
  const { duplex } = w.duplex();
  const first = duplex.subscribe("x", { as: "Ann" });
  await w.open();
  w.last().receive(attached("x", first.id, "c1"), { t: "x", at: "c2", text: "a" });
  const ended = tape(first);
  const second = duplex.subscribe("x", { as: "Änne", after: first.at });
  const heard = tape(second);
  assert.deepEqual(ended, [["close"]]);
  assert.deepEqual(w.last().sent.slice(1).map(({ unsub, sub, after, as }) => ({ unsub, sub, after, as })),
    [{ unsub: "x", sub: undefined, after: undefined, as: undefined }, { unsub: undefined, sub: "x", after: "c2", as: "Änne" }]);
  w.last().receive({ t: "x", at: "c3", text: "b" }, attached("x", first.id, "c1"), { gap: "x", at: "c3" }, attached("x", second.id, "c2"), { t: "x", at: "c3", text: "b" });
  assert.deepEqual(heard, [["message", "b"]]);
  first.close(); // of the past
  assert.equal(w.last().sent.length, 3);
});

test("own messages are left out over every connection", async () => {
  const w = world();
  const { duplex, told } = w.duplex({ topic: "x", self: false });
  await w.open();
  w.last().receive(attached("x", 1, "c1"));
  const stored = duplex.publish("x", "mine");
  w.last().receive({ ok: w.last().sent.at(-1).id, at: "c2" });
  await stored;
  w.last().end();
  w.pass(1000);
  await w.open();
  assert.deepEqual(w.last().heard(), [{ sub: "x", after: "c1", self: false, id: 1 }]);
  w.last().receive(attached("x", 1, "c1"), { t: "x", at: "c2", text: "mine" }, { t: "x", at: "c3", text: "yours" });
  assert.deepEqual(told.filter(([type]) => type === "message"), [["message", "yours"]]);
});

test("who is here is kept up to date", async () => {
  const w = world();
  const { duplex, told } = w.duplex({ topic: "x", presence: true });
  await w.open();
  const here = () => [duplex.subscription.count, [...duplex.subscription.here]];
  w.last().receive(attached("x", 1));
  w.last().receive({ presence: "x", count: 2, here: ["ann", "bob"], more: false });
  assert.deepEqual(here(), [2, ["ann", "bob"]]);
  const changes = [];
  duplex.onpresence = ({ join, leave, more }) => changes.push([join, leave, more]);
  w.last().receive({ presence: "x", count: 2, join: ["cid"], leave: ["ann"], more: false }, { presence: "x", count: 900, join: [], leave: ["bob"], more: true });
  assert.deepEqual(here(), [900, ["cid"]]);
  assert.deepEqual(changes, [[["cid"], ["ann"], false], [[], ["bob"], true]]);
  w.last().receive({ presence: "x", count: 1, here: ["dan"], more: false });
  assert.deepEqual(here(), [1, ["dan"]]);
  assert.equal(told.length, 5);
});

test("any request can be made", async () => {
  const w = world();
  const { duplex } = w.duplex();
  const history = duplex.request({ get: "x", last: 2 });
  await w.open();
  const [{ id, ...frame }] = w.last().heard();
  assert.deepEqual(frame, { get: "x", last: 2 });
  w.last().receive({ ok: id, messages: [], at: "c1", gap: false, more: false });
  assert.deepEqual((await history).messages, []);
});
