// Small things for building elements. Whatever came from a peer gets into the
// page as text nodes and properties only, never as HTML.

/** Makes an element: el("p", { className: "x", dataset: { own: "true" } }, "text", child). */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  const { dataset, attrs, ...rest } = props;
  Object.assign(node, rest);
  Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(attrs ?? {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The hue, in degrees, that a name has on every page: FNV-1a in steps of 15°. */
export function hue(name) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return ((hash >>> 0) % 24) * 15;
}

/** Has node and what is in it use the colour of name. */
export function tint(node, name) {
  node.style.setProperty("--hue", String(hue(name)));
  return node;
}

/** A round picture with the first letter of name, for the eye only. */
export function avatar(name) {
  const letter = [...name][0]?.toLocaleUpperCase() ?? "?";
  return tint(el("span", { className: "avatar", attrs: { "aria-hidden": "true" } }, letter), name);
}

/** A name that keeps its own direction of writing to itself. */
export function nameOf(name, className = "name") {
  return tint(el("bdi", { className }, name), name);
}

/** The time of day, and the day if it is not today. */
export function timeOf(at) {
  const today = at.toDateString() === new Date().toDateString();
  const day = today ? {} : { day: "numeric", month: "short" };
  const short = at.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" });
  return el("time", { dateTime: at.toISOString(), title: at.toLocaleString() }, short);
}

export function clock(at) {
  return at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

const LINK = /https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}]/g;

/** Text as nodes, with http and https links in it made to follow. */
export function linked(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: href, index } of text.matchAll(LINK)) {
    nodes.push(text.slice(end, index));
    nodes.push(el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href));
    end = index + href.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}
