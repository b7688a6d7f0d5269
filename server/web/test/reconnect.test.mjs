import assert from "node:assert/strict";
import test from "node:test";
import { settled, world } from "./world.mjs";

test("comes back after a loss, later each time, and never before the least wait", async () => {
  for (const [luck, waits] of [[0, Array(8).fill(500)], [1, [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]]]) {
    const w = world({ luck });
    const { duplex } = w.duplex();
    for (const wait of waits) {
      const n = w.sockets.length;
      w.last().end();
      assert.deepEqual([duplex.state, duplex.readyState, duplex.retryAt], ["waiting", 0, w.time + wait]);
      w.pass(wait - 1);
      assert.equal(w.sockets.length, n);
      w.pass(1);
      assert.deepEqual([w.sockets.length, duplex.state], [n + 1, "connecting"]);
    }
    duplex.close();
  }
});

test("a connection that lasted begins the waits anew, one that did not does not", async () => {
  const w = world({ luck: 1 });
  const { duplex } = w.duplex();
  const waits = [];
  for (const lasted of [0, 19_999, 0, 20_000, 0]) {
    await w.open();
    w.pass(lasted);
    w.last().end();
    waits.push(duplex.retryAt - w.time);
    w.pass(waits.at(-1));
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 1000, 2000]);
});

for (const [what, end, wait] of [
  ["in the reason", (s) => s.end(1012, "retry=60000"), 60_000],
  ["among other words", (s) => s.end(1013, "slow; retry=7, please"), 7],
  ["in a bye", (s) => { s.receive({ bye: { retry: 8400, reason: "drain" } }); s.end(1001); }, 8400],
  ["at once", (s) => s.end(1012, "retry=0"), 0],
  ["for days", (s) => s.end(1012, "retry=999999999"), 300_000],
]) {
  test(`waits as long as the server asks: ${what}`, async () => {
    const w = world();
    const { duplex, states } = w.duplex();
    await w.open();
    end(w.last());
    assert.equal(duplex.retryAt - w.time, wait);
    if (wait > 0) w.online(); // changes nothing
    assert.deepEqual(states, ["connecting", "open", "waiting"]);
    w.pass(wait);
    assert.equal(w.sockets.length, 2);
    w.last().end(); // a wait is asked for once
    assert.equal(duplex.retryAt - w.time, 750);
  });
}

test("no retry is read into other words", async () => {
  for (const reason of ["", "retry=", "retry=soon", "noretry=7", "retry"]) {
    const w = world({ luck: 0 });
    const { duplex } = w.duplex();
    w.last().end(1012, reason);
    assert.equal(duplex.retryAt - w.time, 500, reason);
    duplex.close();
  }
});

test("does not come back where it would end the same way", async () => {
  for (const code of [1002, 1003, 1007, 1008, 1009, 4009]) {
    const w = world();
    const { duplex, states, told } = w.duplex({ topic: "x" });
    const pending = duplex.publish("x", 1);
    await w.open();
    w.last().end(code, "because");
    await assert.rejects(pending, { code: "closed" });
    assert.deepEqual(states, ["connecting", "open", "closed"]);
    assert.deepEqual(told, [["open"], ["close", code]]);
    assert.equal(w.timers(), 0);
    await assert.rejects(duplex.publish("x", 2), { code: "closed" });
  }
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4000]) {
    const w = world();
    const { duplex } = w.duplex();
    w.last().end(code);
    assert.equal(duplex.state, "waiting", code);
    duplex.close();
  }
});

for (const [what, wake] of [
  ["the network is back", (w) => w.online()],
  ["the page can be seen", (w) => w.show(true)],
  ["a person asks", (_, duplex) => duplex.connect()],
]) {
  test(`connects at once when ${what}`, async () => {
    const w = world();
    const { duplex } = w.duplex();
    w.last().end();
    wake(w, duplex);
    assert.equal(w.sockets.length, 2);
    wake(w, duplex); // while connecting
    await w.open();
    wake(w, duplex); // while open
    assert.equal(w.sockets.length, 2);
    w.last().receive({ ok: w.last().sent.at(-1)?.id });
    w.pass(19_999);
    assert.equal(w.sockets.length, 2);
    duplex.close();
    wake(w, duplex);
    assert.equal(w.sockets.length, 2);
  });
}

