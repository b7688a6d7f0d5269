// Who sits in front of this page: a name that the browser remembers, and a
// client id that lives as long as the page.

import { cleanName } from "./wire.js";

const KEY = "duplex.chat.name";

const KINDS = ["Amber", "Brave", "Calm", "Clever", "Cosy", "Dapper", "Eager", "Gentle", "Happy", "Jolly",
  "Keen", "Kind", "Lively", "Lucky", "Mellow", "Merry", "Nimble", "Quiet", "Sunny", "Witty"];
const ANIMALS = ["Badger", "Beaver", "Bison", "Crane", "Dolphin", "Falcon", "Fox", "Gecko", "Heron", "Ibex",
  "Koala", "Lynx", "Marten", "Newt", "Otter", "Owl", "Panda", "Puffin", "Robin", "Seal"];

export function loadMe(storage = browserStorage()) {
  let name = "";
  try {
    name = cleanName(storage?.getItem(KEY));
  } catch { /* a browser that keeps nothing still has a name to show */ }
  const me = { client: randomId(), name: name || randomName() };
  saveName(me.name, storage);
  return me;
}

export function saveName(name, storage = browserStorage()) {
  try {
    storage?.setItem(KEY, name);
  } catch { /* see above */ }
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

/** Reading localStorage throws where a browser forbids it. */
function browserStorage() {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
