// The list of messages: what was said, what happened, and at its end what was
// written here and is still on its way.

import { avatar, el, linked, nameOf, timeOf } from "./dom.js";
import { formatSize } from "./wire.js";

/** More lines than this are not kept; the oldest go a few at a time. */
const MOST_LINES = 500;
const TRIM = 25;

/** More pictures than this are not kept. */
const MOST_PICTURES = 20;

/** Messages of one person with less than this between them, in ms, stand together. */
const TOGETHER = 5 * 60_000;

/** This close to the end, in pixels, the list follows what is new. */
const NEAR_END = 80;

/** What comes so soon after a room was entered, in ms, is not read out. */
const ENTERING = 1000;

const DELIVERY = { waiting: "not sent yet", sent: "sending…", failed: "not sent" };

export class Log extends EventTarget {
  #scroller;
  #list;
  #onWay = new Map(); // id → line of a message that has not come back
  #pictures = []; // { figure, url }, oldest first
  #missed = 0; // messages below what can be seen
  #follows = true; // the end is shown, unless somebody has scrolled up
  #top = 0; // how far it was scrolled, in pixels

  /** The event "missed" tells that the number of messages below changed. */
  constructor(scroller, list) {
    super();
    this.#scroller = scroller;
    this.#list = list;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => { if (this.#follows) this.#follow(); }).observe(scroller);
  }

  get missed() {
    return this.#missed;
  }

  /** Shows a message, { name, text, cut }, that was sent at a time. */
  message({ name, text, cut }, own, at) {
    const content = el("p", { className: "text", dir: "auto", dataset: { testid: "message-text" } }, ...linked(text));
    if (cut > 0) content.append(el("span", { className: "cut" }, `… ${cut} more characters are not shown`));
    const item = line({ name, own, content, at });
    if (own) item.dataset.delivery = "delivered";
    this.#add(item);
  }

  /** Shows binary data of somebody as what wire.js took it for. */
  binary(found, bytes, at) {
    const name = "guest";
    const content = found.kind === "picture" ? this.#picture(found, bytes) : hexPreview(found);
    this.#add(line({ name, own: false, content, at }));
  }

  /** Shows { id, name, text, state }, which is on its way, or its new state. onAgain is called if a person wants it sent again. */
  onWay(entry, onAgain) {
    let item = this.#onWay.get(entry.id);
    if (!item) {
      const content = el("p", { className: "text", dir: "auto", dataset: { testid: "message-text" } }, ...linked(entry.text));
      item = line({ name: entry.name, own: true, content, at: new Date() });
      this.#onWay.set(entry.id, item);
      this.#insert(item, null);
      this.toEnd();
    }
    item.dataset.delivery = entry.state;
    const note = el("span", { className: "delivery" }, DELIVERY[entry.state]);
    if (entry.state === "failed") {
      note.append(" ", el("button", { type: "button", className: "again", onclick: onAgain }, "Try again"));
    }
    item.querySelector(".delivery")?.remove();
    item.querySelector(".stamp").append(note);
  }

  /** A message of ours came back, with its time: it takes its place among what was said. */
  delivered(id, at) {
    const item = this.#onWay.get(id);
    if (!item) return;
    this.#onWay.delete(id);
    if (at) setTime(item, at);
    item.dataset.delivery = "delivered";
    item.querySelector(".delivery")?.remove();
    const { value: next = null } = this.#onWay.values().next();
    // Only a message that overtook others moves: a screen reader would read it again.
    if (next && next.compareDocumentPosition(item) & Node.DOCUMENT_POSITION_FOLLOWING) {
      this.#list.insertBefore(item, next);
    }
    this.#regroup();
  }

  /** Writes a quiet line about what happened; its parts are text or elements. */
  note(kind, ...parts) {
    const item = el("li", { className: "note", dataset: { testid: "note", kind } }, el("p", {}, ...parts));
    this.#add(item, false);
  }

