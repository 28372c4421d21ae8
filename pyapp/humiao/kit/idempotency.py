"""One effect per key (P7) for ordinary changes: the answer is stored in the transaction of the change.

The hot booking path does the same inside its set-based statements; this is for everything else.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from humiao.errors import Refusal
from humiao.kit.sql import statement


async def once(
    connection: Any,
    *,
    actor: str,
    key: str,
    operation: str,
    body_hash: bytes,
    work: Callable[[], Awaitable[dict[str, Any] | Refusal]],
) -> dict[str, Any] | Refusal:
    """Do `work` once for (actor, key) inside the caller's transaction; a repeat gets the first answer.

    The key is locked first, so that two requests with one key wait for each other. A refusal changed nothing and is
    not remembered. Another body under the same key is refused with `key_reused`.
    """
    await connection.execute(statement("kit/lock_key"), actor, key)
    row = await connection.fetchrow(statement("kit/find_answer"), actor, key)
    if row is not None:
        same = row["operation"] == operation and bytes(row["body_hash"]) == body_hash
        return dict(row["answer"]) if same else Refusal("key_reused")
    answer = await work()
    if not isinstance(answer, Refusal):
        await connection.execute(statement("kit/remember_answer"), actor, key, operation, body_hash, answer)
    return answer
