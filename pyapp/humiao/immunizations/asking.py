"""What a series asks for on a day, given what was counted so far. Pure; the engine's one place that reads rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from humiao.immunizations.durations import Duration
from humiao.immunizations.models import (
    Certainty,
    Cohort,
    Contraindication,
    Edition,
    JudgedDose,
    Person,
    Reason,
    Record,
    Rule,
    Series,
    Slot,
    Status,
    Vaccine,
    Version,
)
from humiao.immunizations.when import When

# After a dose refused for one of these, the next must keep the gap of a repeat (C6).
_BEFORE_ITS_TIME = {
    Reason.TOO_EARLY_AGE,
    Reason.TOO_SHORT_INTERVAL,
    Reason.LIVE_INTERVAL,
    Reason.BLOOD_PRODUCT_INTERVAL,
}
Bound = tuple[date, str, str, int]  # first day, cause, how much in words, number of the dose it is measured from


class Course:
    """What was counted of one series so far; grows dose by dose."""

    __slots__ = ("complete", "days", "first", "first_vaccine", "invalid", "last", "reviews", "series", "under_review",
                 "vaccines")  # fmt: skip

    def __init__(self, series: Series) -> None:
        self.series = series
        self.days: list[date] = []
        self.vaccines: list[Vaccine] = []
        self.first: date | None = None
        self.last: date | None = None
        self.invalid: date | None = None
        self.first_vaccine: str | None = None
        self.reviews: list[date] = []
        self.under_review: str | None = None
        self.complete = 0

    @property
    def total(self) -> int:
        """How many doses count."""
        return len(self.days)

    def take(self, dose: JudgedDose, vaccine: Vaccine, record: Record) -> None:
        """Take a judged dose in."""
        if self.first_vaccine is None:
            self.first_vaccine = vaccine.code
        self.complete += record.course_complete
        if dose.valid is None:
            self.reviews.append(dose.given_on)
            self.under_review = dose.explanation.rule_id
        elif dose.valid and dose.number is not None:
            self.days.append(dose.given_on)
            self.vaccines.append(vaccine)
            self.last = dose.given_on
            if self.first is None:
                self.first = dose.given_on
        elif not dose.valid and not _BEFORE_ITS_TIME.isdisjoint(dose.reasons):
            self.invalid = dose.given_on

    def count(self, name: str, day: date, others: "dict[str, Course]") -> int:
        """The count that a condition names, of doses before `day`."""
        if name == "total":
            return len(self.days)
        if name == "completed_courses":
            return self.complete
        if name in self.series.counts:
            codes = self.series.counts[name]
            return sum(1 for vaccine in self.vaccines if vaccine.code in codes)
        other = others.get(self.series.counts_of_series[name])
        return sum(1 for given in (*other.days, *other.reviews) if given < day) if other else 0


@dataclass(slots=True)
class Ask:
    """What is asked: a status, or a dose of a slot with its limits."""

    rule_id: str
    certainty: Certainty
    status: Status | None = None
    slot: Slot | None = None
    vaccines: tuple[str, ...] = ()
    min_age: Duration | None = None
    interval: Duration | None = None
    first_age: Duration | None = None
    from_age: Duration | None = None  # a catch-up scheme of its own begins at this age
    until: Duration | None = None
    after_series: tuple[tuple[str, Duration], ...] = ()
    requires: str | None = None
    counted: frozenset[str] = frozenset()
    by_insert: bool = False
    ends_by_age: bool = False

    def closed(self, rule_id: str) -> "Ask":
        """The same, for somebody too old for it."""
        return Ask(rule_id, self.certainty, Status.AGED_OUT)

    def for_a_doctor(self, rule_id: str) -> "Ask":
        """The same, where a clinician must decide."""
        return Ask(rule_id, self.certainty, Status.MANUAL_REVIEW)

    def accepts(self, code: str) -> bool:
        """Whether a recorded dose of this vaccine can be the dose that is asked for."""
        slot = self.slot
        if code in self.vaccines or code in self.counted:
            return True
        # A catch-up scheme of its own takes its own vaccines only (DT from seven years).
        return slot is not None and self.from_age is None and (code in slot.vaccines or code in slot.also_counts)

    def limits(self, vaccine: Vaccine) -> tuple[Duration | None, Duration | None]:
        """Minimum age and interval for this product: the insert's where the slot takes it as it stands (C7)."""
        insert, slot = vaccine.insert, self.slot
        if insert is None or slot is None or self.from_age:
            return self.min_age, self.interval
        if vaccine.code not in slot.vaccines and vaccine.code not in slot.also_counts:
            return self.min_age, self.interval
        if slot.number == insert.booster_number:
            return insert.booster_min_age or insert.min_age, insert.booster_min_interval
        return insert.min_age, insert.min_interval if slot.number > 1 else None

    def ends(self, edition: Edition) -> list[Duration]:
        """The ages at which it can no longer be given as it is."""
        found = [age for age in (self.until, self.slot.max_age if self.slot else None) if age]
        ages = [edition.vaccines[code].max_age for code in self.vaccines]
        if ages and None not in ages:
            found.append(max((age for age in ages if age), key=lambda age: age.rough_days))
        return found


