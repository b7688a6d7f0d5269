import assert from "node:assert/strict";
import test from "node:test";
import { EXPIRE_AFTER, HEARTBEAT, Presence } from "../page/presence.js";

const names = (presence) => presence.others().map(({ name }) => name);

test("tells who is new, known, or has another name", () => {
  const p = new Presence();
  assert.deepEqual(p.saw("1", "Ann", 0), { change: "new" });
  assert.deepEqual(p.saw("1", "Ann", 1), { change: "known" });
  assert.deepEqual(p.saw("1", "Anna", 2), { change: "renamed", before: "Ann" });
  assert.deepEqual(p.saw("2", "Ann", 3), { change: "new" });
  assert.deepEqual(names(p), ["Ann", "Anna"]);
});

test("lists by name, numbers by value", () => {
  const p = new Presence();
  for (const [i, name] of ["User 10", "zoe", "Ann", "User 9", "Ömer"].entries()) p.saw(String(i), name, 0);
  assert.deepEqual(names(p), ["Ann", "Ömer", "User 9", "User 10", "zoe"]);
});

test("forgets who leaves, once", () => {
  const p = new Presence();
  p.saw("1", "Ann", 0);
  assert.equal(p.left("1"), "Ann");
  assert.equal(p.left("1"), undefined);
  assert.equal(p.size, 0);
});

test("forgets who is not heard of, and two lost heartbeats are forgiven", () => {
  assert.ok(EXPIRE_AFTER > 2 * HEARTBEAT);
  const p = new Presence();
  p.saw("1", "Ann", 0);
  p.saw("2", "Bob", 1000);
  assert.deepEqual(p.expire(EXPIRE_AFTER - 1), []);
  assert.deepEqual(p.expire(EXPIRE_AFTER), ["Ann"]);
  assert.deepEqual(names(p), ["Bob"]);
  p.saw("2", "Bob", 40_000);
  assert.deepEqual(p.expire(EXPIRE_AFTER + 1000), []);
});

test("doubt shortens the time, extend lengthens it, neither the other way", () => {
  const p = new Presence();
  p.saw("1", "Ann", 0);
  p.doubt(10_000, 5000);
  assert.deepEqual(p.expire(14_999), []);
  p.doubt(14_000, 5000);
  p.saw("2", "Bob", 14_999);
  assert.deepEqual(p.expire(15_000), ["Ann"]);
  p.extend(15_000, 1000);
  assert.deepEqual(p.expire(60_000), []);
  p.extend(60_000, 9000);
  assert.deepEqual(p.expire(68_999), []);
  assert.deepEqual(p.expire(69_000), ["Bob"]);
});

test("remembers no more than 500", () => {
  const p = new Presence();
  for (let i = 0; i < 600; i++) p.saw(`c${i}`, "X", 0);
  assert.equal(p.size, 500);
  assert.deepEqual(p.saw("one more", "Y", 0), { change: "full" });
  assert.deepEqual(p.saw("c0", "X", 0), { change: "known" });
});

test("everybody answers in a small room, some in a large one", () => {
  const p = new Presence();
  assert.ok(p.answers(() => 0.999));
  for (let i = 0; i < 300; i++) p.saw(`c${i}`, "X", 0);
  assert.ok(p.answers(() => 0.09));
  assert.ok(!p.answers(() => 0.11));
});
