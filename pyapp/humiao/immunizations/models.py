"""The programme as the engine reads it, the person it is asked about, and what it answers. Frozen values, no behaviour
beyond what follows from the fields.

Words: a *series* (HepB, DTP) asks for numbered doses; a *slot* is what one of them asks; a *rule* is a numbered line of
the programme that changes what is asked; an *edition* is the programme data of one publication, in force from a day on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from humiao.immunizations.durations import Duration
from humiao.immunizations.when import When

Certainty = Literal["high", "medium", "low"]
Sex = Literal["F", "M"]
# household: registered in Shanghai; resident: living here three months or longer; elsewhere: neither.
Residence = Literal["household", "resident", "elsewhere"]
Effect = Literal["exclude", "doctor", "postpone"]


class Status(StrEnum):
    """The state of a series, as in `status_codes` of the programme."""

    COMPLETE = "COMPLETE"
    NOT_YET_DUE = "NOT_YET_DUE"
    DUE = "DUE"
    OVERDUE = "OVERDUE"
    AGED_OUT = "AGED_OUT"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    MANUAL_REVIEW = "MANUAL_REVIEW"


class Reason(StrEnum):
    """Why a dose is not counted, as in `invalid_reason_codes` of the programme."""

    TOO_EARLY_AGE = "TOO_EARLY_AGE"
    TOO_SHORT_INTERVAL = "TOO_SHORT_INTERVAL"
    LIVE_INTERVAL = "LIVE_INTERVAL"
    TOO_LATE_AGE = "TOO_LATE_AGE"
    WRONG_SEX = "WRONG_SEX"
    BLOOD_PRODUCT_INTERVAL = "BLOOD_PRODUCT_INTERVAL"
    DUPLICATE = "DUPLICATE"
    WRONG_VACCINE = "WRONG_VACCINE"
    OVERRIDDEN = "OVERRIDDEN"


@dataclass(frozen=True, slots=True)
class Insert:
    """What a product's insert asks of a dose, in place of the programme's table (C7, DTP-E1)."""

    min_age: Duration
    min_interval: Duration
    booster_number: int | None
    booster_min_age: Duration | None
    booster_min_interval: Duration | None


@dataclass(frozen=True, slots=True)
class Vaccine:
    """One administrable vaccine. `series` says between which ages a dose takes part in which series."""

    code: str
    name_zh: str
    kind: str
    antigens: tuple[str, ...]
    live_class: str
    series: tuple[tuple[str, Duration | None, Duration | None], ...]
    sex: Sex | None
    min_age: Duration | None
    max_age: Duration | None
    insert: Insert | None
    place: int = 0  # in the list of the edition, so that records of one day have an order
    after_blood_product: Duration | None = None
    effective_from: date | None = None
    # Whether the gap between live vaccines is kept: injected and nasal (CO-2, CO-4), not oral (CO-3).
    live: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "live", self.live_class in ("injected", "nasal"))


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to give the dose of a slot: earlier, with these vaccines, when the records allow it."""

    rule_id: str
    vaccines: frozenset[str]
    when: When
    min_age: Duration


@dataclass(frozen=True, slots=True)
class Slot:
    """What one numbered dose asks. The first of `vaccines` is what the programme gives."""

    number: int
    vaccines: tuple[str, ...]
    also_counts: frozenset[str] = frozenset()
    min_age: Duration | None = None
    recommended_age: Duration | None = None
    min_interval: Duration | None = None
    from_doses: tuple[tuple[int, Duration], ...] = ()
    from_series: tuple[tuple[str, int, Duration], ...] = ()
    before_age: Duration | None = None
    within_of_first: Duration | None = None
    max_age: Duration | None = None  # exclusive
    local: bool = False
    certainty: Certainty = "high"
    early_review: tuple[str, frozenset[str]] | None = None  # rule, vaccines
    or_earlier: Alternative | None = None
    label: str = ""  # version and number, as explanations name it


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who a series or a rule is for. Bounds on birth are inclusive."""

    sex: Sex | None = None
    born_from: date | None = None
    born_to: date | None = None
    unresolved_day: date | None = None
    min_age: Duration | None = None
    residences: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a rule does: `then` of the data, checked and made ready."""

    status: Status | None = None
    table: bool = False
    schedule: tuple[Slot, ...] = ()
    vaccines: tuple[str, ...] = ()
    interval: Duration | None = None
    intervals: Mapping[int, Duration] = field(default_factory=dict)
    min_age: Duration | None = None
    after_series: tuple[tuple[str, Duration], ...] = ()
    requires: str | None = None
    counted: frozenset[str] = frozenset()
    counts_by_insert: bool = False
    need: tuple[tuple[str, int], ...] = ()
    fill: Slot | None = None  # asked when the need is not met by the doses of the table


