"""The roll of a check: each child as listed (row, masked name and number) and what was said, sealed as one value."""

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from humiao.kit.crypto import Vault
from humiao.kit.masking import mask_document, mask_name
from humiao.schoolcheck.schemas import MissingAnswer
from humiao.schoolcheck.service import Checked
from humiao.schoolcheck.verdict import Verdict

_FIELD = "roll"


@dataclass(frozen=True, slots=True)
class Listed:
    """A child of a roll. `missing` and `explained` are those of the check itself; later versions are kept beside."""

    row: int | None
    name_masked: str
    document_masked: str
    missing: tuple[MissingAnswer, ...]
    explained: str


UNLISTED = Listed(None, "", "", (), "")  # of a check from before there were rolls


def missing_of(one: Checked) -> list[MissingAnswer]:
    """What a child lacks, in the order of the plan."""
    return [
        MissingAnswer(
            series=dose.series, series_name=dose.series_name, number=dose.number, planned_on=dose.planned_on,
            overdue=dose.overdue_since is not None, rule=dose.rule_id,
        )
        for dose in (one.verdict.missing if isinstance(one.verdict, Verdict) else ())
    ]  # fmt: skip


def listed_as(one: Checked) -> Listed:
    """A checked child as its roll has it."""
    child = one.child
    return Listed(
        child.row, mask_name(child.name), mask_document(child.document_number), tuple(missing_of(one)), one.text_zh
    )


def seal_roll(vault: Vault, check_id: UUID, checked: Sequence[Checked]) -> bytes:
    """Seal the roll of a check."""
    rows = [_plain(listed_as(one)) for one in checked]
    packed = zlib.compress(json.dumps(rows, ensure_ascii=False).encode(), 6)
    return vault.seal(base64.b64encode(packed).decode(), row=check_id, field=_FIELD)


def open_roll(vault: Vault, check_id: UUID, sealed: bytes | None) -> list[Listed]:
    """The children of a check in their order; none where it has no roll. Raises Unsealable."""
    if sealed is None:
        return []
    packed = base64.b64decode(vault.open(sealed, row=check_id, field=_FIELD))
    return [
        Listed(row, name, document, tuple(MissingAnswer(**dose) for dose in missing), explained)
        for row, name, document, missing, explained in json.loads(zlib.decompress(packed))
    ]


def _plain(one: Listed) -> list[Any]:
    missing = [dose.model_dump(mode="json") for dose in one.missing]
    return [one.row, one.name_masked, one.document_masked, missing, one.explained]
