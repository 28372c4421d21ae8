"""One request after another over one connection, with every answer read: for looking closely, not for load."""

import asyncio
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    body: bytes


def first(path: Path, count: int) -> list[bytes]:
    """The first requests of a file."""
    with path.open("rb") as file:
        heads = iter(lambda: file.read(6), b"")
        return [file.read(int(head)) for head in islice(heads, count)]


async def ask(port: int, requests: list[bytes]) -> list[Reply]:
    """Ask; the answers in the order of the requests."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    replies = []
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        replies.append(Reply(int(head[9:12]), await reader.readexactly(int(length[1]) if length else 0)))
    writer.close()
    return replies
