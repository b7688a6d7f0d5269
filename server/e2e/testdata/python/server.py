"""A server of Python's websockets. Its first line of output says where it listens;
when its input ends it prints what it saw as one line of JSON."""

import asyncio
import http
import json
import ssl
import sys

import websockets

FRAGMENTED = ("x" + "€" * 20000) * 3
PARTS = [FRAGMENTED[:20001], FRAGMENTED[20001:40002], FRAGMENTED[40002:]]

seen = {"offers": [], "byes": [], "pings": []}


class Protocol(websockets.WebSocketServerProtocol):
    """Notes the pings, which it answers with this."""

    async def pong(self, data=b""):
        seen["pings"].append(len(data))
        await super().pong(data)


async def fragments(ws):
    await ws.send(PARTS)
    await ws.send([part.encode() for part in PARTS])


async def ping(ws):
    await (await ws.ping("are you there?"))
    await ws.send("pong: are you there?")
    await ws.wait_closed()


async def bye(ws):
    await ws.wait_closed()
    seen["byes"].append(f"{ws.close_code} {ws.close_reason}")


async def handle(ws):
    seen["offers"].append(ws.request_headers.get("Sec-WebSocket-Extensions", ""))
    _, room, *argument = ws.path.split("/")
    if room == "echo":
        async for message in ws:
            await ws.send(message)
    elif room == "close":
        await ws.close(int(argument[0]), "weil ✓")
    elif room == "drop":
        ws.transport.abort()
    else:
        await {"fragments": fragments, "ping": ping, "bye": bye}[room](ws)


async def refuse(path, headers):
    if path == "/refuse":
        return http.HTTPStatus.FORBIDDEN, [], b"not you"
    return None


async def main(task):
    options = {
        "create_protocol": Protocol,
        "compression": "deflate",
        "process_request": refuse,
        "subprotocols": ["v1.example"],
    }
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(task["cert"], task["key"])
    plain = await websockets.serve(handle, "127.0.0.1", 0, **options)
    secure = await websockets.serve(handle, "127.0.0.1", 0, ssl=context, **options)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
    print(json.dumps({"plain": ports[0], "secure": ports[1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    seen["offers"] = list(set(seen["offers"]))
    print(json.dumps(seen, ensure_ascii=False, separators=(",", ":")))


asyncio.run(main(json.loads(sys.argv[1])))
