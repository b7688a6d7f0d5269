// A server of the npm package ws that compresses, with the options of its argument.
// Its first line of output says where it listens.

import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "127.0.0.1", port: 0, perMessageDeflate: { threshold: 0, ...JSON.parse(process.argv[2]) },
}, () => console.log(JSON.stringify({ plain: server.address().port })));
let n = 0;
server.on("connection", (ws) => ws.on("message", (data, binary) => {
  if (n++ % 3 !== 0) return ws.send(data, { binary });
  const cut = Math.floor(data.length / 2);
  ws.send(data.subarray(0, cut), { binary, fin: false });
  return ws.send(data.subarray(cut), { binary, fin: true });
}));
process.stdin.resume().on("end", () => process.exit());
