// Bun's own WebSocket server, as echo and fan-out, with the interface of the
// process that bench/process starts: one line when it listens, then an answer to
// each line of standard input, with which it ends.
//
//   bun server.js '{"listen": "127.0.0.1:0", …}'

const o = JSON.parse(process.argv[2]);
const colon = o.listen.lastIndexOf(":");

const server = Bun.serve({
  hostname: o.listen.slice(0, colon),
  port: Number(o.listen.slice(colon + 1)),
  tls: o.cert ? { cert: o.cert, key: o.key } : undefined,
  fetch(request, server) {
    const fan = new URL(request.url).pathname === "/fan";
    if (!server.upgrade(request, { data: fan })) {
      return new Response("a WebSocket server\n", { status: 426 });
    }
  },
  websocket: {
    perMessageDeflate:
      o.compression === "off"
        ? false
        : o.compression === "takeover"
          ? { compress: "dedicated", decompress: "dedicated" }
          : { compress: "shared", decompress: "shared" },
    idleTimeout: 0,
    sendPings: false,
    maxPayloadLength: o.maxMessage,
    backpressureLimit: 64 * 1024 * 1024, // bytes of a connection; what is over is dropped
    open(ws) {
      if (ws.data) ws.subscribe("fan");
    },
    message(ws, message) {
      if (ws.data) server.publish("fan", message, o.compression !== "off");
      else ws.send(message, o.compression !== "off");
    },
  },
});

console.log(`bun echoes on ${o.cert ? "wss" : "ws"}://${server.hostname}:${server.port}/`);

// In a terminal, or with nothing at all, it goes on until it is interrupted.
if (o.control) {
  let rest = "";
  for await (const chunk of Bun.stdin.stream()) {
    rest += new TextDecoder().decode(chunk);
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "free") Bun.gc(true);
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      console.log((user + system) * 1000, rss, heapUsed, 0);
    }
  }
  process.exit(0);
}
