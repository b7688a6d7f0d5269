"""A server of Python's websockets that compresses, with the options of its argument.
Its first line of output says where it listens."""

import asyncio
import json
import sys

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(ws):
    n = 0
    async for data in ws:
        n += 1
        third = len(data) // 3
        await ws.send(data if n % 3 else [data[:third], data[third:2 * third], data[2 * third:]])


async def main(options):
    factory = ServerPerMessageDeflateFactory(**options)
    server = await websockets.serve(echo, "127.0.0.1", 0, extensions=[factory], compression=None)
    print(json.dumps({"plain": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(json.loads(sys.argv[1])))
