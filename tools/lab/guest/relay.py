"""Owns the register's doors to the lab: connections from outside to the agent's Unix socket and page, and from inside to head office.

    relay.py LISTEN TARGET [LISTEN TARGET ...]      an address is HOST:PORT or a socket's path

It runs as the user of a point-of-sale program, so that the agent's socket sees what it would see of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def _open(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.startswith("/"):
        return await asyncio.open_unix_connection(target)
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        sink.write_eof()


async def _main(pairs: list[tuple[str, str]]) -> None:
    def door(target: str):  # type: ignore[no-untyped-def]
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, here = await _open(target)
            except OSError:
                writer.transport.abort()
                return
            # whoever ends first ends both: a killed agent must look killed
            ends = [asyncio.create_task(_carry(reader, here)), asyncio.create_task(_carry(there, writer))]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if ends[1].done():
                ends[0].cancel()
            else:
                await asyncio.wait([ends[1]])
            for each in (writer, here):
                each.close()

        return serve

    servers = []
    for listen, target in pairs:
        host, _, port = listen.rpartition(":")
        servers.append(await asyncio.start_server(door(target), host, int(port)))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    words = sys.argv[1:]
    asyncio.run(_main(list(zip(words[::2], words[1::2], strict=True))))