@dataclass(frozen=True, slots=True)
class Rule:
    """A numbered line of the programme that acts."""

    id: str
    then: Consequence
    when: When
    conditions: frozenset[str]
    cohort: Cohort | None
    effective_from: date | None
    effective_to: date | None
    certainty: Certainty
    text: str


@dataclass(frozen=True, slots=True)
class Version:
    """The doses of a series while one version is in force; `options` by the vaccine that a person began with."""

    id: str
    effective_from: date | None
    effective_to: date | None
    options: tuple[tuple[str, str, tuple[Slot, ...]], ...]  # option name, version id, slots; the default first
    rules: tuple[Rule, ...]
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an edition."""

    code: str
    name_zh: str
    kind: str
    cohort: Cohort | None
    programme_start: date | None
    versions: tuple[Version, ...]
    counts: Mapping[str, frozenset[str]]
    counts_of_series: Mapping[str, str]
    counts_any_vaccine: bool
    mixing_rule: str | None
    certainty: Certainty

    def version_on(self, day: date) -> Version | None:
        """Return the version in force on a day, or None where the programme had not begun."""
        for version in self.versions:
            if (version.effective_from is None or version.effective_from <= day) and (
                version.effective_to is None or day <= version.effective_to
            ):
                return version
        return None


@dataclass(frozen=True, slots=True)
class Contraindication:
    """A health question and what a known answer does."""

    id: str
    condition: str
    question_zh: str
    applies_to: frozenset[str] | None  # None: every vaccine
    effect: Effect


@dataclass(frozen=True, slots=True)
class Edition:
    """The programme data of one publication, compiled once."""

    id: str
    effective_from: date
    digest: str
    vaccines: Mapping[str, Vaccine]
    series: Mapping[str, Series]
    contraindications: tuple[Contraindication, ...]
    grace_days: int
    repeat_after_invalid: Duration
    live_gap: Duration
    upper_age: Duration  # free catch-up ends (C9)
    default_overdue: Duration


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asked about. Conditions are codes of the health questions and of rules (birth_weight_below_2000g, …)."""

    birth_date: date
    sex: Sex
    residence: Residence = "household"
    conditions: frozenset[str] = frozenset()
    blood_products: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded dose. `override` is a clinician's decision, whose reason the record store keeps."""

    vaccine: str
    given_on: date
    campaign: bool = False
    course_complete: bool = False  # a clinician confirmed that a course by the insert is finished
    override: Literal["valid", "invalid"] | None = None


class Explanation(NamedTuple):
    """One conclusion, with the rule it follows from. Its words are put together when somebody reads them."""

    rule_id: str
    say: Callable[..., str]
    about: tuple[Any, ...]

    @property
    def text_zh(self) -> str:
        """In Chinese, for parents and clinic staff."""
        return self.say(*self.about)


class JudgedDose(NamedTuple):
    """A recorded dose against a series: `valid` None means that a clinician must decide."""

    vaccine: str
    given_on: date
    valid: bool | None
    number: int | None  # of the series; None where it is not counted or more than is asked
    reasons: tuple[Reason, ...]
    version_id: str
    explanation: Explanation


class Option(NamedTuple):
    """An acceptable product of the next dose and the first day for it."""

    vaccine: str
    earliest: date


@dataclass(frozen=True, slots=True)
class SeriesState:
    """What a series asks of the person. Dates are set for NOT_YET_DUE, DUE and OVERDUE."""

    series: str
    status: Status
    doses: tuple[JudgedDose, ...]
    next_dose: int | None = None
    earliest: date | None = None
    recommended: date | None = None
    overdue: date | None = None  # the first day on which it is overdue
    closes: date | None = None  # the first day on which these products can no longer be given
    products: tuple[Option, ...] = ()
    requires: str | None = None
    questions: tuple[str, ...] = ()  # contraindications to ask about
    version_id: str | None = None
    explanations: tuple[Explanation, ...] = ()

    @property
    def counted(self) -> int:
        """How many recorded doses count."""
        return sum(1 for dose in self.doses if dose.valid and dose.number is not None)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer for one person and one day, with the edition that decided it."""

    on: date
    edition_id: str
    series: Mapping[str, SeriesState]
