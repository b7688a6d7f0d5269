import assert from "node:assert/strict";
import test from "node:test";
import { hue } from "../page/dom.js";
import { isOwn, keepOwn, loadMe, randomId, randomName, saveName } from "../page/me.js";

function memory(start = {}) {
  const values = { ...start };
  return { getItem: (key) => values[key] ?? null, setItem: (key, value) => { values[key] = value; } };
}

test("the name is remembered", () => {
  const storage = memory();
  const first = loadMe(storage);
  assert.match(first.name, /^[A-Z][a-z]+ [A-Z][a-z]+$/);
  const again = loadMe(storage);
  assert.equal(again.name, first.name);
  saveName("Ann", storage);
  assert.equal(loadMe(storage).name, "Ann");
});

test("a browser that keeps nothing has a name too", () => {
  const refuse = () => { throw new Error("SecurityError"); };
  assert.notEqual(loadMe({ getItem: refuse, setItem: refuse }).name, "");
  assert.notEqual(loadMe(memory({ "duplex.chat.name": "\u202e" })).name, "");
});

test("a tab knows what was said in it, the last hundred times", () => {
  const storage = memory();
  for (let i = 0; i < 150; i++) keepOwn("id" + i, storage);
  assert.deepEqual(["id49", "id50", "id149", "id", undefined, "", "of another"].map((id) => isOwn(id, storage)),
    [false, true, true, false, false, false, false]);
  const refuse = () => { throw new Error("SecurityError"); };
  keepOwn("x", { getItem: refuse, setItem: refuse });
  assert.equal(isOwn("x", { getItem: refuse }), false);
  assert.equal(isOwn("", memory()), false);
});

test("names are picked from both ends of the lists", () => {
  assert.equal(randomName(() => 0), "Amber Badger");
  assert.equal(randomName(() => 0.9999), "Witty Seal");
});

test("ids are short, safe and different", () => {
  const ids = new Set(Array.from({ length: 1000 }, randomId));
  assert.equal(ids.size, 1000);
  for (const id of ids) assert.match(id, /^[\w-]{16}$/);
});

test("a name has one colour", () => {
  assert.equal(hue("Ann"), hue("Ann"));
  const hues = new Set(Array.from({ length: 200 }, (_, i) => hue(`User ${i}`)));
  assert.equal(hues.size, 24);
  for (const h of hues) assert.ok(h >= 0 && h < 360);
});
