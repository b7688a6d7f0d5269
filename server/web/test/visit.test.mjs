import assert from "node:assert/strict";
import test from "node:test";
import { Visit } from "../page/visit.js";

const many = (n, prefix = "guest ") => Array.from({ length: n }, (_, i) => prefix + i);

/** A visit of Ann, and what it notes in the log. */
function visiting(here) {
  const notes = [], sub = {};
  const duplex = Object.assign(new EventTarget(), { state: "open", subscribe: () => sub });
  const log = { note: (kind, ...parts) => notes.push([kind, ...parts]) };
  new Visit(duplex, "room", { name: "Ann" }, log);
  let present = new Set(here);
  const change = ({ join = [], leave = [], more = false, full }) => {
    present = new Set([...full ?? present, ...join].filter((name) => !leave.includes(name)));
    sub.onpresence({ here: present, count: present.size, join, leave, more });
  };
  const state = (name) => {
    duplex.state = name;
    duplex.dispatchEvent(new Event("state"));
  };
  change({ full: here });
  return { notes, change, state };
}

test("many who come or go together are counted, as far as the server names them", () => {
  const { notes, change } = visiting(["Ann"]);
  change({ join: many(6) });
  change({ join: many(100, "robot "), more: true });
  change({ leave: many(6) });
  assert.deepEqual(notes, [["join", "6 people joined"], ["join", "at least 100 people joined"], ["leave", "6 people left"]]);
});

test("who was here before the server went and is back soon has not joined", (t) => {
  const { now } = Date;
  let time = 1_000_000;
  Date.now = () => time;
  t.after(() => { Date.now = now; });
  const { notes, change, state } = visiting(["Ann", ...many(20)]);
  state("waiting");
  time += 600_000;
  state("connecting");
  state("open");
  change({ full: ["Ann"] });
  change({ join: many(6) });
  assert.deepEqual(notes, []);
  change({ leave: many(6) });
  change({ join: many(6) }); // now they have
  time += 60_000;
  change({ join: many(20).slice(6) });
  assert.deepEqual(notes, [["leave", "6 people left"], ["join", "6 people joined"], ["join", "14 people joined"]]);
});

test("what a closed connection did not send is shown by the next visit until it comes back", async () => {
  const shown = [], delivered = [], said = [], sub = {};
  const closed = Object.assign(new EventTarget(), {
    state: "open", subscribe: () => ({ close() {} }), publish: async (room, { text }) => {
      if (text !== "stored") throw new Error("closed");
    },
  });
  const log = { note: () => {}, onWay: ({ text, state }, again) => shown.push({ text, state, again }), delivered: (id) => delivered.push(id) };
  const before = new Visit(closed, "room", { name: "Ann" }, log);
  for (const text of ["stored", "one", "two"]) before.say(text);
  await new Promise(setImmediate);
  const { unsent } = before;
  assert.deepEqual(unsent.map(({ text }) => text), ["one", "two"]);
  before.end();
  shown.length = 0;

  const open = Object.assign(new EventTarget(), {
    state: "open", subscribe: () => sub, publish: async (room, { id, text }, o) => said.push([id, text, o.id]),
  });
  const next = new Visit(open, "room", { name: "Ann" }, log);
  next.bring(unsent);
  assert.deepEqual(shown.map(({ text, state }) => [text, state]), [["one", "failed"], ["two", "failed"]]);
  sub.onmessage({ data: { id: unsent[0].id, name: "Ann", text: "one" }, ts: 1 }); // it had got there
  assert.deepEqual(delivered, [unsent[0].id]);
  shown[1].again();
  assert.deepEqual(said, [[unsent[1].id, "two", unsent[1].id]]);
  assert.equal(shown.at(-1).state, "sent");
});
