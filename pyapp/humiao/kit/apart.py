"""Reads what somebody sent in a process of its own: bounded in memory and time, without secrets, gone afterwards.

A file that was made to harm (entities in entities, a million shared strings) then costs that process and nobody else.
The caller bounds how many there are at a time.
"""

import asyncio
import resource
import sys


async def read_apart(module: str, data: bytes, *arguments: str, within_s: float) -> bytes | None:
    """Run `python -m module arguments` with `data` as its input; returns its output, None where it ended badly.

    It has no environment of ours. It is killed after `within_s` seconds and when the caller is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-X", "utf8", "-m", module, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={},
    )  # fmt: skip
    try:
        async with asyncio.timeout(within_s):
            told, _ = await process.communicate(data)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return told if process.returncode == 0 else None


def bound_myself(*, memory_bytes: int, cpu_s: int) -> None:
    """Called by such a process before it looks at anything: beyond this the system ends it."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