test("a page that gets hidden does not connect, a person is not held up by the server", async () => {
  const w = world();
  const { duplex } = w.duplex();
  w.last().end(1012, "retry=60000");
  w.show(false);
  assert.equal(w.sockets.length, 1);
  w.show(true);
  assert.equal(w.sockets.length, 1);
  duplex.connect();
  assert.equal(w.sockets.length, 2);
});

test("a page that wakes up finds out whether its connection still is one", async () => {
  for (const wake of ["online", "show"]) {
    const w = world();
    const { duplex, states } = w.duplex();
    await w.open();
    w.document.hidden = true;
    w.pass(1_000_000); // silence is all right
    w.document.hidden = false;
    w[wake](true);
    w.pass(9_999);
    assert.equal(duplex.state, "open");
    w.pass(1);
    assert.deepEqual(states, ["connecting", "open", "waiting"]);
    assert.notEqual(w.last().closed, null);
  }
});

test("a page that can be seen finds out by itself, and bothers nobody when it is hidden", async () => {
  const w = world();
  const { duplex, states } = w.duplex();
  await w.open();
  for (let n = 0; n < 3; n++) {
    w.pass(20_000);
    const [{ id, ...probe }] = w.last().heard();
    assert.deepEqual(probe, { unsub: "" });
    w.pass(9_999);
    w.last().receive({ err: id, code: "bad_topic", retry: false, message: "no name" });
    w.pass(0);
    w.document.hidden = true;
    w.pass(30_001);
    w.document.hidden = false;
    assert.deepEqual(w.last().heard(), []);
  }
  w.pass(20_000 + 9_999);
  assert.equal(duplex.state, "open");
  w.pass(1);
  assert.deepEqual(states, ["connecting", "open", "waiting"]);
  assert.equal(w.timers(), 1); // for the next attempt
});

test("an attempt that hangs is given up", async () => {
  const w = world();
  const { duplex } = w.duplex();
  w.pass(10_000);
  assert.equal(duplex.state, "waiting");
  assert.notEqual(w.sockets[0].closed, null);
  w.sockets[0].open(); // too late
  await settled();
  assert.equal(duplex.state, "waiting");
});

test("a connection that does not answer is given up, one that only says other things is not", async () => {
  const w = world();
  const { duplex } = w.duplex();
  await w.open();
  const stored = duplex.publish("x", 1);
  w.pass(9_999);
  w.last().receive({ presence: "y", count: 1 });
  w.document.hidden = true;
  w.pass(1_000_000);
  assert.equal(duplex.state, "open");
  const [{ id }] = w.last().heard();
  duplex.publish("x", 2).catch(() => {});
  w.pass(5_000);
  duplex.publish("x", 3).catch(() => {}); // does not give it more time
  w.pass(5_000);
  assert.equal(duplex.state, "waiting");
  w.sockets[0].receive({ ok: id, at: "late" });
  w.pass(750);
  await w.open();
  assert.deepEqual(w.last().sent.map(({ data }) => data), [1, 2, 3]);
  w.last().receive({ ok: id, at: "c1" });
  assert.equal(await stored, "c1");
});

test("a page that was busy reads first what has come meanwhile", async () => {
  const w = world();
  const { duplex } = w.duplex();
  await w.open();
  duplex.publish("x", 1).catch(() => {});
  w.time += 60_000; // no timer rang
  w.pass(0);
  w.last().receive({ ok: w.last().sent[0].id, at: "c1" });
  w.document.hidden = true;
  w.pass(60_000);
  assert.equal(duplex.state, "open");
});

test("a large message on a thin line has its time", async () => {
  const w = world();
  const { duplex } = w.duplex();
  await w.open();
  w.last().bufferedAmount = 100;
  duplex.publish("x", "y".repeat(100)).catch(() => {});
  for (let left = 99; left >= 0; left--) {
    w.last().bufferedAmount = left;
    w.pass(5_000);
    assert.equal(duplex.state, "open");
  }
  w.pass(10_000);
  assert.equal(duplex.state, "waiting");
});

test("the token comes first, and a new one each time", async () => {
  const w = world();
  let n = 0;
  const { duplex, states } = w.duplex({ topic: "x", token: async () => "T" + ++n });
  for (const token of ["T1", "T2"]) {
    await w.open();
    assert.deepEqual(w.last().heard(), [{ auth: token, id: 0 }]);
    assert.equal(duplex.state, "connecting");
    w.last().receive({ ok: 0 });
    await settled();
    assert.equal(duplex.state, "open");
    assert.deepEqual(w.last().heard(), [{ sub: "x", id: 1 }]);
    w.last().end();
    w.pass(1250);
  }
  assert.equal(duplex.bufferedAmount, 0);
  assert.equal(states.filter((state) => state === "open").length, 2);
});

