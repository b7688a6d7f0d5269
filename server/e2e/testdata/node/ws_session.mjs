// The client of the npm package ws in a topic, with a session, as a program that
// knows nothing of it: it answers pings as RFC 6455 wants, and connects again. Its
// connections are killed by lines on its input; it ends when it has the number that
// stands on the last one.

import { createInterface } from "node:readline";
import WebSocket from "ws";

const { url } = JSON.parse(process.argv[2]);
const seen = [];
const ends = [];
let last, ws;

function connect() {
  ws = new WebSocket(url + "?session=npm-ws-0123456789");
  ws.on("open", () => console.log("open"));
  ws.on("message", (data) => {
    seen.push(data.toString());
    if (data.toString() === last) end();
  });
  ws.on("error", () => {}); // "close" follows
  ws.on("close", (code, reason) => {
    ends.push(`${code} ${reason}`);
    if (last === undefined || !seen.includes(last)) setTimeout(connect, 100);
  });
}
connect();

createInterface(process.stdin).on("line", (line) => {
  if (line === "terminate") return ws.terminate();
  last = line;
  if (seen.includes(last)) end();
});

function end() {
  process.stdin.destroy();
  ws.terminate();
  console.log(JSON.stringify({ seen, ends: [...new Set(ends)] }));
}
