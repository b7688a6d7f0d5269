// The name of a room is the name of a topic, and its place in the URLs.

export const DEFAULT_ROOM = "lobby";

const TOKEN = String.raw`[\p{L}\p{Nd}_~\-][\p{L}\p{Nd}\p{M}_~\-]*`;
const NAME = new RegExp(`^${TOKEN}(\\.${TOKEN})*$`, "u");

/** What is wrong with the name of a room, "" if nothing is. */
export function roomProblem(name) {
  if (name === "") return "A room needs a name.";
  if (new TextEncoder().encode(name).length > 255) return "This name is too long: 255 bytes are the most.";
  if (NAME.test(name)) return "";
  if (/^\.|\.\.|\.$/.test(name)) return "Dots stand between words, one at a time.";
  return "Use letters, digits, - _ ~ and single dots, no spaces.";
}

/** The room in the query of a page's URL. */
export function roomOf(url) {
  return new URL(url).searchParams.get("room")?.trim() || DEFAULT_ROOM;
}

/** The URL of the page for a room. */
export function pageURL(room, base) {
  const url = new URL("/", base);
  url.searchParams.set("room", room);
  return url.href;
}

/** The URL of the room's WebSocket. */
export function socketURL(room, base) {
  const url = new URL("/t/" + encodeURIComponent(room), base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
