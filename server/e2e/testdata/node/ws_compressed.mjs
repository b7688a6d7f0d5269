// The client of the npm package ws, with compression. For each task, an URL and
// options, it prints what came of it as one line of JSON.

import WebSocket from "ws";
import { exchange } from "./compressed.mjs";
import { Talk } from "./talk.mjs";

/** Every third message in fragments, every fifth uncompressed. */
function send(ws, data, i) {
  const compress = i % 5 !== 0;
  const whole = Buffer.from(data);
  const binary = typeof data !== "string";
  if (i % 3 !== 0) return ws.send(whole, { binary, compress });
  const cut = Math.floor(whole.length / 2);
  ws.send(whole.subarray(0, cut), { binary, compress, fin: false });
  ws.ping("between");
  return ws.send(whole.subarray(cut), { binary, compress, fin: true });
}

const results = [];
for (const { url, offer } of JSON.parse(process.argv[2])) {
  const ws = new WebSocket(url, { perMessageDeflate: { threshold: 0, ...offer } });
  results.push(await exchange(new Talk(ws), send));
}
console.log(JSON.stringify({ results }));
