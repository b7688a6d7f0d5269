"""The client of Python's websockets. It prints what it saw as one line of JSON."""

import asyncio
import json
import ssl
import sys

import websockets

SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20]
FRAGMENTED = ("x" + "€" * 20000) * 3


def text(size):
    return "é" * (size >> 1) + "x" * (size & 1)


def data(size):
    return bytes((i * 31 + (i >> 8)) & 255 for i in range(size))


def end(ws):
    return f"{ws.close_code} {ws.close_reason}"


async def echoes(echo, seen):
    async with websockets.connect(echo) as ws:
        seen["extensions"] = [str(e) for e in ws.extensions]
        seen["text"], seen["binary"], seen["fragmented"] = [], [], []
        for size in SIZES:
            for key, whole in ("text", text(size)), ("binary", data(size)):
                await ws.send(whole)
                if await ws.recv() == whole:
                    seen[key].append(size)
                third = len(whole) // 3
                await ws.send([whole[:third], whole[third:2 * third], whole[2 * third:]])
                if await ws.recv() == whole:
                    seen["fragmented"].append(size)
        await ws.pong("nobody asked")
        pong = await ws.ping("are you there?")
        await pong
        seen["pong"] = True
    seen["echo"] = end(ws)


async def closings(url, codes, seen):
    seen["closes"] = []
    for code, reason in (1000, ""), (1000, "bye"), (3000, "für später"), (4999, "👋"):
        ws = await websockets.connect(url + "/bye")
        await ws.close(code, reason)
        seen["closes"].append(end(ws))
    seen["closed"] = []
    for path in [f"/close/{code}" for code in codes] + ["/drop"]:
        ws = await websockets.connect(url + path)
        await ws.wait_closed()
        seen["closed"].append(end(ws))


async def main(task):
    seen = {}
    await echoes(task["echo"], seen)
    url = task["url"]
    async with websockets.connect(url + "/fragments", max_size=None) as ws:
        seen["fragments"] = [await ws.recv() == FRAGMENTED, (await ws.recv()).decode() == FRAGMENTED]
        await ws.wait_closed()
        seen["fragments"].append(end(ws))
    async with websockets.connect(url + "/ping") as ws:
        seen["pinged"] = await ws.recv()
    seen["subprotocols"] = []
    for offer in None, ["v1.example"], ["v0.example", "v1.example", "v2.example"]:
        async with websockets.connect(url + "/echo", subprotocols=offer) as ws:
            seen["subprotocols"].append(ws.subprotocol)
    await closings(url, task["codes"], seen)
    try:
        await websockets.connect(url + "/echo", origin="https://elsewhere.example")
    except websockets.InvalidStatusCode as e:
        seen["refused"] = e.status_code
    trusting = ssl.create_default_context(cafile=task["ca"])
    async with websockets.connect(task["secure"], ssl=trusting) as ws:
        await ws.send(data(1 << 20))
        seen["secure"] = await ws.recv() == data(1 << 20)
    try:
        await websockets.connect(task["secure"])
    except ssl.SSLCertVerificationError as e:
        seen["distrust"] = e.verify_message
    print(json.dumps(seen, ensure_ascii=False, separators=(",", ":")))


asyncio.run(main(json.loads(sys.argv[1])))
