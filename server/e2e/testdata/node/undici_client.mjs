// The WebSocket of the npm package undici, which is that of Node.js. It prints
// what it saw as one line of JSON.

import { readFileSync } from "node:fs";
import { Agent, WebSocket } from "undici";
import { Talk, bytes, converse, equal } from "./talk.mjs";

const task = JSON.parse(process.argv[2]);
const seen = await converse((url, protocols) => new WebSocket(url, protocols), task);

/** Waits for the error: this version fires no close after it. */
const failed = (ws) => new Promise((resolve) => { ws.onerror = ({ type }) => resolve(type); });

const foreign = new WebSocket(task.url + "/echo", { headers: { origin: "https://elsewhere.example" } });
seen.refused = await failed(foreign);

const dispatcher = new Agent({ connect: { ca: readFileSync(task.ca) } });
const s = await new Talk(new WebSocket(task.secure, { dispatcher })).opened;
s.ws.send(bytes(1 << 20));
seen.secure = equal(await s.next(), bytes(1 << 20));
s.ws.close(1000);
await s.closed;
seen.distrust = await failed(new WebSocket(task.secure));

console.log(JSON.stringify(seen));
process.exit();
