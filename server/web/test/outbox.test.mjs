import assert from "node:assert/strict";
import test from "node:test";
import { MOST_TRIES, Outbox, Recent } from "../page/outbox.js";

const ids = (entries) => entries.map(({ id }) => id);

test("what is written waits, is sent, and is gone when it came back", () => {
  const box = new Outbox();
  box.add("1", "Ann", "a");
  box.add("2", "Ann", "b");
  assert.deepEqual(ids(box.due()), ["1", "2"]);
  for (const entry of box.due()) box.sent(entry);
  assert.deepEqual(box.due(), []);
  assert.equal(box.back("2").text, "b");
  assert.equal(box.back("2"), undefined);
  assert.equal(box.back("of somebody else"), undefined);
  assert.deepEqual(ids(box.entries()), ["1"]);
});

test("what did not come back is sent again, in order, a few times", () => {
  const box = new Outbox();
  const one = box.add("1", "Ann", "a");
  box.sent(one);
  box.add("2", "Ann", "b");
  box.lost();
  assert.deepEqual(ids(box.due()), ["1", "2"]);
  for (let i = one.tries; i < MOST_TRIES; i++) {
    box.sent(one);
    box.lost();
  }
  assert.equal(one.state, "failed");
  assert.deepEqual(ids(box.due()), ["2"]);
  box.again(one);
  assert.deepEqual(ids(box.due()), ["1", "2"]);
  assert.equal(box.back("1"), one);
});

test("what was never sent does not fail", () => {
  const box = new Outbox();
  const one = box.add("1", "Ann", "a");
  for (let i = 0; i < 10; i++) box.lost();
  assert.equal(one.state, "waiting");
});

test("the last ids are remembered, the oldest forgotten", () => {
  const recent = new Recent(2);
  assert.deepEqual(["a", "b", "a", "c", "b", "a"].map((id) => recent.seen(id)), [false, false, true, false, true, false]);
});