  /** Empties the list, for a room that is entered. */
  clear() {
    this.#list.setAttribute("aria-busy", "true");
    setTimeout(() => this.#list.removeAttribute("aria-busy"), ENTERING);
    for (const { url } of this.#pictures) URL.revokeObjectURL(url);
    this.#pictures = [];
    this.#onWay.clear();
    this.#list.replaceChildren();
    this.toEnd();
  }

  /** Shows the end of the list. */
  toEnd() {
    this.#setMissed(0);
    this.#follow();
  }

  #add(item, counts = true) {
    const follows = this.#follows;
    const { value: before = null } = this.#onWay.values().next();
    this.#insert(item, before);
    this.#trim(follows);
    if (follows) this.#follow();
    else if (counts) this.#setMissed(this.#missed + 1);
  }

  #insert(item, before) {
    this.#list.insertBefore(item, before);
    group(item);
    group(item.nextElementSibling);
  }

  /** Removes what is too old, without moving what is being read. */
  #trim(follows) {
    const lines = this.#list.children;
    if (lines.length <= MOST_LINES) return;
    const last = lines[lines.length - 1];
    const before = last.getBoundingClientRect().top;
    for (let i = 0; i < TRIM; i++) lines[0].remove();
    group(lines[0]);
    if (!follows) this.#scroller.scrollTop += last.getBoundingClientRect().top - before;
    this.#pictures = this.#pictures.filter(({ figure, url }) => {
      if (figure.isConnected) return true;
      URL.revokeObjectURL(url);
      return false;
    });
  }

  #regroup() {
    for (const item of this.#list.children) group(item);
  }

  #picture({ type, size }, bytes) {
    const url = URL.createObjectURL(new Blob([bytes], { type }));
    const what = `${type.slice("image/".length).toUpperCase()} picture, ${formatSize(size)}`;
    const gone = (why) => { figure.replaceChildren(`${what}, ${why}`); URL.revokeObjectURL(url); };
    const img = el("img", { src: url, alt: what });
    const figure = el("figure", { className: "picture" }, img, el("figcaption", {}, what));
    img.onload = () => { if (this.#follows) this.#follow(); };
    img.onerror = () => gone("which cannot be shown");
    this.#pictures.push({ figure, url, gone });
    if (this.#pictures.length > MOST_PICTURES) this.#pictures.shift().gone("no longer kept");
    return figure;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  #follow() {
    this.#follows = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
  }

  /** What grows, or the window that gets smaller, moves the end away too; only people go up. */
  #scrolled() {
    const { scrollTop } = this.#scroller;
    if (this.#atEnd()) {
      this.#follows = true;
      this.#setMissed(0);
    } else if (scrollTop < this.#top) this.#follows = false;
    this.#top = scrollTop;
  }

  #setMissed(n) {
    if (this.#missed === n) return;
    this.#missed = n;
    this.dispatchEvent(new Event("missed"));
  }
}

function line({ name, own, content, at }) {
  const stamp = el("span", { className: "stamp" }, timeOf(at));
  const item = el("li", { className: "message", dataset: { testid: "message", own: String(own), name } },
    nameOf(own ? "You" : name), el("div", { className: "bubble" }, content, stamp));
  item.at = at.getTime();
  if (!own) item.prepend(avatar(name));
  return item;
}

function setTime(item, at) {
  item.at = at.getTime();
  item.querySelector("time").replaceWith(timeOf(at));
}

function hexPreview({ size, preview }) {
  const what = el("p", { className: "text" }, `binary message, ${size === 1 ? "1 byte" : `${size} bytes`}`);
  if (size === 0) return what;
  return el("div", {}, what, el("code", { className: "hex" }, preview));
}

/** Marks item as the first of its person's or as one more. */
function group(item) {
  if (!item?.classList.contains("message")) return;
  const last = item.previousElementSibling;
  const more = last?.classList.contains("message") && last.dataset.own === item.dataset.own &&
    last.dataset.name === item.dataset.name && item.at - last.at < TOGETHER;
  item.dataset.first = String(!more);
}
