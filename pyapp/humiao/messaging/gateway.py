"""How a text leaves the building. A provider's client is one more class with `send`."""

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Protocol

from humiao.errors import CITY_ZONE


class SmsGateway(Protocol):
    """Takes one text for one phone; raises when it was not taken. Sending twice must be harmless."""

    async def send(self, phone: str, text: str) -> None:
        """Hand the text over."""


class FileGateway:
    """Appends each text to a file as a JSON line {at, phone, text}; the file is readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _append(self, line: bytes) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.fchmod(handle, 0o600)
            os.write(handle, line)
        finally:
            os.close(handle)

    async def send(self, phone: str, text: str) -> None:
        """Append one line; raises OSError where the file cannot be written."""
        at = datetime.now(CITY_ZONE).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "phone": phone, "text": text}, ensure_ascii=False) + "\n"
        await asyncio.to_thread(self._append, line.encode())
