// The client of the npm package ws. It prints what it saw as one line of JSON.

import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { SIZES, Talk, converse, equal, bytes, text } from "./talk.mjs";

const task = JSON.parse(process.argv[2]);
const seen = await converse((url, protocols) => new WebSocket(url, protocols), task);

seen.fragmented = [];
const f = await new Talk(new WebSocket(task.echo)).opened;
for (const size of SIZES) {
  for (const whole of [Buffer.from(text(size)), bytes(size)]) {
    const binary = !Buffer.isBuffer(whole);
    const cut = Math.floor(size / 3); // in the middle of a character
    f.ws.send(whole.subarray(0, cut), { fin: false, binary });
    f.ws.ping("between fragments");
    f.ws.send(whole.subarray(cut, 2 * cut), { fin: false, binary });
    f.ws.send(whole.subarray(2 * cut), { fin: true, binary });
    const back = await f.next();
    if (typeof back === (binary ? "object" : "string") && equal(Buffer.from(back), whole)) seen.fragmented.push(size);
  }
}
const pong = new Promise((resolve) => f.ws.on("pong", (data) => { if (data.length !== 17) resolve(data.toString()); }));
f.ws.pong("nobody asked");
f.ws.ping("are you there?");
seen.pong = await pong;

const foreign = new WebSocket(task.url + "/echo", { origin: "https://elsewhere.example" });
foreign.on("error", () => {});
seen.refused = await new Promise((resolve) => foreign.on("unexpected-response", (_, answer) => {
  let body = "";
  answer.on("data", (part) => { body += part; });
  answer.on("end", () => resolve(`${answer.statusCode} ${/origin .* is not allowed/.exec(body)}`));
}));

const s = await new Talk(new WebSocket(task.secure, { ca: readFileSync(task.ca) })).opened;
s.ws.send(bytes(1 << 20));
seen.secure = equal(await s.next(), bytes(1 << 20));
s.ws.close(1000);
await s.closed;
const distrustful = new WebSocket(task.secure);
seen.distrust = await new Promise((resolve) => distrustful.on("error", ({ code }) => resolve(code)));

console.log(JSON.stringify(seen));
process.exit(); // connections that are only waited for, such as that of the ping, end with it
