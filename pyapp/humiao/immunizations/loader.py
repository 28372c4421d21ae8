"""Compiles one edition of the programme from its YAML text, or refuses it with every mistake and its line. Pure.

Order: conventions, vaccines, health questions, series. What a later part refers to is checked where it refers, so that
the line told is the line to mend.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date

from humiao.immunizations.durations import Duration
from humiao.immunizations.models import (
    Certainty,
    Contraindication,
    Edition,
    Effect,
    Insert,
    Reason,
    Sex,
    Status,
    Vaccine,
)
from humiao.immunizations.reading import Entry, Mistakes, ProgrammeMistakes, Value, read_document
from humiao.immunizations.series_loader import read_series

TOP = frozenset(
    {
        "schema_version", "programme_id", "title", "data_date", "edition", "effective_from", "based_on", "sources",
        "conventions", "status_codes", "invalid_reason_codes", "co_administration", "contraindications",
        "not_contraindications", "vaccines", "series", "school_check",
    }
)  # fmt: skip
# What this engine does; an edition that asks for anything else is refused, not misread.
CONVENTIONS = {
    "month_arithmetic": "clamp_to_last_day_of_month",
    "year_arithmetic": "P12M_per_year_same_clamp",
    "age_reached_on": "anniversary_date",
    "before_age": "strict",
    "day_interval": "date_difference",
    "time_zone": "Asia/Shanghai",
    "recorded_dose_judged_by": "rule_version_in_force_on_administration_date",
    "remaining_doses_planned_by": "rule_version_in_force_on_evaluation_date",
    "series_restart": "never",
    "combination_products": "expand_to_component_series_on_same_date",
}
KINDS = frozenset({"nip", "nip_alternative", "local", "non_programme", "passive_antibody", "historic"})
LIVE_CLASSES = frozenset({"injected", "oral", "nasal", "none"})
VACCINE = frozenset(
    {
        "code", "name_zh", "name_en", "kind", "antigens", "technology", "live_class", "route", "site", "series", "sex",
        "min_age", "max_age_exclusive", "eligibility", "type_variants", "label_schedules", "component_validity",
        "series_by_age", "certainty", "withdrawn", "label_note", "effective_from",
    }
)  # fmt: skip


@dataclass
class Draft:
    """What has been read so far."""

    mistakes: Mistakes
    sources: frozenset[str] = frozenset()
    vaccines: dict[str, Vaccine] = field(default_factory=dict)
    vaccine_lines: dict[str, int] = field(default_factory=dict)

    def certainty(self, entry: Entry, default: Certainty = "high") -> Certainty:
        """The certainty of an entry."""
        value = entry.get("certainty")
        found: Certainty = value.one_of(Certainty) if value else default
        return found

    def check_sources(self, entry: Entry) -> None:
        """Refuse a source that is not listed."""
        value = entry.get("sources")
        if value:
            for item in value.items():
                if item.text() not in self.sources:
                    raise item.wrong(f"{item.text()!r} is not one of the sources")

    def vaccine_codes(self, value: Value, series: str | None = None) -> tuple[str, ...]:
        """Codes of vaccines that exist, and that belong to the series where one is given."""
        for item in value.items():
            code = item.text()
            if code not in self.vaccines:
                raise item.wrong(f"{code!r} is not one of the vaccines")
            if series and all(name != series for name, _, _ in self.vaccines[code].series):
                raise item.wrong(f"{code} is not a vaccine of the series {series}")
        return value.names()


def load_edition(text: str, file: str) -> Edition:
    """Compile an edition. Raises `ProgrammeMistakes` with the line of every mistake that was found."""
    document = read_document(text, file)
    draft = Draft(Mistakes())
    with draft.mistakes.collected():
        document.only(TOP)
    header: tuple[str, date] | None = None
    conventions: _Conventions | None = None
    gaps: _Gaps | None = None
    with draft.mistakes.collected():
        header = _header(document)
    with draft.mistakes.collected():
        _sources(document, draft)
    with draft.mistakes.collected():
        conventions = _conventions(document)
    with draft.mistakes.collected():
        gaps = _co_administration(document, draft)
    with draft.mistakes.collected():
        _codes(document)
    with draft.mistakes.collected():
        _vaccines(document, draft)
    questions: tuple[Contraindication, ...] = ()
    with draft.mistakes.collected():
        questions = _questions(document, draft)
    with draft.mistakes.collected():
        _memberships(document, draft)
    series = {}
    with draft.mistakes.collected():
        series = read_series(document, draft)
    if gaps:
        for code in gaps.blood_vaccines:
            if code not in draft.vaccines:
                draft.mistakes.note(gaps.line, f"CO-6.applies_to_vaccines: {code!r} is not one of the vaccines")
    if draft.mistakes.found or header is None or conventions is None or gaps is None:
        raise ProgrammeMistakes(file, draft.mistakes.found)
    for code in gaps.blood_vaccines:
        draft.vaccines[code] = replace(draft.vaccines[code], after_blood_product=gaps.blood)
    edition_id, effective_from = header
    return Edition(
        id=edition_id,
        effective_from=effective_from,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        vaccines=draft.vaccines,
        series=series,
        contraindications=questions,
        grace_days=conventions.grace_days,
        repeat_after_invalid=conventions.repeat_after_invalid,
        live_gap=gaps.live,
        upper_age=conventions.upper_age,
        default_overdue=conventions.default_overdue,
    )


def _header(document: Entry) -> tuple[str, date]:
    document.need("schema_version").whole(1, 1)
    document.need("programme_id").text()
    document.need("data_date").day()
    return document.need("edition").text(), document.need("effective_from").day()


def _sources(document: Entry, draft: Draft) -> None:
    draft.sources = frozenset(document.need("sources").entry().fields)
    for item in document.need("based_on").items():
        if item.text() not in draft.sources | {"SH-LOCAL"}:
            raise item.wrong(f"{item.text()!r} is not one of the sources")


@dataclass(frozen=True, slots=True)
class _Conventions:
    grace_days: int
    repeat_after_invalid: Duration
    upper_age: Duration
    default_overdue: Duration


def _conventions(document: Entry) -> _Conventions:
    entry = document.need("conventions").entry()
    for name, meant in CONVENTIONS.items():
        value = entry.need(name)
        if value.text() != meant:
            raise value.wrong(f"{value.text()!r} is not what this engine does ({meant})")
    repeat = entry.need("too_early_dose").entry().need("repeat_not_before")
    gaps = [item for item in repeat.items() if item.text().endswith("_after_the_invalid_dose")]
    if len(gaps) != 1:
        raise repeat.wrong("must name one gap like P28D_after_the_invalid_dose")
    gap = Value(gaps[0].node, gaps[0].name)
    gap.node.value = gap.node.value.removesuffix("_after_the_invalid_dose")
    return _Conventions(
        grace_days=entry.need("grace_days").whole(0, 10),
        repeat_after_invalid=gap.duration(),
        upper_age=entry.need("general_catch_up_upper_age_exclusive").duration(),
        default_overdue=entry.need("default_overdue_after_recommended").duration(),
    )


@dataclass(frozen=True, slots=True)
class _Gaps:
    """The gap between live vaccines, the gap after a blood product, and the vaccines it is for."""

    live: Duration
    blood: Duration
    blood_vaccines: tuple[str, ...]
    line: int  # where they are listed


def _co_administration(document: Entry, draft: Draft) -> _Gaps:
    live: Duration | None = None
    blood: tuple[Duration, tuple[str, ...], int] | None = None
    ids = set()
    for item in document.need("co_administration").items():
        entry = item.entry()
        rule_id = entry.need("id").text()
        entry.named(rule_id)
        if rule_id in ids:
            raise entry.wrong("id is used twice")
        ids.add(rule_id)
        entry.need("rule").text()
        draft.check_sources(entry)
        draft.certainty(entry)
        if rule_id == "CO-2":
            live = entry.need("min_gap").duration()
        if rule_id == "CO-6":
            whom = entry.need("applies_to_vaccines")
            blood = entry.need("min_gap_before_vaccine").duration(), whom.names(), whom.line
    if live is None or blood is None:
        raise document.need("co_administration").wrong("must have CO-2 (live vaccines) and CO-6 (blood products)")
    return _Gaps(live, *blood)


def _codes(document: Entry) -> None:
    statuses = document.need("status_codes")
    statuses.entry().only(frozenset(Status))
    if set(statuses.entry().fields) != set(Status):
        raise statuses.wrong(f"must be exactly {', '.join(Status)}")
    reasons = document.need("invalid_reason_codes")
    if set(reasons.names()) != set(Reason):
        raise reasons.wrong(f"must be exactly {', '.join(Reason)}")


def _vaccines(document: Entry, draft: Draft) -> None:
    for item in document.need("vaccines").items():
        with draft.mistakes.collected():
            entry = item.entry()
            code = entry.need("code").text()
            entry.named(code)
            if code in draft.vaccines:
                raise entry.wrong("listed twice")
            draft.vaccine_lines[code] = entry.line
            draft.vaccines[code] = replace(_vaccine(entry, code, draft), place=len(draft.vaccines))


def _vaccine(entry: Entry, code: str, draft: Draft) -> Vaccine:
    entry.only(VACCINE)
    draft.certainty(entry)
    live_class = entry.need("live_class")
    live_class.one_of(LIVE_CLASSES)
    if (entry.need("technology").text() == "live") != (live_class.text() != "none"):
        raise live_class.wrong(f"{live_class.text()!r} does not fit technology {entry.need('technology').text()!r}")
    kind = entry.need("kind")
    kind.one_of(KINDS)
    min_age, max_age = entry.duration("min_age"), entry.duration("max_age_exclusive")
    if min_age and max_age and min_age.rough_days >= max_age.rough_days:
        raise entry.need("max_age_exclusive").wrong(f"{max_age} is not above min_age {min_age}")
    sex = entry.get("sex")
    return Vaccine(
        code=code,
        name_zh=entry.need("name_zh").text(),
        kind=kind.text(),
        antigens=entry.need("antigens").names(),
        live_class=live_class.text(),
        series=_series_of(entry),
        sex=sex.one_of(Sex) if sex else None,
        min_age=min_age,
        max_age=max_age,
        insert=_insert(entry),
        effective_from=entry.day("effective_from"),
    )


def _series_of(entry: Entry) -> tuple[tuple[str, Duration | None, Duration | None], ...]:
    names = entry.need("series").names()
    by_age = entry.get("series_by_age")
    spans: dict[str, tuple[Duration | None, Duration | None]] = dict.fromkeys(names, (None, None))
    if by_age:
        for name, value in by_age.entry().fields.items():
            if name not in spans:
                raise value.wrong("is not one of its series")
            span = value.entry()
            span.only(frozenset({"from", "before"}))
            spans[name] = span.duration("from"), span.duration("before")
    return tuple((name, *span) for name, span in spans.items())


def _insert(entry: Entry) -> Insert | None:
    value = entry.get("component_validity")
    if value is None:
        return None
    read = value.entry()
    read.only(frozenset({"min_age", "min_interval_primary", "booster"}))
    booster = read.get("booster")
    if booster is None:
        return Insert(read.need("min_age").duration(), read.need("min_interval_primary").duration(), None, None, None)
    late = booster.entry()
    late.only(frozenset({"number", "min_age", "min_interval"}))
    number = late.get("number")
    return Insert(
        min_age=read.need("min_age").duration(),
        min_interval=read.need("min_interval_primary").duration(),
        booster_number=number.whole(2, 9) if number else 4,
        booster_min_age=late.duration("min_age"),
        booster_min_interval=late.duration("min_interval"),
    )


def _questions(document: Entry, draft: Draft) -> tuple[Contraindication, ...]:
    found: dict[str, Contraindication] = {}
    for item in document.need("contraindications").items():
        with draft.mistakes.collected():
            entry = item.entry()
            rule_id = entry.need("id").text()
            entry.named(rule_id)
            entry.only(frozenset({"id", "condition", "question_zh", "applies_to", "effect", "certainty", "sources"}))
            draft.certainty(entry)
            draft.check_sources(entry)
            if rule_id in found:
                raise entry.wrong("id is used twice")
            applies = entry.need("applies_to")
            everything = not hasattr(applies.node, "value") or applies.node.value == "all"
            found[rule_id] = Contraindication(
                id=rule_id,
                condition=entry.need("condition").text(),
                question_zh=entry.need("question_zh").text(),
                applies_to=None if everything else frozenset(draft.vaccine_codes(applies)),
                effect=entry.need("effect").one_of(Effect),
            )
    return tuple(found.values())


def _memberships(document: Entry, draft: Draft) -> None:
    """Refuse a vaccine of a series that is nowhere described."""
    described = {item.entry().need("code").text() for item in document.need("series").items()}
    for code, vaccine in draft.vaccines.items():
        for name, _, _ in vaccine.series:
            if name not in described:
                draft.mistakes.note(draft.vaccine_lines[code], f"{code}: the series {name!r} is not described")
