"""The verdict of a school check: complete, or which doses are missing, since when, and when to give them. Pure.

Asked is every dose whose age is reached on the day of the check by the programme in force that day (`school_check` of
programme.yaml). A dose whose age is reached but whose interval is not is missing too, with its earliest day. What is
replaced, aged out or not for this child is not asked. A missing dose never keeps a child out (Vaccine Administration
Law, article 48): it is caught up, and checked again by 31 December. A series from which a child is exempt for a medical
reason is not asked; who was asked to catch up at this stage and lacks nothing now has completed it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal

from humiao.immunizations.book import RuleBook
from humiao.immunizations.engine import evaluate
from humiao.immunizations.models import Edition, Evaluation, Person, Record, SeriesState, Slot, Status
from humiao.immunizations.words import day_words

Stage = Literal["nursery", "kindergarten", "primary"]
STAGES: dict[Stage, str] = {"nursery": "入托", "kindergarten": "入园", "primary": "入学"}
# school_check.checked_series of programme.yaml for Shanghai; HPV and own-expense vaccines are not asked.
CHECKED = ("HepB", "BCG", "PV", "DTP", "MCV", "JE", "MenA", "MenAC", "HepA", "VAR")
_MAY_ASK = {Status.NOT_YET_DUE, Status.DUE, Status.OVERDUE}
_VISITS_MAX = 60  # more days than any catch-up has; a plan that does not end is a defect


class Result(StrEnum):
    """How a check ends for somebody on record, as in `school_check.verdicts` of the programme."""

    PASSED = "PASSED"
    CATCH_UP_COMPLETED = "CATCH_UP_COMPLETED"
    EXEMPT = "EXEMPT"
    NEEDS_CATCH_UP = "NEEDS_CATCH_UP"


@dataclass(frozen=True, slots=True)
class Exemption:
    """A documented medical reason not to give a series: put off until a day, or (None) not to be given."""

    series: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a child besides the records: exemptions, and the day on which a catch-up was first asked."""

    exemptions: tuple[Exemption, ...] = ()
    asked_on: date | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Known":
        """As the queries of school checks tell it: exemptions as [id, series, until]."""
        told = ((series, until) for _, series, until in row["exemptions"])
        return cls(
            tuple(Exemption(series, date.fromisoformat(until) if until else None) for series, until in told),
            row["asked_on"],
        )


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class MissingDose:
    """One dose that is asked and not there, and the day of the catch-up plan on which it is given."""

    series: str
    series_name: str
    number: int
    rule_id: str
    overdue_since: date | None  # the first day on which it was overdue; None while it is not
    planned_on: date  # its earliest day, no day before the check and with the plan's doses before it given
    vaccine: str
    vaccine_name: str
    text_zh: str


@dataclass(frozen=True, slots=True)
class DoctorDecides:
    """A series about which the rules are silent."""

    series: str
    rule_id: str
    text_zh: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict for one child. `missing` in the order of the plan's days; `recheck_by` is set where something is."""

    result: Result
    stage: Stage
    checked_on: date
    edition_id: str
    missing: tuple[MissingDose, ...]
    for_doctor: tuple[DoctorDecides, ...]
    recheck_by: date | None
    exempt: tuple[Exemption, ...] = ()  # what would be asked, and is not
    caught_up_on: date | None = None  # the day of the last dose of a completed catch-up, where one was given since

    @property
    def day(self) -> date | None:
        """The day that belongs to the result: by when to check again, or when the catch-up was completed."""
        return self.caught_up_on if self.result is Result.CATCH_UP_COMPLETED else self.recheck_by

    @property
    def text_zh(self) -> str:
        """For the clinic and the parents."""
        opening = f"{STAGES[self.stage]}查验（{day_words(self.checked_on)}）："
        if self.result is Result.PASSED:
            return opening + "通过，应种疫苗均已完成。"
        if self.result is not Result.NEEDS_CATCH_UP:
            return opening + reason_of(self.result, self.day)
        parts = [dose.text_zh for dose in self.missing] + [one.text_zh for one in self.for_doctor]
        assert self.recheck_by
        closing = f"请按上述日期补种，并在{day_words(self.recheck_by)}前复验；不影响入学。"
        return f"{opening}需补种。{''.join(parts)}{closing}"


def reason_of(result: Result, day: date | None) -> str:
    """Why a verdict is what it is, for a school: no vaccine and no diagnosis. `day` is that of `Verdict.day`."""
    if result is Result.PASSED:
        return "按免疫程序，到查验之日应种的疫苗均已完成。"
    if result is Result.CATCH_UP_COMPLETED:
        return f"曾需补种，已于{day_words(day)}补种完成。" if day else "曾需补种，现应种的疫苗均已完成。"
    if result is Result.EXEMPT:
        others = "其余应种的疫苗均已完成。"
        return f"因医学原因暂缓接种，请在{day_words(day)}前复验。{others}" if day else f"因医学原因不宜接种。{others}"
    assert day
    return f"尚有应种的疫苗未完成，请按计划补种，并在{day_words(day)}前复验；不影响入托、入园、入学。"


