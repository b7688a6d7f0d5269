// The page: puts its parts together, and the room into the URL.

import { Duplex } from "./duplex.js";
import { Log } from "./log.js";
import { loadMe, saveName } from "./me.js";
import { pageURL, roomOf, roomProblem, socketURL, DEFAULT_ROOM } from "./room.js";
import { Composer, showPeople, showTerminal, showTitle, StateView } from "./view.js";
import { Visit } from "./visit.js";
import { cleanName } from "./wire.js";

const $ = (id) => document.getElementById(id);

const me = loadMe();
const log = new Log($("log"), $("messages"));
const state = new StateView(start);
const composer = new Composer();
let duplex = null;
let visit = null;
let room = "";
let unread = 0;

/** Connects. All rooms share the connection, so what was written in one is sent though another was entered. */
function start() {
  const { unsent = [] } = visit ?? {};
  const before = room;
  visit?.end();
  visit = null;
  duplex = new Duplex("/ws");
  state.watch(duplex);
  enterFromURL();
  if (room === before) visit.bring(unsent);
}

/** Leaves the room and enters another. */
function enter(name) {
  visit?.end();
  room = name;
  $("room").value = room;
  roomChanged();
  setUnread(0);
  log.clear();
  visit = new Visit(duplex, room, me, log);
  visit.addEventListener("people", people);
  visit.addEventListener("heard", () => { if (document.hidden) setUnread(unread + 1); });
  showTerminal(decodeURI(socketURL(room, location.href)));
  people();
}

function people() {
  showPeople(me, visit.others, duplex.state !== "open");
}

function setUnread(n) {
  unread = n;
  showTitle(room, unread);
}

/** Enters the room of the URL, or says why it cannot. */
function enterFromURL() {
  const wanted = roomOf(location.href);
  const problem = roomProblem(wanted);
  enter(problem ? DEFAULT_ROOM : wanted);
  if (!problem) return;
  history.replaceState(null, "", pageURL(room, location.href));
  $("room-problem").textContent = `The link does not name a room, this is the ${DEFAULT_ROOM}. ${problem}`;
}

/** The URL has changed: enters its room, over a new connection if the last one was closed. */
function go() {
  if (duplex.state === "closed") start();
  else enterFromURL();
}

function roomChanged() {
  const changed = $("room").value.trim() !== room;
  $("room-go").hidden = !changed;
  $("room-problem").textContent = "";
  $("room").removeAttribute("aria-invalid");
}

$("room").addEventListener("input", roomChanged);
$("room").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  $("room").value = room;
  roomChanged();
});
$("room-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = $("room").value.trim().replace(/^#/, "");
  const problem = roomProblem(wanted);
  $("room-problem").textContent = problem;
  $("room").setAttribute("aria-invalid", String(problem !== ""));
  if (problem) return;
  if (wanted !== room) {
    history.pushState(null, "", pageURL(wanted, location.href));
    go();
  }
  composer.focus();
});
window.addEventListener("popstate", go);

$("copy").addEventListener("click", async () => {
  const label = $("copy").querySelector(".copy-text");
  label.textContent = (await copy(pageURL(room, location.href))) ? "Copied" : "Copy it from the address bar";
  setTimeout(() => { label.textContent = "Copy link"; }, 2000);
});

/** The clipboard has an API in secure contexts only; elsewhere a selection is copied. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }
}

$("name").value = me.name;
$("name").addEventListener("change", () => {
  const name = cleanName($("name").value) || me.name;
  $("name").value = name;
  if (name === me.name) return;
  const before = me.name;
  me.name = name;
  saveName(name);
  visit.renamed(before);
});
$("name").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  composer.focus(); // which also ends the change
});

composer.addEventListener("send", ({ text }) => visit.say(text));

$("jump").addEventListener("click", () => { log.toEnd(); composer.focus(); });
log.addEventListener("missed", () => {
  $("jump").hidden = log.missed === 0;
  $("jump-text").textContent = log.missed === 1 ? "1 new message" : `${log.missed} new messages`;
});

document.addEventListener("visibilitychange", () => { if (!document.hidden) setUnread(0); });
// A page that is left says so at once, and one that a browser kept comes back.
window.addEventListener("pagehide", () => duplex.close());
window.addEventListener("pageshow", ({ persisted }) => { if (persisted) start(); });

start();
if (matchMedia("(pointer: fine)").matches) composer.focus();
