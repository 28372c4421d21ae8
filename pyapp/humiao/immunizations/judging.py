"""Judges recorded doses: does a dose count, as which, and if not, why. Pure."""

from collections.abc import Sequence
from datetime import date

from humiao.immunizations import words
from humiao.immunizations.asking import Ask, Course, Facts, ask
from humiao.immunizations.book import RuleBook
from humiao.immunizations.durations import Duration
from humiao.immunizations.models import Explanation, JudgedDose, Reason, Record, Series, Status, Vaccine, Version

# Whether the dose counts (None: a clinician decides), the rule that says so, and why not.
_Verdict = tuple[bool | None, str, tuple[Reason, ...]]


def judge_all(
    book: RuleBook, facts: Facts, course: Course, records: Sequence[tuple[Record, Vaccine]]
) -> tuple[JudgedDose, ...]:
    """Judge the doses of a course in order, each by the rules in force on its day (C5)."""
    judged: list[JudgedDose] = []
    valid_on: set[date] = set()
    for record, vaccine in records:
        series = book.on(record.given_on).series.get(course.series.code, course.series)
        version = series.version_on(record.given_on) or series.versions[0]
        dose = _judge(facts, course, series, version, record, vaccine, again=record.given_on in valid_on)
        judged.append(dose)
        if dose.valid:
            valid_on.add(dose.given_on)
        course.take(dose, vaccine, record)
    return tuple(judged)


def _judge(
    facts: Facts,
    course: Course,
    series: Series,
    version: Version,
    record: Record,
    vaccine: Vaccine,
    *,
    again: bool,
) -> JudgedDose:
    day = record.given_on
    asked = ask(facts, course, series, version, day, day, vaccine.code)
    valid, rule, reasons = _settled(facts, asked, record, vaccine, again=again) or _against(
        facts, course, series, asked, record, vaccine
    )
    number = None
    if valid is None:
        explained = Explanation(rule, words.dose_for_a_doctor, (series.name_zh, day))
    elif valid:
        number = None if asked.status is Status.COMPLETE else course.total + 1
        explained = Explanation(rule, words.dose_counts, (series.name_zh, number, day))
    else:
        explained = Explanation(rule, words.dose_does_not_count, (series.name_zh, reasons, day))
    return JudgedDose(vaccine.code, day, valid, number, reasons, version.id, explained)


def _settled(facts: Facts, asked: Ask, record: Record, vaccine: Vaccine, *, again: bool) -> _Verdict | None:
    """The verdict where no dose of the series need be looked at, else None."""
    day = record.given_on
    if again:
        return False, "C10", (Reason.DUPLICATE,)
    if record.override == "invalid":
        return False, "C6", (Reason.OVERRIDDEN,)
    if record.override or record.course_complete:
        return True, "C6", ()
    if vaccine.sex and vaccine.sex != facts.person.sex:
        return False, vaccine.code, (Reason.WRONG_SEX,)
    if day < facts.birth:
        return False, "C12", (Reason.TOO_EARLY_AGE,)
    if asked.status is Status.COMPLETE:
        return True, asked.rule_id, ()
    if vaccine.max_age and day >= facts.day(vaccine.max_age):
        return False, vaccine.code, (Reason.TOO_LATE_AGE,)
    if asked.status is Status.AGED_OUT:
        return False, asked.rule_id, (Reason.TOO_LATE_AGE,)
    return (None, asked.rule_id, ()) if asked.status and not asked.by_insert else None


def _against(facts: Facts, course: Course, series: Series, asked: Ask, record: Record, vaccine: Vaccine) -> _Verdict:
    """The verdict against the dose that was asked for on that day."""
    slot, code = asked.slot, vaccine.code
    if slot is None:
        raise AssertionError("what asks for no dose has a status")
    if slot.max_age and record.given_on >= facts.day(slot.max_age):
        return False, slot.label, (Reason.TOO_LATE_AGE,)
    if asked.counted and code not in asked.counted:
        return False, asked.rule_id, (Reason.WRONG_VACCINE,)
    earlier = slot.or_earlier
    if earlier and (code not in earlier.vaccines or not facts.holds(earlier.when, course, record.given_on)):
        earlier = None
    if not (earlier or series.counts_any_vaccine or asked.accepts(code)):
        return None, series.mixing_rule or asked.rule_id, ()
    reasons = _too_soon(facts, course, asked, vaccine, record, earlier.min_age if earlier else None)
    if reasons == (Reason.TOO_EARLY_AGE,) and slot.early_review and code in slot.early_review[1]:
        return None, slot.early_review[0], ()
    if reasons:
        rule = {Reason.LIVE_INTERVAL: "CO-2", Reason.BLOOD_PRODUCT_INTERVAL: "CO-6"}.get(reasons[0], asked.rule_id)
        return False, rule, reasons
    return True, earlier.rule_id if earlier else asked.rule_id, ()


def _too_soon(
    facts: Facts, course: Course, asked: Ask, vaccine: Vaccine, record: Record, sooner_age: Duration | None
) -> tuple[Reason, ...]:
    """Every reason for which the dose came before its time."""
    given_on = record.given_on
    late = given_on + facts.grace
    reasons = []
    age, interval = asked.limits(vaccine)
    if sooner_age:
        age = sooner_age
    elif record.campaign and asked.first_age:
        age = asked.first_age  # a campaign dose counts at any age at which the series has begun (PV-E3)
    if (age and late < facts.day(age)) or (vaccine.min_age and late < facts.day(vaccine.min_age)):
        reasons.append(Reason.TOO_EARLY_AGE)
    for first_day, _, _, _ in facts.intervals(course, asked, interval, given_on):
        if late < first_day:
            reasons.append(Reason.TOO_SHORT_INTERVAL)
            break
    if vaccine.live and facts.live_bound(given_on, given_on) > given_on:
        reasons.append(Reason.LIVE_INTERVAL)
    blood = facts.blood_bound(vaccine, given_on)
    if blood and given_on < blood:
        reasons.append(Reason.BLOOD_PRODUCT_INTERVAL)
    return tuple(reasons)