def check(
    book: RuleBook, person: Person, records: Iterable[Record], on: date, stage: Stage, known: Known = NOTHING_KNOWN
) -> Verdict:
    """Judge a child's records for a school on a day. The order of records does not matter; later ones are left out.

    Raises `UnknownVaccine` for a record that no edition knows.
    """
    given = [record for record in records if record.given_on <= on]
    edition = book.on(on)
    spared = {one.series: one for one in known.exemptions if one.until is None or one.until > on}
    missing: dict[tuple[str, int], MissingDose] = {}
    doctor: dict[str, DoctorDecides] = {}
    exempt: dict[str, Exemption] = {}
    caught_up: date | None = None
    day = on
    for visits in range(_VISITS_MAX):
        states = evaluate(book, person, given, day, frozenset(CHECKED))
        asks = _next_visit(edition, person, states, on)
        doubts = _for_doctor(states)
        if visits == 0:
            exempt = {code: spared[code] for code in (*(one.series for one in asks), *doubts) if code in spared}
            caught_up = _last_counted(states, known.asked_on)
        doctor |= {code: told for code, told in doubts.items() if code not in spared}
        visit = [state for state in asks if state.series not in spared]
        if not visit:
            break
        day = max(day, min(state.earliest for state in visit if state.earliest))
        for state in visit:
            # A dose once planned is not planned again, so the plan ends.
            if state.earliest and state.earliest <= day and (state.series, state.next_dose) not in missing:
                dose = _missing(edition, person, state, on, day)
                missing[dose.series, dose.number] = dose
                given.append(Record(dose.vaccine, day))
    else:
        raise AssertionError("the catch-up plan does not end")
    by: date | None
    if missing or doctor:
        result, by = Result.NEEDS_CATCH_UP, date(on.year, 12, 31)
    elif exempt:
        result, by = Result.EXEMPT, min((one.until for one in exempt.values() if one.until), default=None)
    else:
        result, by = (Result.CATCH_UP_COMPLETED if known.asked_on else Result.PASSED), None
    return Verdict(
        result, stage, on, edition.id, tuple(missing.values()), tuple(doctor.values()), by, tuple(exempt.values()),
        caught_up if result is Result.CATCH_UP_COMPLETED else None,
    )  # fmt: skip


def _last_counted(states: Evaluation, since: date | None) -> date | None:
    """The day of the newest dose that counts and was given on or after the day on which a catch-up was asked."""
    days = [
        dose.given_on
        for state in states.series.values()
        for dose in state.doses
        if since and dose.valid and dose.given_on >= since
    ]
    return max(days, default=None)


def _for_doctor(states: Evaluation) -> dict[str, DoctorDecides]:
    found = {}
    for code in CHECKED:
        state = states.series.get(code)
        if state and state.status is Status.MANUAL_REVIEW:
            told = state.explanations[0]
            found[code] = DoctorDecides(code, told.rule_id, told.text_zh)
    return found


def _next_visit(edition: Edition, person: Person, states: Evaluation, on: date) -> list[SeriesState]:
    """The series whose next dose is asked on the day of the check."""
    return [
        state
        for code in CHECKED
        if (state := states.series.get(code)) and state.status in _MAY_ASK and _age_reached(edition, person, state, on)
    ]


def _slot(edition: Edition, state: SeriesState, on: date) -> Slot | None:
    """What the table asks as this dose, by the option whose product is planned; None for a dose beyond the table."""
    version = edition.series[state.series].version_on(on)
    planned = {option.vaccine for option in state.products}
    slots = [s for _, _, option in (version.options if version else ()) for s in option if s.number == state.next_dose]
    return next((slot for slot in slots if planned & {*slot.vaccines}), slots[0] if slots else None)


def _age_reached(edition: Edition, person: Person, state: SeriesState, on: date) -> bool:
    slot = _slot(edition, state, on)
    if slot is None or slot.min_age is None:
        return state.status is not Status.NOT_YET_DUE
    return slot.min_age.after(person.birth_date) <= on


def _missing(edition: Edition, person: Person, state: SeriesState, on: date, day: date) -> MissingDose:
    assert state.next_dose and state.earliest
    slot = _slot(edition, state, on)
    overdue = slot.before_age.after(person.birth_date) if slot and slot.before_age else state.overdue
    vaccine = edition.vaccines[state.products[0].vaccine]
    name = edition.series[state.series].name_zh
    late = f"应在{day_words(overdue)}前完成，已逾期，" if overdue and overdue <= on else ""
    needs = "，接种前须先做结核菌素试验" if state.requires == "TST_NEGATIVE" else ""
    text = f"{name}第{state.next_dose}剂：{late}最早可于{day_words(day)}接种{vaccine.name_zh}{needs}。"
    return MissingDose(
        series=state.series,
        series_name=name,
        number=state.next_dose,
        rule_id=state.explanations[0].rule_id,
        overdue_since=overdue if overdue and overdue <= on else None,
        planned_on=day,
        vaccine=vaccine.code,
        vaccine_name=vaccine.name_zh,
        text_zh=text,
    )