class Facts:
    """The person on the day of evaluation, with dates of ages remembered."""

    __slots__ = ("_days", "_rules", "barring", "birth", "courses", "edition", "grace", "live", "local", "on", "person",
                 "tomorrow")  # fmt: skip

    def __init__(self, edition: Edition, person: Person, on: date, live: list[tuple[date, Vaccine]]) -> None:
        self.edition, self.person, self.on, self.live = edition, person, on, live
        self.birth = person.birth_date
        self.tomorrow = on + timedelta(days=1)
        self.grace = timedelta(days=edition.grace_days)
        self.local = person.residence != "elsewhere"
        self.courses: dict[str, Course] = {}
        self._days: dict[int, date] = {}
        self._rules: dict[int, tuple[Rule, ...]] = {}
        self.barring: tuple[Contraindication, ...] = (
            tuple(c for c in edition.contraindications if c.condition in person.conditions and c.effect != "postpone")
            if person.conditions
            else ()
        )

    def day(self, age: Duration) -> date:
        """The day on which the person reaches an age (C1)."""
        found = self._days.get(age.key)
        if found is None:
            found = self._days[age.key] = age.after(self.birth)
        return found

    def in_cohort(self, cohort: Cohort | None) -> bool:
        """Whether a rule for a cohort of births is for this person."""
        return cohort is None or (
            (cohort.sex is None or cohort.sex == self.person.sex)
            and (cohort.born_from is None or self.birth >= cohort.born_from)
            and (cohort.born_to is None or self.birth <= cohort.born_to)
        )

    def holds(self, when: When, course: Course, day: date) -> bool:
        """Whether a condition holds on a day."""
        if (when.age_from and day < self.day(when.age_from)) or (when.age_before and day >= self.day(when.age_before)):
            return False
        if when.start_from or when.start_before:
            start = course.first or day
            if when.start_from and start < self.day(when.start_from):
                return False
            if when.start_before and start >= self.day(when.start_before):
                return False
        for name, compare, value in when.counts:  # noqa: SIM110 - twice as quick as all(), and asked by the million
            if not compare(course.count(name, day, self.courses), value):
                return False
        return True

    def rules_of(self, version: Version) -> tuple[Rule, ...]:
        """The rules of a version that are for this person, by birth and conditions; worked out once."""
        found = self._rules.get(id(version))
        if found is None:
            found = self._rules[id(version)] = tuple(
                rule
                for rule in version.rules
                if rule.conditions <= self.person.conditions and self.in_cohort(rule.cohort)
            )
        return found

    def upper_age_applies(self, series: Series) -> bool:
        """Whether free catch-up of the series ends with childhood (C9)."""
        if series.kind == "non_programme":
            return False
        cohort = series.cohort
        return not (cohort and cohort.min_age and cohort.min_age.rough_days >= self.edition.upper_age.rough_days)

    def intervals(self, course: Course, asked: Ask, interval: Duration | None, day: date) -> list[Bound]:
        """The first days that the doses before allow."""
        slot, bounds = asked.slot, []
        if interval and course.last:
            bounds.append((interval.after(course.last), "interval", interval.words, 0))
        if slot:
            for number, gap in slot.from_doses:
                if number <= course.total:
                    bounds.append((gap.after(course.days[number - 1]), "from_dose", gap.words, number))
            for code, number, gap in slot.from_series:
                other = self.courses.get(code)
                if other and other.total >= number and other.days[number - 1] <= day:
                    bounds.append((gap.after(other.days[number - 1]), "series", gap.words, 0))
        for code, gap in asked.after_series:
            other = self.courses.get(code)
            given = [d for d in other.days if d <= day] if other else []
            if given:
                bounds.append((gap.after(given[-1]), "series", gap.words, 0))
        if course.invalid and course.invalid < day:
            gap = self.edition.repeat_after_invalid
            bounds.append((gap.after(course.invalid), "repeat", gap.words, 0))
        return bounds

    def live_bound(self, day: date, asked_on: date) -> date:
        """The first day, `day` or later, that keeps the gap to live vaccines given before `asked_on` (CO-2, C12).

        What was given on `asked_on` itself goes with another on that very day.
        """
        gap = self.edition.live_gap
        for given, _ in self.live:
            if given < asked_on or (given == asked_on and day > given):
                day = max(day, gap.after(given))
        return day

    def blood_bound(self, vaccine: Vaccine, day: date) -> date | None:
        """The first day after the last blood product up to `day`, for a vaccine that must wait (CO-6)."""
        wait = vaccine.after_blood_product
        if wait is None or not self.person.blood_products:
            return None
        given = [on for on in self.person.blood_products if on <= day]
        return wait.after(max(given)) if given else None

    def earliest(self, course: Course, asked: Ask, vaccine: Vaccine) -> Bound:
        """The first day for a product, and what decides it (C12)."""
        age, interval = asked.limits(vaccine)
        bounds: list[Bound] = [(self.birth, "age", "出生", 0)]
        if age:
            bounds.append((self.day(age), "age", age.words, 0))
        bounds += self.intervals(course, asked, interval, self.tomorrow)
        series = course.series
        if series.cohort and series.cohort.min_age:
            bounds.append((self.day(series.cohort.min_age), "age", series.cohort.min_age.words, 0))
        if series.programme_start:
            bounds.append((series.programme_start, "start", "", 0))
        if asked.from_age:
            bounds.append((self.day(asked.from_age), "band", asked.from_age.words, 0))
        if vaccine.min_age:
            bounds.append((self.day(vaccine.min_age), "product", vaccine.min_age.words, 0))
        blood = self.blood_bound(vaccine, self.on)
        if blood and vaccine.after_blood_product:
            bounds.append((blood, "blood", vaccine.after_blood_product.words, 0))
        found = max(bounds, key=lambda bound: bound[0])
        if vaccine.live and self.live:
            free = self.live_bound(found[0], self.on)
            if free > found[0]:
                return free, "live", self.edition.live_gap.words, 0
        return found


