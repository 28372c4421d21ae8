"""Compiles the `series` of an edition: versions, doses, rules. Pure; called by the loader."""

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from humiao.immunizations.durations import Duration
from humiao.immunizations.models import (
    Alternative,
    Cohort,
    Consequence,
    Rule,
    Series,
    Sex,
    Slot,
    Status,
    Version,
)
from humiao.immunizations.reading import Entry, Value, WrongField
from humiao.immunizations.when import ALWAYS, parse_when

if TYPE_CHECKING:
    from humiao.immunizations.loader import Draft

SERIES_KINDS = frozenset({"nip", "local", "non_programme"})
SERIES = frozenset(
    {
        "code", "name_zh", "kind", "title_en", "programme", "cohort", "programme_start", "counts", "counts_any_vaccine",
        "mixing", "versions", "catch_up", "equivalence", "special", "rules", "doses", "notes", "certainty", "sources",
    }
)  # fmt: skip
# Of series that no engine evaluates: kept for those who read the data.
FOR_READERS = frozenset(
    {"seasonal", "product", "post_exposure", "pre_exposure", "re_exposure", "exposure_grades", "booking", "boosters",
     "high_risk_variant"}
)  # fmt: skip
VERSION = frozenset(
    {
        "id", "effective_from", "effective_to", "schedule_option", "default_in", "local_effective_from",
        "local_service_start", "doses", "vaccine_by_age", "catch_up", "certainty", "sources",
    }
)  # fmt: skip
DOSE = frozenset(
    {
        "number", "vaccines", "also_counts", "recommended_age", "min_age", "min_interval", "min_interval_from_first",
        "min_interval_from_dose", "min_interval_from_series", "complete_before_age", "complete_within_of_first",
        "max_age_inclusive", "max_age_exclusive", "max_interval", "max_recommended_interval", "recommended_from_first",
        "target", "programme", "certainty", "interval_certainty", "sources", "early_review", "or_earlier",
    }
)  # fmt: skip
THEN = frozenset(
    {
        "status", "table", "schedule", "vaccines", "interval", "intervals", "min_age", "after_series", "requires",
        "counted", "counts_by_insert", "need", "fill_with", "fill_from_dose", "fill_min_age", "fill_interval",
    }
)  # fmt: skip
COHORT = frozenset(
    {"sex", "born_from", "born_from_inclusive", "born_to", "min_age", "residence", "household_registration"}
)
RESIDENCES = {"shanghai_or_resident_3_months": frozenset({"household", "resident"})}
REVIEW = frozenset({"id", "vaccines"})
BUILT_IN_COUNTS = frozenset({"total", "completed_courses"})
_OF_SERIES = re.compile(r"(\w+)_dose_(\d+)")


def read_series(document: Entry, draft: "Draft") -> dict[str, Series]:
    """Read every series that can be evaluated, in the order of the data."""
    found: dict[str, Series] = {}
    seen: set[str] = set()
    for item in document.need("series").items():
        with draft.mistakes.collected():
            entry = item.entry()
            code = entry.need("code").text()
            entry.named(code)
            if code in seen:
                raise entry.wrong("listed twice")
            seen.add(code)
            entry.need("kind").one_of(SERIES_KINDS)
            entry.only(SERIES | FOR_READERS)
            draft.check_sources(entry)
            one = _Reader(entry, code, draft, found).read()
            if one:
                found[code] = one
    return found


