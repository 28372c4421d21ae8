"""The draw, written a second time from docs/draw.md alone: other language, other library, no line shared.

It made tests/vectors/draw: `python -m tests.unit.lottery.independent` writes them anew.
"""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "draw"
Entrant = tuple[int, str]


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def sm3_fields(*fields: bytes | str) -> bytes:
    data = b""
    for field in fields:
        raw = field.encode() if isinstance(field, str) else field
        data += len(raw).to_bytes(4, "big") + raw
    return sm3(data)


def listed(entrants: list[Entrant]) -> list[bytes]:
    fields = [len(entrants).to_bytes(8, "big")]
    for tier, ticket in entrants:
        fields += [bytes([tier]), ticket.encode()]
    return fields


def key_of(seed: bytes, entrant: Entrant) -> bytes:
    return sm3_fields("humiao.draw/1/ticket-key", seed, bytes([entrant[0]]), entrant[1])


def commitment_of(terms: dict[str, str], secret: bytes) -> bytes:
    return sm3_fields("humiao.draw/1/commitment", terms["campaign"], terms["closes_at"], terms["entropy_rule"], secret)


def draw(terms: dict[str, str], secret: bytes, entropy: str, entrants: list[Entrant]) -> dict[str, Any]:
    """Everything that is published: header and rows."""
    campaign = terms["campaign"]
    commitment = commitment_of(terms, secret)
    by_ticket = sorted(entrants, key=lambda entrant: entrant[1].encode())
    tickets_digest = sm3_fields("humiao.draw/1/tickets", campaign, *listed(by_ticket))
    seed = sm3_fields("humiao.draw/1/seed", secret, entropy, campaign)
    ordered = sorted(entrants, key=lambda entrant: (entrant[0], key_of(seed, entrant), entrant[1]))
    result_digest = sm3_fields(
        "humiao.draw/1/result", campaign, commitment, tickets_digest, entropy, seed, *listed(ordered)
    )
    header = {
        "format": "humiao-draw", "version": 1, "part": "result", **terms, "commitment": commitment.hex(),
        "tickets": len(entrants), "tickets_digest": tickets_digest.hex(), "entropy": entropy, "secret": secret.hex(),
        "seed": seed.hex(), "result_digest": result_digest.hex(),
    }  # fmt: skip
    rows = [
        [position, tier, ticket, key_of(seed, (tier, ticket))[:8].hex()]
        for position, (tier, ticket) in enumerate(ordered, 1)
    ]
    sealed = {
        "format": "humiao-draw", "version": 1, "part": "tickets", "campaign": campaign, "tickets": len(entrants),
        "tickets_digest": tickets_digest.hex(),
    }  # fmt: skip
    announced = {"format": "humiao-draw", "version": 1, "part": "announcement", **terms, "commitment": commitment.hex()}
    return {
        "announcement.json": lines([announced]),
        "tickets.jsonl": lines([sealed, *([tier, ticket] for tier, ticket in by_ticket)]),
        "result.jsonl": lines([header, *rows]),
    }


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n" for value in values)


SAMPLE_TERMS = {
    "campaign": "2026 秋季九价 HPV 疫苗",
    "closes_at": "2026-11-20T18:00:00+08:00",
    "entropy_rule": "中国福利彩票双色球 2026135 期开奖号码，红球升序后接蓝球，以空格分隔",
}
SAMPLE_SECRET = bytes(range(32))
SAMPLE_ENTROPY = "03 07 12 19 24 30 09"
SAMPLE_ENTRANTS = [
    (1 if number in {2, 5, 11} else 2, sm3(f"sample {number}".encode())[:10].hex().upper()) for number in range(24)
]
# GB/T 32905-2016, examples 1 and 2.
SM3_VECTORS = [
    {"text": "abc", "digest": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
    {"text": "abcd" * 16, "digest": "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"},
]


def vectors() -> dict[str, str]:
    """The files of tests/vectors/draw."""
    sample: dict[str, str] = draw(SAMPLE_TERMS, SAMPLE_SECRET, SAMPLE_ENTROPY, SAMPLE_ENTRANTS)
    return sample | {"steps.json": json.dumps({"sm3": SM3_VECTORS}, indent=1) + "\n"}


if __name__ == "__main__":
    for name, text in vectors().items():
        (VECTORS / name).write_text(text, encoding="utf-8")
