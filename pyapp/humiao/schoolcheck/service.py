"""Checks a class list against the records of the city. Children are found by document; the name must agree.

A name that differs is told and nothing else is: whoever types another child's number learns nothing about that child.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID, uuid4

from humiao.immunizations.book import RuleBook
from humiao.immunizations.models import Person, Record
from humiao.kit.audit import write_audit
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement
from humiao.schoolcheck.class_list import Child
from humiao.schoolcheck.verdict import STAGES, Known, Result, Stage, Verdict, check

Absent = Literal["NO_RECORD", "NAME_DIFFERS"]
ABSENT: dict[Absent, str] = {
    "NO_RECORD": "本市没有该儿童的档案：请家长持接种证到居住地接种门诊建档后再查验。",
    "NAME_DIFFERS": "证件号码已建档，但姓名与名单不一致：请与家长核对姓名和证件号码。",
}
RESULTS: dict[str, str] = {
    Result.PASSED.value: "通过",
    Result.CATCH_UP_COMPLETED.value: "已补种",
    Result.EXEMPT.value: "医学原因暂缓或禁忌",
    Result.NEEDS_CATCH_UP.value: "需补种",
    "NO_RECORD": "无档案",
    "NAME_DIFFERS": "姓名不符",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A child of the list and the verdict, or why there is none."""

    child: Child
    verdict: Verdict | Absent
    person_id: UUID | None = None  # of a child on record under this name

    @property
    def result(self) -> str:
        """The code of the result: of the verdict, or why there is none."""
        return self.verdict.result.value if isinstance(self.verdict, Verdict) else self.verdict

    @property
    def text_zh(self) -> str:
        """For the school."""
        return self.verdict.text_zh if isinstance(self.verdict, Verdict) else ABSENT[self.verdict]


async def check_children(
    connection: Any,
    vault: Vault,
    book: RuleBook,
    children: Sequence[Child],
    on: date,
    stage: Stage,
    *,
    by: str,
    source: str,
    check_id: UUID | None = None,
) -> list[Checked]:
    """Check the children of a list in their order, and write into the audit chain who had how many checked.

    `connection` is one of `Database`, inside a transaction; `by` and `source` as audit entries name
    who acts and from where. `check_id` is what the audit entry names. Takes about a millisecond a child.
    """
    rows = await connection.fetch(
        statement("schoolcheck/find_children"),
        [child.document_type for child in children],
        [vault.blind_index("document", child.document_number) for child in children],
        stage,
        on,
    )
    found = {row["place"] - 1: row for row in rows}
    # Beside the event loop: a list of thousands takes seconds.
    checked = await asyncio.to_thread(
        lambda: [_checked(vault, book, child, found.get(i), on, stage) for i, child in enumerate(children)]
    )
    counts = {code: sum(1 for one in checked if one.result == code) for code in RESULTS}
    detail = {"stage": stage, "checked_on": on, "edition": book.on(on).id, "children": len(checked)} | counts
    await write_audit(connection, by, source, "school_check.made", f"school_check:{check_id or uuid4()}", detail=detail)
    return checked


def _checked(vault: Vault, book: RuleBook, child: Child, row: Any, on: date, stage: Stage) -> Checked:
    verdict = _judge(vault, book, child, row, on, stage)
    return Checked(child, verdict, row["person_id"] if isinstance(verdict, Verdict) else None)


def _judge(vault: Vault, book: RuleBook, child: Child, row: Any, on: date, stage: Stage) -> Verdict | Absent:
    if row is None:
        return "NO_RECORD"
    if _compared(vault.open(row["name_sealed"], row=row["person_id"], field="name")) != _compared(child.name):
        return "NAME_DIFFERS"
    # Where somebody lives is not on record: the clinic asks when it matters.
    person = Person(row["birth_date"], row["sex"])
    records = [Record(vaccine, date.fromisoformat(given), *more) for vaccine, given, *more in row["records"] or ()]
    return check(book, person, records, on, stage, Known.of(row))


async def known_of(connection: Any, person_id: UUID, stage: Stage, on: date) -> Known:
    """What decides about a school check of a person besides the records."""
    return Known.of(await connection.fetchrow(statement("schoolcheck/known_of"), person_id, stage, on))


def _compared(name: str) -> str:
    """A name without what people write one way or another."""
    return "".join(c for c in name.casefold() if c.isalnum())


def by_class(checked: Sequence[Checked]) -> dict[str, dict[str, int]]:
    """How many children of each class have each result, in order of the classes."""
    table: dict[str, dict[str, int]] = {}
    for one in sorted(checked, key=lambda one: one.child.class_name):
        row = table.setdefault(one.child.class_name, dict.fromkeys(RESULTS, 0))
        row[one.result] += 1
    return table


def title(stage: Stage) -> str:
    """What a check of a stage is called."""
    return f"{STAGES[stage]}查验"
