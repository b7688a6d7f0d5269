// Who sits in front of this page: a name that the browser remembers, and what
// was said here, which the tab remembers.

import { cleanName } from "./wire.js";

const NAME = "duplex.chat.name";
const OWN = "duplex.chat.own";

/** More own messages than this are not known again when the page is loaded anew. */
const MOST_OWN = 100;

const KINDS = ["Amber", "Brave", "Calm", "Clever", "Cosy", "Dapper", "Eager", "Gentle", "Happy", "Jolly",
  "Keen", "Kind", "Lively", "Lucky", "Mellow", "Merry", "Nimble", "Quiet", "Sunny", "Witty"];
const ANIMALS = ["Badger", "Beaver", "Bison", "Crane", "Dolphin", "Falcon", "Fox", "Gecko", "Heron", "Ibex",
  "Koala", "Lynx", "Marten", "Newt", "Otter", "Owl", "Panda", "Puffin", "Robin", "Seal"];

export function loadMe(storage = browserStorage("localStorage")) {
  let name = "";
  try {
    name = cleanName(storage?.getItem(NAME));
  } catch { /* a browser that keeps nothing still has a name to show */ }
  const me = { name: name || randomName() };
  saveName(me.name, storage);
  return me;
}

export function saveName(name, storage = browserStorage("localStorage")) {
  try {
    storage?.setItem(NAME, name);
  } catch { /* see above */ }
}

/** Remembers that the message with this id is of this tab. */
export function keepOwn(id, storage = browserStorage("sessionStorage")) {
  try {
    storage?.setItem(OWN, [...ownIds(storage), id].slice(-MOST_OWN).join(" "));
  } catch { /* see above */ }
}

export function isOwn(id, storage = browserStorage("sessionStorage")) {
  return id !== undefined && ownIds(storage).includes(id);
}

function ownIds(storage) {
  try {
    return storage?.getItem(OWN)?.split(" ") ?? [];
  } catch {
    return [];
  }
}

export function randomName(random = Math.random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  return `${pick(KINDS)} ${pick(ANIMALS)}`;
}

/** 96 random bits in 16 characters; works without a secure context too. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

/** Reading it throws where a browser forbids it. */
function browserStorage(which) {
  try {
    return globalThis[which];
  } catch {
    return undefined;
  }
}
