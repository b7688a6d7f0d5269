// What is around the messages: the state of the connection, who is here, the
// title, and the box to write in.

import { avatar, el, nameOf } from "./dom.js";
import { byteLength, cleanName, formatSize, MAX_TEXT } from "./wire.js";

/** More people than this are counted, not listed. */
const MOST_LISTED = 100;

/** From this size on, in bytes, the box says how much room is left. */
const NEARLY_FULL = MAX_TEXT - 1024;

const $ = (id) => document.getElementById(id);

/** The state of the connection in words, and counting down while it waits. */
export class StateView {
  #duplex = null;
  #timer = null;
  #said = "connecting";

  /** again is called when a person wants to connect after it was closed. */
  constructor(again) {
    $("reconnect").addEventListener("click", () => this.#duplex.state === "closed" ? again() : this.#duplex.connect());
    for (const type of ["online", "offline"]) window.addEventListener(type, () => this.#show());
  }

  /** Shows the state of duplex from now on. */
  watch(duplex) {
    this.#duplex = duplex;
    duplex.addEventListener("state", () => { if (duplex === this.#duplex) this.#show(); });
    this.#show();
  }

  #show() {
    clearTimeout(this.#timer);
    const state = this.#duplex.state === "waiting" && !navigator.onLine ? "offline" : this.#duplex.state;
    const waits = state === "waiting" || state === "offline";
    $("state").dataset.state = state;
    $("state-text").textContent = this.#words(state);
    $("reconnect").hidden = !waits && state !== "closed";
    this.#announce(state);
    if (waits) this.#timer = setTimeout(() => this.#show(), 250);
  }

  #words(state) {
    const seconds = Math.max(0, Math.ceil((this.#duplex.retryAt - Date.now()) / 1000));
    switch (state) {
      case "connecting": return "Connecting…";
      case "open": return "Connected";
      case "closed": return "Closed by the server";
      case "offline": return `Offline, next try in ${seconds} s`;
      default: return `Reconnecting in ${seconds} s`;
    }
  }

  /** Tells a screen reader what changed, but neither every second nor every attempt. */
  #announce(state) {
    if (state === "connecting" || state === this.#said) return;
    this.#said = state;
    $("announce").textContent =
      { open: "Connected", waiting: "Connection lost, reconnecting", offline: "Offline", closed: "Closed by the server" }[state];
  }
}

/** Shows me and the others; stale means that nobody can be sure while there is no connection. */
export function showPeople(me, { names, count }, stale) {
  $("count").textContent = String(count + 1);
  $("here").dataset.stale = String(stale);
  const listed = names.slice(0, MOST_LISTED);
  const items = [person(me.name, true), ...listed.map((name) => person(name, false))];
  if (count > listed.length) items.push(el("li", { className: "person" }, `and ${count - listed.length} more`));
  $("people").replaceChildren(...items);
}

function person(value, own) {
  const name = cleanName(value) || "guest";
  const item = el("li", { className: "person", dataset: { testid: "person" } }, avatar(name), nameOf(name, "person-name"));
  if (own) item.append(el("span", { className: "you" }, "you"));
  return item;
}

/** Shows the room in the title and the hints, and how many messages came while nobody looked. */
export function showTitle(room, unread) {
  document.title = `${unread > 0 ? `(${unread}) ` : ""}${room} · Duplex chat`;
}

/** Tells how to come into the room without this page. */
export function showTerminal(url) {
  $("terminal").textContent = `duplex connect ${url}`;
}

/** The box to write in: grows with its text, sends on Enter, and knows the limit. */
export class Composer extends EventTarget {
  #text = $("text");

  /** The event "send" has the text in .text. */
  constructor() {
    super();
    $("composer").addEventListener("submit", (event) => { event.preventDefault(); this.#submit(); });
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  #submit() {
    const text = this.#text.value.trim();
    this.focus();
    if (text === "" || byteLength(text) > MAX_TEXT) return;
    this.#text.value = "";
    this.#changed();
    this.dispatchEvent(Object.assign(new Event("send"), { text }));
  }

  #changed() {
    const { value } = this.#text;
    // Up to a third of the limit in UTF-16 units nothing can be near the limit in bytes.
    const size = value.length * 3 < NEARLY_FULL ? 0 : byteLength(value.trim());
    const over = size > MAX_TEXT;
    $("hint").textContent = over
      ? `Too long to send: ${formatBytes(size - MAX_TEXT)} over the limit of ${formatSize(MAX_TEXT)}.`
      : size > NEARLY_FULL ? `${formatBytes(MAX_TEXT - size)} left` : "";
    $("hint").dataset.over = String(over);
    this.#text.setAttribute("aria-invalid", String(over));
    $("send").setAttribute("aria-disabled", String(over || value.trim() === ""));
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight + 2}px`;
  }
}

const formatBytes = (n) => `${n} ${n === 1 ? "byte" : "bytes"}`;
