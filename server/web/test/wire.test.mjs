import assert from "node:assert/strict";
import test from "node:test";
import { byteLength, cleanName, formatSize, hex, MAX_PICTURE, parseValue, renaming } from "../page/wire.js";

const guest = (text) => ({ kind: "message", id: undefined, name: "guest", text, cut: 0 });

test("messages of the page are read from JSON, and from text of that form", () => {
  const message = { id: "x1", name: "Ann", text: "hi \"you\"\n<b>" };
  for (const value of [message, JSON.stringify(message)]) {
    assert.deepEqual(parseValue(value), { kind: "message", ...message, cut: 0 });
  }
  assert.deepEqual(parseValue(renaming("Ann", "Änne")), { kind: "rename", name: "Ann", to: "Änne" });
});

test("what is not of the page comes from a guest, as it is", () => {
  for (const text of ["hi", "", "42", "\"hi\"", "null", "[1]", "{", "{broken", "{}", "{\"temperature\":21}", "<b>hi</b>"]) {
    assert.deepEqual(parseValue(text), guest(text));
  }
  for (const value of [null, 42, true, [1], {}, { temperature: 21 }, { text: 1 }, { text: null, id: "1" }, { type: "rename" },
    { type: "rename", name: "Ann" }, { type: "rename", name: "Ann", to: "\u202e" }, { type: "constructor" }]) {
    assert.deepEqual(parseValue(value), guest(JSON.stringify(value)));
  }
});

test("a message may lack id and name", () => {
  assert.deepEqual(parseValue({ text: "hi" }), guest("hi"));
  assert.deepEqual(parseValue({ text: "hi", name: 7, id: {} }), guest("hi"));
  assert.deepEqual(parseValue({ text: "hi", id: "x".repeat(65) }), guest("hi"));
});

test("a name that the server knows is the one", () => {
  assert.equal(parseValue({ text: "hi", name: "Ann" }, "eve").name, "eve");
  assert.equal(parseValue("hi", "eve").name, "eve");
  assert.equal(parseValue(renaming("Ann", "Bob"), "eve").name, "eve");
});

test("long text is cut, and very long text is not parsed", () => {
  const { text, cut } = parseValue("x".repeat(10_000));
  assert.deepEqual([text.length, cut], [8192, 1808]);
  const huge = JSON.stringify({ name: "Ann", text: "y".repeat(200_000) });
  assert.deepEqual(parseValue(huge).name, "guest");
  assert.deepEqual(parseValue(huge).cut, huge.length - 8192);
});

test("names are one visible line", () => {
  for (const [name, clean] of [
    ["Ann", "Ann"], ["  Ann \t\n Lee ", "Ann Lee"], ["\u202eevil\u2066", "evil"], ["a\u0000b", "a b"], ["\u200b\u200d", ""],
    ["x".repeat(100), "x".repeat(32)], ["😀".repeat(40), "😀".repeat(32)], ["\ud800", ""], ["李雷", "李雷"], ["", ""],
    [undefined, ""], [null, ""], [7, ""], [{ toString: () => "x" }, ""],
  ]) assert.equal(cleanName(name), clean);
});

test("sizes", () => {
  assert.equal(byteLength("aü€😀"), 10);
  assert.deepEqual([0, 1, 1023, 1024, 1536, 10_240, 1 << 20, 5.25 * (1 << 20)].map(formatSize),
    ["0 bytes", "1 byte", "1023 bytes", "1 KB", "1.5 KB", "10 KB", "1 MB", "5.3 MB"]);
});

const bytes = (...list) => new Uint8Array(list);
const starting = (head, size = 64) => {
  const bytes = new Uint8Array(size);
  bytes.set([...head].map((c) => c.charCodeAt(0)));
  return bytes;
};

test("pictures are known by their first bytes", () => {
  for (const [head, type] of [
    ["\x89PNG\r\n\x1a\n", "image/png"], ["\xff\xd8\xff\xe0", "image/jpeg"], ["GIF87a", "image/gif"], ["GIF89a", "image/gif"],
    ["RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"],
  ]) assert.deepEqual(parseValue(starting(head)), { kind: "picture", type, size: 64 });
  for (const head of ["\x89PNG\r\n", "GIF90a", "RIFF1234WAVE", "<svg xmlns", " GIF89a", "%PDF-1.7"]) {
    assert.equal(parseValue(starting(head)).kind, "binary", head);
  }
  assert.equal(parseValue(starting("GIF89a", MAX_PICTURE)).kind, "picture");
  assert.equal(parseValue(starting("GIF89a", MAX_PICTURE + 1)).kind, "binary");
});

test("other bytes are shown in hex", () => {
  assert.deepEqual(parseValue(bytes()), { kind: "binary", size: 0, preview: "" });
  assert.deepEqual(parseValue(bytes(0, 10, 255)), { kind: "binary", size: 3, preview: "00 0a ff" });
  assert.equal(hex(new Uint8Array(17)), "00 ".repeat(16) + "…");
});
