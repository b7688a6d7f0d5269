// A server of the npm package ws. Its first line of output says where it listens;
// when its input ends it prints what it saw as one line of JSON.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { WebSocketServer } from "ws";
import { FRAGMENTED } from "./talk.mjs";

const { cert, key } = JSON.parse(process.argv[2]);
const seen = { offers: [], byes: [], pings: [] };

const rooms = {
  echo(ws) {
    ws.on("message", (data, binary) => ws.send(data, { binary }));
    ws.on("ping", (data) => seen.pings.push(data.length)); // answered by itself
  },
  fragments(ws) {
    const parts = [FRAGMENTED.slice(0, 20001), FRAGMENTED.slice(20001, 40002), FRAGMENTED.slice(40002)];
    for (const binary of [false, true]) {
      parts.forEach((part, i) => {
        ws.send(part, { binary, fin: i === 2 });
        ws.ping("between");
      });
    }
    ws.close(1000);
  },
  ping(ws) {
    ws.on("pong", (data) => ws.send(`pong: ${data}`));
    ws.ping("are you there?");
  },
  bye(ws) {
    ws.on("close", (code, reason) => seen.byes.push(`${code} ${reason}`));
  },
  close(ws, code) {
    if (code === "1005") ws.close();
    else ws.close(Number(code), "weil ✓");
  },
  drop(ws) {
    ws.terminate();
  },
};

const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: true,
  handleProtocols: (offered) => (offered.has("v1.example") ? "v1.example" : false),
});
sockets.on("connection", (ws, request) => {
  const [, room, argument] = request.url.split("/");
  seen.offers.push(request.headers["sec-websocket-extensions"] ?? "");
  rooms[room](ws, argument);
});

function upgrade(request, socket, head) {
  if (request.url === "/refuse") {
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nnot you");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit("connection", ws, request));
}

const plain = createServer().on("upgrade", upgrade);
const secure = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }).on("upgrade", upgrade);
plain.listen(0, "127.0.0.1", () => secure.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ plain: plain.address().port, secure: secure.address().port }));
}));

process.stdin.resume().on("end", () => {
  seen.offers = [...new Set(seen.offers)];
  console.log(JSON.stringify(seen));
  process.exit();
});