def ask(
    facts: Facts, course: Course, series: Series, version: Version, rules_day: date, day: date, vaccine: str | None
) -> Ask:
    """What the series asks for on `day` by the rules of `rules_day`; `vaccine` is what is about to be judged."""
    for rule in facts.rules_of(version):
        if (
            (rule.effective_from is None or rule.effective_from <= rules_day)
            and (rule.effective_to is None or rules_day <= rule.effective_to)
            and facts.holds(rule.when, course, day)
        ):
            break
    else:
        return _of_table(facts, course, version, None, vaccine)
    then = rule.then
    if then.status:
        slot = None
        if then.counts_by_insert:
            slots = _slots(facts, course, version, None)
            slot = slots[min(course.total, len(slots) - 1)]
            slot = replace(slot, number=course.total + 1)
        if slot is None:
            return Ask(rule.id, rule.certainty, then.status)
        return Ask(rule.id, rule.certainty, then.status, slot, slot.vaccines, slot.min_age, slot.min_interval,
                   by_insert=True)  # fmt: skip
    if then.vaccines and not then.table:
        slots = _slots(facts, course, version, None)
        number = course.total + 1
        slot = slots[min(number, len(slots)) - 1]
        return Ask(rule.id, rule.certainty, None, slot, then.vaccines, None, then.intervals.get(number, then.interval),
                   from_age=rule.when.age_from, until=rule.when.age_before)  # fmt: skip
    return _of_table(facts, course, version, rule, vaccine)


def _slots(facts: Facts, course: Course, version: Version, rule: Rule | None) -> Sequence[Slot]:
    """The doses that are asked of this person: of the rule, or of the option that the person began with."""
    if rule and rule.then.schedule:
        slots = rule.then.schedule
    else:
        slots = version.options[0][2]
        if course.first_vaccine and len(version.options) > 1:
            for _, _, others in version.options:
                if course.first_vaccine in others[0].vaccines:
                    slots = others
                    break
    return slots if facts.local else tuple(slot for slot in slots if not slot.local)


def _of_table(facts: Facts, course: Course, version: Version, rule: Rule | None, vaccine: str | None) -> Ask:
    if course.first_vaccine is None and vaccine and len(version.options) > 1:
        course.first_vaccine = vaccine  # the option is decided by the first dose
    slots = _slots(facts, course, version, rule)
    if not slots:  # a course by the age at its first dose, and no age fits
        return Ask(version.id, version.certainty, Status.AGED_OUT)
    number = course.total + 1
    slot = slots[number - 1] if number <= len(slots) else None
    then = rule.then if rule else None
    vaccines = then.vaccines if then and then.vaccines else ()
    if then and then.fill and _short(course, then.need):
        if number >= then.fill.number:
            if vaccine is None or vaccine in then.fill.vaccines:
                slot = replace(then.fill, number=number)
        else:
            vaccines = then.fill.vaccines
    certainty = slot.certainty if slot and slot.certainty != "high" else version.certainty
    if rule and rule.certainty != "high" and certainty == "high":
        certainty = rule.certainty
    if slot is None:
        return Ask(rule.id if rule else slots[-1].label, certainty, Status.COMPLETE)
    until = None
    if rule:
        until = rule.when.age_before or (rule.when.start_before if course.first is None else None)
    return Ask(
        slot.label if not rule or then is None or (then.table and not then.min_age and not then.requires) else rule.id,
        certainty,
        None,
        slot,
        vaccines or slot.vaccines,
        (then.min_age if then else None) or slot.min_age,
        slot.min_interval,
        slots[0].min_age,
        None,
        until,
        then.after_series if then else (),
        then.requires if then else None,
        then.counted if then else frozenset(),
    )


def _short(course: Course, need: tuple[tuple[str, int], ...]) -> bool:
    """Whether an antigen was given less often than needed."""
    return any(sum(1 for vaccine in course.vaccines if antigen in vaccine.antigens) < count for antigen, count in need)
