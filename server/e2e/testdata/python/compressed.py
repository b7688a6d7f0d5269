"""The client of Python's websockets, with compression. For each task, an URL and
options, it prints what came of it as one line of JSON."""

import asyncio
import json
import random
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


def chat(i):
    """A message like those of a chat: much of it was in the one before."""
    text = f"message number {i * i}, hällo wörld" * (1 + i % 7)
    return json.dumps({"id": 4711 + i, "room": "lobby", "from": ["ada", "grace", "edsger"][i % 3], "text": text})


def messages():
    """Texts and bytes, small and large, that shrink and that do not."""
    noise = random.Random(1)
    yield from (chat(i) for i in range(40))
    yield ""
    yield b""
    yield noise.randbytes(2000)
    yield chat(3)
    yield "х" * 70000
    yield noise.randbytes(20000)
    yield "\n".join(chat(i) for i in range(300))
    yield from (chat(i) for i in range(10))


async def exchange(url, offer):
    factory = ClientPerMessageDeflateFactory(**offer)
    async with websockets.connect(url, extensions=[factory], compression=None) as ws:
        sent = returned = 0
        for data in messages():
            sent += 1
            third = len(data) // 3
            await ws.send(data if sent % 3 else [data[:third], data[third:2 * third], data[2 * third:]])
            returned += await ws.recv() == data
        extensions = ws.response_headers.get("Sec-WebSocket-Extensions", "")
    return {"extensions": extensions, "sent": sent, "returned": returned, "end": f"{ws.close_code} {ws.close_reason} clean"}


async def main(tasks):
    results = [await exchange(task["url"], task.get("offer") or {}) for task in tasks]
    print(json.dumps({"results": results}))


asyncio.run(main(json.loads(sys.argv[1])))
