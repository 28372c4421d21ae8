"""Reads class lists beside the API: in a process of its own, one at a time, few waiting, one for each member of staff.

As a program (`python -m humiao.schoolcheck.reading today day < list.xlsx`) it is that process; it writes JSON.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

from humiao.errors import Refusal
from humiao.kit.apart import bound_myself, read_apart
from humiao.kit.sheets import FILE_BYTES_MAX, RowError
from humiao.schoolcheck.class_list import Child, ClassList, read_class_list

LISTS_AT_ONCE = 1  # reading takes a core, and the rest of the API needs it too
LISTS_INSIDE_MAX = 8  # under way or waiting, 5 MB each
RECEIVED_WITHIN_S = 60.0
READ_WITHIN_S = 40.0
READ_CPU_S = 30
READ_MEMORY_BYTES = 1_000_000_000
BUSY_RETRY_S = 10
_SPOILT = RowError(None, None, "not_xlsx", "文件读取不完，不像是一份名单，请另存为新的 xlsx 后重试")


class ListReader:
    """Takes lists in and reads them. One for each process."""

    def __init__(self, *, inside_max: int = LISTS_INSIDE_MAX) -> None:
        self._inside: set[str] = set()  # whose lists are inside
        self._inside_max = inside_max
        self._turn = asyncio.Semaphore(LISTS_AT_ONCE)

    async def read(
        self, actor: str, pieces: AsyncIterator[bytes], today: date, on: date
    ) -> tuple[bytes, ClassList] | Refusal:
        """Take in and read a list of `actor` for a check on `on`; returns the file and what is in it.

        Refused with `too_many_requests` while another list of theirs is read, `busy` when too many wait,
        `body_too_large`, `bad_request` where it does not come to its end.
        """
        later = datetime.now(UTC) + timedelta(seconds=BUSY_RETRY_S)
        if actor in self._inside:
            return Refusal("too_many_requests", later)
        if len(self._inside) >= self._inside_max:
            return Refusal("busy", later)
        self._inside.add(actor)
        try:
            data = await _received(pieces)
            if isinstance(data, Refusal):
                return data
            async with self._turn:
                told = await read_apart(
                    __name__, data, today.isoformat(), on.isoformat(), within_s=READ_WITHIN_S
                )  # fmt: skip
            return data, (_said(told) if told is not None else ClassList((), (_SPOILT,), readable=False))
        finally:
            self._inside.discard(actor)


async def _received(pieces: AsyncIterator[bytes]) -> bytes | Refusal:
    data = bytearray()
    try:
        async with asyncio.timeout(RECEIVED_WITHIN_S):
            async for piece in pieces:
                data += piece
                if len(data) > FILE_BYTES_MAX:
                    return Refusal("body_too_large")
    except (TimeoutError, ConnectionError):
        return Refusal("bad_request")
    return bytes(data)


def say(found: ClassList) -> bytes:
    """Write a list for the process that asked."""
    children = [
        (c.row, c.name, c.sex, c.birth_date.isoformat(), c.document_type, c.document_number, c.class_name)
        for c in found.children
    ]
    errors = [(e.row, e.column, e.code, e.message) for e in found.errors]
    told = {"children": children, "errors": errors, "readable": found.readable}
    return json.dumps(told, ensure_ascii=False).encode()


def _said(told: bytes) -> ClassList:
    found = json.loads(told)
    rows = found["children"]
    return ClassList(
        tuple(Child(row, name, sex, date.fromisoformat(born), *more) for row, name, sex, born, *more in rows),
        tuple(RowError(*error) for error in found["errors"]),
        found["readable"],
    )  # fmt: skip


def main() -> None:
    """Be the process that reads."""
    bound_myself(memory_bytes=READ_MEMORY_BYTES, cpu_s=READ_CPU_S)
    today, on = (date.fromisoformat(text) for text in sys.argv[1:])
    sys.stdout.buffer.write(say(read_class_list(sys.stdin.buffer.read(FILE_BYTES_MAX + 1), today=today, on=on)))


if __name__ == "__main__":
    main()
