// What the page sends and understands. A room passes on whatever is sent to
// it, by anybody, so nothing here trusts what it reads.
//
//   {"id":"…","name":"Ann","text":"hi"}             a message, as JSON or as text of that form
//   {"type":"rename","name":"Ann","to":"Änne"}      somebody has a new name
//   any other text or JSON                          a message of a guest
//   binary                                          a picture, or bytes

/** The longest message that can be written, in bytes of UTF-8. */
export const MAX_TEXT = 8192;

/** More of a message than this many characters is not shown. */
const MAX_SHOWN = MAX_TEXT;

/** Larger text is not looked into for JSON, in characters. */
const MAX_JSON = 128 * 1024;

/** The largest picture that is shown, in bytes. */
export const MAX_PICTURE = 1 << 20;

const MAX_NAME = 32;
const MAX_ID = 64;
const GUEST = "guest";

/** Size of text on the wire, in bytes. */
export function byteLength(text) {
  return new TextEncoder().encode(text).length;
}

/**
 * A name fit to be shown: one line, without characters that are invisible or
 * turn the direction of the text around them, at most 32 characters.
 */
export function cleanName(value) {
  if (typeof value !== "string") return "";
  const line = value.slice(0, 512).replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").replace(/[\p{Cf}\p{Co}\p{Cn}\p{Cs}]/gu, "");
  return [...line.trim()].slice(0, MAX_NAME).join("").trim();
}

/** What is sent when somebody takes a new name. */
export function renaming(name, to) {
  return { type: "rename", name, to };
}

/**
 * Reads what came from a room, of a publisher whose name the server may know:
 *
 *   { kind: "message", id, name, text, cut }    id is undefined if it has none, cut
 *                                               counts the characters left out
 *   { kind: "rename", name, to }
 *   { kind: "picture", type, size }
 *   { kind: "binary", size, preview }           with the first 16 bytes in hex
 */
export function parseValue(value, by) {
  if (value instanceof Uint8Array) return parseBinary(value);
  const from = cleanName(by);
  const object = typeof value === "string" ? parseObject(value) : value;
  if (typeof object?.text === "string") {
    return message(isId(object.id) ? object.id : undefined, from || cleanName(object.name) || GUEST, object.text);
  }
  if (object?.type === "rename" && cleanName(object.name) && cleanName(object.to)) {
    return { kind: "rename", name: from || cleanName(object.name), to: cleanName(object.to) };
  }
  return message(undefined, from || GUEST, typeof value === "string" ? value : JSON.stringify(value));
}

function parseObject(text) {
  if (text.length > MAX_JSON || !text.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function message(id, name, text) {
  const shown = text.slice(0, MAX_SHOWN);
  return { kind: "message", id, name, text: shown, cut: text.length - shown.length };
}

function isId(value) {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_ID;
}

function parseBinary(bytes) {
  const type = pictureType(bytes);
  if (type && bytes.length <= MAX_PICTURE) return { kind: "picture", type, size: bytes.length };
  return { kind: "binary", size: bytes.length, preview: hex(bytes) };
}

export function hex(bytes, most = 16) {
  const shown = [...bytes.subarray(0, most)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > most ? shown + " …" : shown;
}

/** The media type by the first bytes, undefined if they are of no known picture. */
function pictureType(bytes) {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (/^GIF8[79]a/.test(head)) return "image/gif";
  if (/^RIFF[^]{4}WEBP/.test(head)) return "image/webp";
  return undefined;
}

/** 1536 → "1.5 KB", for people. */
export function formatSize(bytes) {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const [value, unit] = bytes < 1 << 20 ? [bytes / 1024, "KB"] : [bytes / (1 << 20), "MB"];
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${unit}`;
}