test("a token that has expired is replaced", async () => {
  const w = world();
  let n = 0;
  const { duplex } = w.duplex({ token: () => "T" + ++n });
  await w.open();
  w.last().receive({ ok: 0 });
  await settled();
  w.last().end(1008, "token expired");
  assert.equal(duplex.state, "waiting");
  w.pass(1000);
  await w.open();
  assert.deepEqual(w.last().heard(), [{ auth: "T2", id: 0 }]);
});

test("a token that is refused ends it, one that cannot be had does not", async () => {
  const w = world();
  const refused = w.duplex({ token: "T" });
  await w.open();
  w.last().receive({ err: 0, code: "denied", retry: false, message: "expired" });
  await settled();
  assert.deepEqual(refused.told, [["error", "denied"], ["close", 1008]]);

  const without = w.duplex({ token: () => { throw new Error("the network"); } });
  await w.open();
  assert.deepEqual(without.told, [["error", undefined]].map(([type]) => [type]));
  assert.equal(without.duplex.state, "waiting");

  const slow = w.duplex({ token: "T" });
  await w.open();
  w.pass(10_000);
  assert.equal(slow.duplex.state, "waiting");
  w.pass(750);
  await w.open();
  w.last().receive({ err: 0, code: "unavailable", retry: true, message: "later" });
  await settled();
  assert.equal(slow.duplex.state, "waiting");
});

test("close is the end, in whatever state", async () => {
  for (const prepare of [() => {}, (w) => w.open(), (w) => w.last().end()]) {
    const w = world();
    const { duplex, states, told } = w.duplex({ topic: "x" });
    await prepare(w);
    const pending = duplex.publish("x", 1);
    const of = duplex.subscription;
    let ended = 0;
    of.onclose = () => ended++;
    duplex.close(4000, "bye");
    duplex.close();
    of.close();
    await assert.rejects(pending, { code: "closed" });
    assert.deepEqual([states.at(-1), ended, w.timers(), w.sockets.length], ["closed", 1, 0, 1]);
    assert.deepEqual(told.filter(([type]) => type !== "open"), [["close", 4000]]);
    duplex.connect();
    w.online();
    w.pass(100_000);
    assert.equal(w.sockets.length, 1);
  }
  const w = world();
  const { duplex } = w.duplex();
  await w.open();
  duplex.close(4000, "bye");
  assert.deepEqual(w.last().closed, [4000, "bye"]);
});

test("a page that goes on without it does not keep it", () => {
  const w = world();
  const signals = [];
  globalThis.addEventListener = w.document.addEventListener = (type, f, { signal }) => signals.push(signal);
  const { duplex } = w.duplex();
  duplex.close();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
});

test("a subscription that comes back with its connection is not asked for again", async () => {
  const w = world({ luck: 1 });
  w.duplex({ topic: "x" });
  await w.open();
  w.last().receive({ sub: "x", id: 1, at: "c1", gap: false });
  w.last().end(1012, "retry=0");
  w.pass(0);
  await w.open();
  w.last().receive({ sub: "x", id: 1, at: "c1", gap: false }, { end: "x", code: "slow", retry: true, message: "slow", at: "c1" });
  w.last().end(1012, "retry=100"); // before it would have been
  w.pass(100);
  await w.open();
  w.last().receive({ sub: "x", id: 1, at: "c1", gap: false });
  assert.equal(w.last().heard().length, 1);
  w.pass(60_000);
  assert.deepEqual(w.last().heard(), []);
});

test("a code that no page may close with changes nothing", async () => {
  const w = world();
  const { duplex } = w.duplex();
  await w.open();
  assert.throws(() => duplex.close(1001));
  assert.equal(duplex.state, "open");
});

test("what is asked for while it opens is sent once", async () => {
  const w = world();
  const { duplex } = w.duplex();
  duplex.onstate = duplex.onopen = () => { duplex.subscribe("x" + w.last().sent.length); };
  await w.open();
  const subs = w.last().sent.map(({ sub }) => sub);
  assert.equal(new Set(subs).size, subs.length);
});
