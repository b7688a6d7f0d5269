import assert from "node:assert/strict";
import test from "node:test";
import { byteLength, cleanName, encodeMessage, encodePresence, formatSize, hex, MAX_PICTURE, parseBinary, parseText } from "../page/wire.js";

const guest = (text) => ({ kind: "message", id: undefined, name: "guest", text, cut: 0 });

test("what the page writes it reads", () => {
  const message = { id: "x1", name: "Ann", text: "hi \"you\"\n<b>" };
  assert.equal(encodeMessage({ ...message, state: "sent" }), JSON.stringify(message));
  assert.deepEqual(parseText(encodeMessage(message)), { kind: "message", ...message, cut: 0 });
  for (const type of ["join", "here", "leave", "rename"]) {
    assert.deepEqual(parseText(encodePresence(type, "c1", "Ann")), { kind: "presence", type, client: "c1", name: "Ann" });
  }
});

test("text that is not of the page comes from a guest, as it is", () => {
  for (const text of ["hi", "", "42", "\"hi\"", "null", "[1]", "{", "{broken", "{}", "{\"temperature\":21}", "<b>hi</b>"]) {
    assert.deepEqual(parseText(text), guest(text));
  }
});

test("a message may lack id and name, but not its text", () => {
  assert.deepEqual(parseText("{\"text\":\"hi\"}"), guest("hi"));
  assert.deepEqual(parseText("{\"text\":\"hi\",\"name\":7,\"id\":{}}"), guest("hi"));
  assert.deepEqual(parseText(JSON.stringify({ text: "hi", id: "x".repeat(65) })), guest("hi"));
  for (const text of [1, null, {}, ["a"], true]) assert.equal(parseText(JSON.stringify({ id: "1", name: "A", text })), null);
});

test("presence that makes no sense is ignored", () => {
  for (const value of [
    { type: "join" }, { type: "join", client: 7 }, { type: "join", client: "" }, { type: "join", client: "x".repeat(65) },
    { type: "dance", client: "c" }, { type: null, client: "c" }, { type: ["join"], client: "c" }, { type: "constructor", client: "c" },
  ]) assert.equal(parseText(JSON.stringify(value)), null, JSON.stringify(value));
  assert.equal(parseText("{\"type\":\"join\",\"client\":\"c\"}").name, "guest");
});

test("long text is cut, and very long text is not parsed", () => {
  const { text, cut } = parseText("x".repeat(10_000));
  assert.deepEqual([text.length, cut], [8192, 1808]);
  const huge = JSON.stringify({ text: "y".repeat(200_000) });
  assert.deepEqual(parseText(huge).name, "guest");
  assert.deepEqual(parseText(huge).cut, huge.length - 8192);
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

const buffer = (...bytes) => new Uint8Array(bytes).buffer;
const starting = (head, size = 64) => {
  const bytes = new Uint8Array(size);
  bytes.set([...head].map((c) => c.charCodeAt(0)));
  return bytes.buffer;
};

test("pictures are known by their first bytes", () => {
  for (const [head, type] of [
    ["\x89PNG\r\n\x1a\n", "image/png"], ["\xff\xd8\xff\xe0", "image/jpeg"], ["GIF87a", "image/gif"], ["GIF89a", "image/gif"],
    ["RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"],
  ]) assert.deepEqual(parseBinary(starting(head)), { kind: "picture", type, size: 64 });
  for (const head of ["\x89PNG\r\n", "GIF90a", "RIFF1234WAVE", "<svg xmlns", " GIF89a", "%PDF-1.7"]) {
    assert.equal(parseBinary(starting(head)).kind, "binary", head);
  }
  assert.equal(parseBinary(starting("GIF89a", MAX_PICTURE)).kind, "picture");
  assert.equal(parseBinary(starting("GIF89a", MAX_PICTURE + 1)).kind, "binary");
});

test("other bytes are shown in hex", () => {
  assert.deepEqual(parseBinary(buffer()), { kind: "binary", size: 0, preview: "" });
  assert.deepEqual(parseBinary(buffer(0, 10, 255)), { kind: "binary", size: 3, preview: "00 0a ff" });
  assert.equal(hex(new Uint8Array(17)), "00 ".repeat(16) + "…");
});
