"""JSON as RFC 8259 and I-JSON have it: UTF-8, no NaN or Infinity, no member named twice.

A body that two readers could read differently is refused before any of them reads it.
"""

import json
from typing import Any, NoReturn


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is named twice")
    return members


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number)


def fault_of(body: bytes) -> str | None:
    """The code of what is wrong with a JSON document (`bad_utf8`, `malformed_json`), or None."""
    try:
        _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        return "bad_utf8"
    except (ValueError, RecursionError):
        return "malformed_json"
    return None
