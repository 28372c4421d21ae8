"""Records and recommendations as people read them. Pure: an evaluation and records in, answers out."""

from collections.abc import Sequence
from datetime import date, timedelta

from humiao.immunizations.doses import ROUTES, SITES
from humiao.immunizations.models import Edition, Evaluation, JudgedDose, SeriesState, Status
from humiao.immunizations.repository import Source, StoredRecord
from humiao.immunizations.schemas import (
    CountedDose,
    Explained,
    PlannedDay,
    PlannedDose,
    ProductDay,
    Recommendation,
    RecordAnswer,
)

STATUSES: dict[Status, str] = {
    Status.OVERDUE: "已逾期",
    Status.DUE: "可以接种",
    Status.NOT_YET_DUE: "未到时间",
    Status.MANUAL_REVIEW: "请医生判定",
    Status.COMPLETE: "已完成",
    Status.AGED_OUT: "不再接种",
    Status.NOT_APPLICABLE: "不适用",
}
SOURCES: dict[Source, str] = {
    "local": "本市接种", "transferred": "外地转入", "paper": "纸质证补录", "foreign": "境外接种",
}  # fmt: skip
CALENDAR_DAYS = 730
_ORDER = {status: i for i, status in enumerate(STATUSES)}
_PLANNED = {Status.OVERDUE, Status.DUE, Status.NOT_YET_DUE}
_OWED_FIRST = {"nip": 0, "nip_alternative": 0, "local": 1}


def tell_records(edition: Edition, found: Evaluation, records: Sequence[StoredRecord]) -> list[RecordAnswer]:
    """Every record with what it counts for, the newest first."""
    return [_record(edition, found, one) for one in reversed(records)]


def _record(edition: Edition, found: Evaluation, one: StoredRecord) -> RecordAnswer:
    vaccine = edition.vaccines[one.record.vaccine]
    judged = [
        _counted(edition, state, dose)
        for state in found.series.values()
        for dose in state.doses
        if (dose.vaccine, dose.given_on) == (one.record.vaccine, one.record.given_on)
    ]
    return RecordAnswer(
        record_id=one.record_id, version=one.version, vaccine_code=vaccine.code, vaccine_name=vaccine.name_zh,
        given_on=one.record.given_on, dose_recorded=one.dose_recorded, manufacturer=one.manufacturer, lot=one.lot,
        tracing_code=one.tracing_code, site=SITES[one.site] if one.site else None,
        route=ROUTES[one.route] if one.route else None, place=one.place, source=one.source,
        source_label=SOURCES[one.source], verified=one.verified, counted=judged,
    )  # fmt: skip


def _counted(edition: Edition, state: SeriesState, dose: JudgedDose) -> CountedDose:
    return CountedDose(
        series=state.series, series_name=edition.series[state.series].name_zh,
        number=dose.number if dose.valid else None, counts=dose.valid,
        rule=dose.explanation.rule_id, explained=dose.explanation.text_zh,
    )  # fmt: skip


def tell_recommendations(edition: Edition, found: Evaluation) -> list[Recommendation]:
    """What each series asks, what is late first; series that are not for this person are left out."""
    items = [
        _recommendation(edition, state)
        for state in found.series.values()
        if state.status is not Status.NOT_APPLICABLE or state.doses
    ]
    # What is offered at one's own expense and was never begun comes last: nobody owes it.
    return sorted(
        items,
        key=lambda one: (_offered(one), _ORDER[one.status], _OWED_FIRST.get(one.kind, 2), one.earliest or date.max),
    )


def _offered(one: Recommendation) -> bool:
    return _OWED_FIRST.get(one.kind, 2) == 2 and one.counted == 0


def _recommendation(edition: Edition, state: SeriesState) -> Recommendation:
    series = edition.series[state.series]
    questions = {one.id: one.question_zh for one in edition.contraindications}
    return Recommendation(
        series=state.series, series_name=series.name_zh, kind=series.kind, status=state.status,
        status_label=STATUSES[state.status], counted=state.counted, next_dose=state.next_dose, earliest=state.earliest,
        recommended=state.recommended, overdue=state.overdue,
        products=[
            ProductDay(vaccine_code=one.vaccine, name=edition.vaccines[one.vaccine].name_zh, earliest=one.earliest)
            for one in state.products
        ],
        explained=[Explained(rule=one.rule_id, text=one.text_zh) for one in state.explanations],
        ask=[questions[code] for code in state.questions if code in questions],
    )  # fmt: skip


def tell_calendar(items: Sequence[Recommendation], today: date) -> list[PlannedDay]:
    """The next dose of each series that is owed or was begun, by the day from which to give it; late ones today.

    What is further off than CALENDAR_DAYS stands among the recommendations alone: nobody plans a day in 2083.
    """
    days: dict[date, list[PlannedDose]] = {}
    for one in items:
        if one.status in _PLANNED and one.next_dose and one.earliest and not _offered(one):
            day = max(one.recommended or one.earliest, today)
            dose = PlannedDose(series=one.series, series_name=one.series_name, number=one.next_dose, status=one.status)
            if day <= today + timedelta(days=CALENDAR_DAYS):
                days.setdefault(day, []).append(dose)
    return [PlannedDay(day=day, doses=days[day]) for day in sorted(days)]
