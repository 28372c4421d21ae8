"""What a certificate shows: plain data from records and their evaluation, kept sealed, printed as it was. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from humiao.certificates.payload import KINDS, PrintKind
from humiao.immunizations.models import Edition, Evaluation, SeriesState, Status
from humiao.immunizations.repository import StoredRecord
from humiao.immunizations.schemas import RecordAnswer
from humiao.immunizations.telling import STATUSES, tell_records
from humiao.immunizations.words import day_words
from humiao.schoolcheck.service import RESULTS
from humiao.schoolcheck.verdict import STAGES, Result, Verdict, reason_of

_SEXES = {"F": "女", "M": "男"}
_OWN_EXPENSE = {"non_programme", "passive_antibody"}
_SHOWN_STATES = {Status.COMPLETE, Status.DUE, Status.OVERDUE, Status.NOT_YET_DUE, Status.MANUAL_REVIEW}


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose certificate it is; the document is masked also in print."""

    name: str
    sex: str
    birth_date: date
    document_label: str
    document_masked: str


def content_of(
    kind: PrintKind, holder: Holder, edition: Edition, found: Evaluation, records: Sequence[StoredRecord]
) -> dict[str, Any]:
    """The content of a certificate, without its number, day and QR code."""
    told = list(reversed(tell_records(edition, found, records)))
    own = [one for one in told if edition.vaccines[one.vaccine_code].kind in _OWN_EXPENSE]
    owed = [one for one in told if one not in own]
    return {
        "kind": kind,
        "title": KINDS[kind],
        **_person(holder),
        "tables": [
            {"title": title, "rows": [_row(one) for one in rows]}
            for title, rows in (("免疫规划疫苗", owed), ("非免疫规划疫苗", own))
            if rows
        ],
        "series": [_series(edition, state) for state in found.series.values() if _shown(edition, state)],
        "edition": edition.id,
        "evaluated_on": day_words(found.on),
        "total": len(told),
    }


def check_content(holder: Holder, verdict: Verdict, total: int) -> dict[str, Any]:
    """The content of a proof of a school check: the verdict and, where something is missing, the catch-up plan."""
    return {
        "kind": "school_check",
        "title": KINDS["school_check"],
        **_person(holder),
        "tables": [],
        "series": [],
        "edition": verdict.edition_id,
        "evaluated_on": day_words(verdict.checked_on),
        "total": total,
        "check": {
            "stage": STAGES[verdict.stage],
            "passed": verdict.result is not Result.NEEDS_CATCH_UP,
            "result": RESULTS[verdict.result.value],
            "missing": [
                {
                    "dose": f"{one.series_name}第{one.number}剂",
                    "vaccine": one.vaccine_name,
                    "planned_on": one.planned_on.isoformat(),
                    "state": "已逾期" if one.overdue_since else "待接种",
                    "rule": one.rule_id,
                }
                for one in verdict.missing
            ],
            "doctor": [one.text_zh for one in verdict.for_doctor],
            "reason": reason_of(verdict.result, verdict.day),
        },
    }


def _person(holder: Holder) -> dict[str, str]:
    return {
        "name": holder.name,
        "sex": _SEXES[holder.sex],
        "birth_date": day_words(holder.birth_date),
        "document": f"{holder.document_label} {holder.document_masked}",
    }


def _row(one: RecordAnswer) -> dict[str, str]:
    counted = "、".join(
        f"{dose.series_name}第{dose.number}剂" if dose.number else _uncounted(dose.counts, dose.series_name)
        for dose in one.counted
    )
    return {
        "vaccine": one.vaccine_name,
        "counted": counted or "—",
        "given_on": one.given_on.isoformat(),
        "lot": one.lot or "—",
        "manufacturer": one.manufacturer or "—",
        "site": one.site or "—",
        "place": one.place or "—",
        "source": _source(one),
    }


def _source(one: RecordAnswer) -> str:
    """Where a record comes from, where that is worth a word: a dose given in the city is not."""
    told = "" if one.source == "local" else one.source_label
    return told if one.verified else "，".join(part for part in (told, "待核实") if part)


def _uncounted(counts: bool | None, series: str) -> str:
    if counts is None:
        return f"{series}：待医生判定"
    return f"{series}：多余剂次" if counts else f"{series}：不计入"


def _shown(edition: Edition, state: SeriesState) -> bool:
    owed = edition.series[state.series].kind != "non_programme"
    asked = owed and state.status is not Status.NOT_YET_DUE
    return state.status in _SHOWN_STATES and (asked or state.counted > 0)


def _series(edition: Edition, state: SeriesState) -> dict[str, str]:
    name = edition.series[state.series].name_zh
    late = {Status.DUE: "待接种", Status.OVERDUE: "待补种", Status.NOT_YET_DUE: "进行中"}
    return {"name": name, "counted": str(state.counted), "status": late.get(state.status, STATUSES[state.status])}
