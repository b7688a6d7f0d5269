// The WebSocket of the npm package undici, with compression. For each task, an URL,
// it prints what came of it as one line of JSON.

import { WebSocket } from "undici";
import { exchange } from "./compressed.mjs";
import { Talk } from "./talk.mjs";

const results = [];
for (const { url } of JSON.parse(process.argv[2])) results.push(await exchange(new Talk(new WebSocket(url))));
console.log(JSON.stringify({ results }));
process.exit();