class _Reader:
    """Reads one series; knows its counts, its rule ids and the series before it."""

    def __init__(self, entry: Entry, code: str, draft: "Draft", before: dict[str, Series]) -> None:
        self.entry, self.code, self.draft, self.before = entry, code, draft, before
        self.counts: dict[str, frozenset[str]] = {}
        self.of_series: dict[str, str] = {}
        self.ids: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        return BUILT_IN_COUNTS | self.counts.keys() | self.of_series.keys()

    def read(self) -> Series | None:
        entry = self.entry
        self._counts()
        cohort = entry.get("cohort")
        shared = self._rules("special") + self._rules("equivalence")
        last = self._rules("catch_up") + self._rules("rules")
        versions = self._versions(shared, last)
        if not versions:
            return None
        start, mixing, any_vaccine, name = (
            entry.day("programme_start"), entry.get("mixing"), entry.get("counts_any_vaccine"), entry.get("name_zh"),
        )  # fmt: skip
        if entry.need("kind").text() != "non_programme":
            entry.need("name_zh")
        mixing_rule = mixing.entry().need("id") if mixing else None
        if mixing_rule and mixing_rule.text() not in self.ids:
            raise mixing_rule.wrong(f"{mixing_rule.text()!r} is not a rule of this series")
        return Series(
            code=self.code,
            name_zh=name.text() if name else self.code,
            kind=entry.need("kind").text(),
            cohort=self._cohort(cohort) if cohort else None,
            programme_start=start,
            versions=versions,
            counts=self.counts,
            counts_of_series=self.of_series,
            counts_any_vaccine=any_vaccine.flag() if any_vaccine else False,
            mixing_rule=mixing_rule.text() if mixing_rule else None,
            certainty=self.draft.certainty(entry),
        )

    def _counts(self) -> None:
        value = self.entry.get("counts")
        for name, what in value.entry().fields.items() if value else ():
            if what.is_mapping():
                other = what.entry().need("series")
                if other.text() not in self.before:
                    raise other.wrong(f"{other.text()!r} is not a series described before this one")
                self.of_series[name] = other.text()
            else:
                self.counts[name] = frozenset(self.draft.vaccine_codes(what, self.code))

    def _versions(self, shared: list[Rule], last: list[Rule]) -> tuple[Version, ...]:
        value = self.entry.get("versions")
        if value is None:
            doses = self.entry.get("doses")
            slots = self._slots(doses, f"{self.code}-label") if doses and self._evaluable(doses) else ()
            rules = tuple(shared + last)
            if not slots and not any(rule.then.schedule for rule in rules):
                return ()
            name = f"{self.code}-label"
            return (Version(name, None, None, ((name, name, slots),), rules, self.draft.certainty(self.entry)),)
        spans: dict[tuple[date | None, date | None], Version] = {}
        for item in value.items():
            with self.draft.mistakes.collected():
                entry = item.entry()
                version_id = entry.need("id").text()
                entry.named(version_id)
                entry.only(VERSION)
                self._claim(entry.need("id"))
                self.draft.check_sources(entry)
                since, until = self._span(entry)
                option = entry.get("schedule_option")
                slots = self._slots(entry.need("doses"), version_id)
                own = self._rules("catch_up", entry)
                made = (option.text() if option else version_id, version_id, slots)
                known = spans.get((since, until))
                if known and not option:
                    raise entry.wrong(f"is in force on the same days as {known.id}")
                if known:
                    spans[since, until] = replace(known, options=(*known.options, made))
                else:
                    spans[since, until] = Version(
                        version_id, since, until, (made,), tuple(shared + own + last), self.draft.certainty(entry)
                    )
        ordered = tuple(sorted(spans.values(), key=lambda version: version.effective_from or date.min))
        self._contiguous(ordered, value)
        return ordered

    def _evaluable(self, doses: Value) -> bool:
        """Whether the vaccines of the doses belong to this series, as records will say."""
        codes = [code for item in doses.items() for code in item.entry().need("vaccines").names()]
        return all(
            any(name == self.code for name, _, _ in self.draft.vaccines[code].series)
            for code in codes
            if code in self.draft.vaccines
        )

    def _span(self, entry: Entry) -> tuple[date | None, date | None]:
        since, until = entry.day("effective_from"), entry.day("effective_to")
        local = entry.get("local_effective_from")
        here = local.entry().get("CN-SH") if local else None
        since = here.day() if here else since
        if since and until and since > until:
            raise entry.need("effective_to").wrong(f"{until} is before effective_from {since}")
        return since, until

    def _contiguous(self, versions: tuple[Version, ...], value: Value) -> None:
        """Refuse two versions on one day, and a day between two versions with none."""
        for earlier, later in pairwise(versions):
            begins = later.effective_from
            if earlier.effective_to is None or begins is None or earlier.effective_to >= begins:
                raise value.wrong(f"{earlier.id} and {later.id} are in force on the same day")
            if begins - earlier.effective_to != timedelta(days=1):
                raise value.wrong(f"no version is in force between {earlier.id} and {later.id}")

    def _slots(self, value: Value, version_id: str) -> tuple[Slot, ...]:
        slots: list[Slot] = []
        for expected, item in enumerate(value.items(), start=1):
            with self.draft.mistakes.collected():
                entry = item.entry().named(f"{version_id} dose {expected}")
                number = entry.need("number")
                if number.whole(1, 20) != expected:
                    raise number.wrong(f"must be {expected}: doses are numbered in order")
                slots.append(self._slot(entry, expected, f"{version_id}#{expected}"))
        for earlier, later in pairwise(slots):
            if earlier.min_age and later.min_age and earlier.min_age.rough_days > later.min_age.rough_days:
                self.draft.mistakes.note(value.line, f"{later.label}: min_age is below that of the dose before")
        return tuple(slots)

    def _slot(self, entry: Entry, number: int, label: str) -> Slot:
        entry.only(DOSE)
        self.draft.check_sources(entry)
        also = entry.get("also_counts")
        ages = {name: entry.duration(name) for name in ("min_age", "recommended_age", "complete_before_age")}
        self._in_order(entry, ages, ("min_age", "recommended_age", "complete_before_age"))
        for name in ("min_interval", "min_interval_from_first", "min_interval_from_dose", "complete_within_of_first"):
            if number == 1 and name in entry.fields:
                raise entry.fields[name].wrong("asks for a dose before the first")
        interval = entry.duration("min_interval")
        if interval and interval.rough_days == 0:
            raise entry.fields["min_interval"].wrong("must be longer than nothing")
        programme = entry.get("programme")
        if programme:
            programme.one_of(frozenset({"CN-SH"}))
        review, earlier = entry.get("early_review"), entry.get("or_earlier")
        return Slot(
            number=number,
            vaccines=self.draft.vaccine_codes(entry.need("vaccines"), self.code),
            also_counts=frozenset(self.draft.vaccine_codes(also, self.code)) if also else frozenset(),
            min_age=ages["min_age"],
            recommended_age=ages["recommended_age"] or ages["min_age"],
            min_interval=interval,
            from_doses=self._from_doses(entry, number),
            from_series=self._from_series(entry),
            before_age=ages["complete_before_age"],
            within_of_first=entry.duration("complete_within_of_first"),
            max_age=self._max_age(entry, ages["min_age"]),
            local=programme is not None,
            certainty=self.draft.certainty(entry),
            early_review=self._review(review.entry()) if review else None,
            or_earlier=self._alternative(earlier.entry()) if earlier else None,
            label=label,
        )

    @staticmethod
    def _in_order(entry: Entry, ages: dict[str, Duration | None], names: tuple[str, ...]) -> None:
        given = [(name, age) for name in names if (age := ages[name])]
        for (low_name, low), (high_name, high) in pairwise(given):
            strictly = high_name == "complete_before_age"
            if low.rough_days > high.rough_days or (strictly and low.rough_days == high.rough_days):
                raise entry.fields[high_name].wrong(f"{high} is not above {low_name} {low}")

    @staticmethod
    def _max_age(entry: Entry, min_age: Duration | None) -> Duration | None:
        inclusive, exclusive = entry.duration("max_age_inclusive"), entry.duration("max_age_exclusive")
        found = Duration(inclusive.months, inclusive.days + 1) if inclusive else exclusive
        if found and min_age and found.rough_days <= min_age.rough_days:
            raise entry.wrong(f"nobody is old enough ({min_age}) and young enough ({found})")
        return found

    def _from_doses(self, entry: Entry, number: int) -> tuple[tuple[int, Duration], ...]:
        found = []
        first = entry.duration("min_interval_from_first")
        if first:
            found.append((1, first))
        value = entry.get("min_interval_from_dose")
        for key, one in value.entry().fields.items() if value else ():
            if not key.isdecimal() or not 1 <= int(key) < number:
                raise one.wrong("must name the number of an earlier dose")
            found.append((int(key), one.duration()))
        return tuple(found)

    def _from_series(self, entry: Entry) -> tuple[tuple[str, int, Duration], ...]:
        value = entry.get("min_interval_from_series")
        found = []
        for key, one in value.entry().fields.items() if value else ():
            match = _OF_SERIES.fullmatch(key)
            if match is None or match[1] not in self.before:
                raise one.wrong("must name a dose of a series described before, like MenA_dose_2")
            found.append((match[1], int(match[2]), one.duration()))
        return tuple(found)

    def _review(self, entry: Entry) -> tuple[str, frozenset[str]]:
        entry.only(REVIEW)
        return entry.need("id").text(), frozenset(self.draft.vaccine_codes(entry.need("vaccines"), self.code))

    def _alternative(self, entry: Entry) -> Alternative:
        entry.only(REVIEW | {"when", "min_age"})
        return Alternative(
            rule_id=entry.need("id").text(),
            vaccines=frozenset(self.draft.vaccine_codes(entry.need("vaccines"), self.code)),
            when=self._when(entry.need("when")),
            min_age=entry.need("min_age").duration(),
        )

    def _when(self, value: Value) -> Any:
        try:
            return parse_when(value.text(), self.names)
        except WrongField:
            raise
        except ValueError as error:
            raise value.wrong(f"is not understood: {error}") from None

    def _claim(self, value: Value) -> str:
        rule_id = value.text()
        if rule_id in self.ids:
            raise value.wrong(f"{rule_id!r} is used twice")
        self.ids.add(rule_id)
        return rule_id

    def _rules(self, part: str, where: Entry | None = None) -> list[Rule]:
        """The rules of a part that act; the others are checked for id, certainty and source only."""
        value = (where or self.entry).get(part)
        found = []
        for item in value.items() if value else ():
            with self.draft.mistakes.collected():
                entry = item.entry()
                rule_id = self._claim(entry.need("id"))
                entry.named(rule_id)
                self.draft.check_sources(entry)
                certainty = self.draft.certainty(entry)
                cohort = entry.get("cohort")
                who = self._cohort(cohort) if cohort else None
                since, until = entry.day("effective_from"), entry.day("effective_to")
                then = entry.get("then")
                if then is None:
                    continue
                when, conditions = entry.get("when"), entry.get("conditions")
                told = next((entry.fields[k].text() for k in ("rule", "action", "note") if k in entry.fields), rule_id)
                found.append(
                    Rule(
                        id=rule_id,
                        then=self._then(then.entry(), rule_id),
                        when=self._when(when) if when else ALWAYS,
                        conditions=frozenset(conditions.names()) if conditions else frozenset(),
                        cohort=who,
                        effective_from=since,
                        effective_to=until,
                        certainty=certainty,
                        text=told,
                    )
                )
        return found

    def _then(self, entry: Entry, rule_id: str) -> Consequence:
        entry.named(f"{rule_id}.then").only(THEN)
        get = entry.get
        status, vaccines, counted, need = get("status"), get("vaccines"), get("counted"), get("need")
        schedule, intervals, after, requires = get("schedule"), get("intervals"), get("after_series"), get("requires")
        table, by_insert = get("table"), get("counts_by_insert")
        if not (status or table or schedule or vaccines):
            raise entry.wrong("says neither a status nor which doses to give")
        by_number = {}
        for key, one in intervals.entry().fields.items() if intervals else ():
            if not key.isdecimal():
                raise one.wrong("must name the number of a dose")
            by_number[int(key)] = one.duration()
        behind = []
        for key, one in after.entry().fields.items() if after else ():
            if key not in self.before:
                raise one.wrong(f"{key!r} is not a series described before this one")
            behind.append((key, one.duration()))
        return Consequence(
            status=Status(status.one_of(frozenset(Status))) if status else None,
            table=table.flag() if table else False,
            schedule=self._slots(schedule, rule_id) if schedule else (),
            vaccines=self.draft.vaccine_codes(vaccines, self.code) if vaccines else (),
            interval=entry.duration("interval"),
            intervals=by_number,
            min_age=entry.duration("min_age"),
            after_series=tuple(behind),
            requires=requires.text() if requires else None,
            counted=frozenset(self.draft.vaccine_codes(counted, self.code)) if counted else frozenset(),
            counts_by_insert=by_insert.flag() if by_insert else False,
            need=self._need(need) if need else (),
            fill=self._fill(entry, rule_id) if need else None,
        )

    def _need(self, value: Value) -> tuple[tuple[str, int], ...]:
        known = {
            antigen
            for vaccine in self.draft.vaccines.values()
            if any(name == self.code for name, _, _ in vaccine.series)
            for antigen in vaccine.antigens
        }
        found = []
        for antigen, count in value.entry().fields.items():
            if antigen not in known:
                raise count.wrong(f"{antigen!r} is in no vaccine of the series")
            found.append((antigen, count.whole(1, 9)))
        return tuple(found)

    def _fill(self, entry: Entry, rule_id: str) -> Slot:
        return Slot(
            number=entry.need("fill_from_dose").whole(2, 9),
            vaccines=self.draft.vaccine_codes(entry.need("fill_with"), self.code),
            min_age=entry.need("fill_min_age").duration(),
            recommended_age=entry.need("fill_min_age").duration(),
            min_interval=entry.need("fill_interval").duration(),
            label=rule_id,
        )

    @staticmethod
    def _cohort(value: Value) -> Cohort:
        entry = value.entry()
        entry.only(COHORT)
        since, until, sex = entry.day("born_from"), entry.day("born_to"), entry.get("sex")
        if since and until and since > until:
            raise entry.need("born_to").wrong(f"{until} is before born_from {since}")
        inclusive = entry.get("born_from_inclusive")
        unresolved = None
        if inclusive and inclusive.node.value == "unresolved":
            unresolved = since
        elif inclusive and not inclusive.flag() and since:
            since += timedelta(days=1)
        residence, registered = entry.get("residence"), entry.get("household_registration")
        residences = None
        if residence:
            residences = RESIDENCES[residence.one_of(frozenset(RESIDENCES))]
        if registered:
            registered.one_of(frozenset({"shanghai"}))
            residences = frozenset({"household"})
        return Cohort(sex.one_of(Sex) if sex else None, since, until, unresolved, entry.duration("min_age"), residences)
