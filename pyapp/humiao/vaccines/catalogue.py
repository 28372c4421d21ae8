"""Reference catalogue: reads the `vaccines` of the programme, the list of products and the list of districts.

Pure: takes parsed YAML, gives frozen values, opens nothing. A wrong entry raises `CatalogueError`, whose text
names the entry and the field, so that whoever maintains the programme can find it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, cast, get_args

Kind = Literal["nip", "nip_alternative", "local", "non_programme", "passive_antibody", "historic"]
Sex = Literal["F", "M"]
LiveClass = Literal["injected", "oral", "nasal", "none"]
Route = Literal["IM", "SC", "ID", "PO", "IN", "varies"]
Certainty = Literal["high", "medium", "low"]

# Paid by the state or the city: free of charge for the person.
FREE_KINDS: frozenset[str] = frozenset({"nip", "local"})

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")
_DISTRICT_CODE = re.compile(r"[0-9]{6}")
_DURATION = re.compile(r"P([0-9]{1,3})([DMY])")
_DAYS_PER_UNIT = {"D": 1.0, "M": 30.4375, "Y": 365.25}  # only to put durations of unlike units in order
_VIAL_SIZE_MAX = 20


class CatalogueError(ValueError):
    """The catalogue data is wrong; the text names the entry."""

    def __init__(self, entry: str, problem: str) -> None:
        super().__init__(f"{entry}: {problem}")
        self.entry = entry
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whom a vaccine is licensed for. Ages are ISO 8601 durations; None means no bound."""

    sex: Sex | None = None
    min_age: str | None = None
    max_age_exclusive: str | None = None
    condition: str | None = None
    effective_from: date | None = None


@dataclass(frozen=True, slots=True)
class Vaccine:
    """One administrable vaccine of the programme; a combination belongs to several series."""

    code: str
    name_zh: str
    name_en: str
    kind: Kind
    series: tuple[str, ...]
    eligibility: tuple[Eligibility, ...]
    route: Route
    live_class: LiveClass
    detail: Mapping[str, object]

    @property
    def bookable(self) -> bool:
        """Whether it can be offered at all: historic vaccines only appear in records."""
        return self.kind != "historic"

    @property
    def sex(self) -> Sex | None:
        """The only sex any rule admits, or None when both may come."""
        sexes = {rule.sex for rule in self.eligibility}
        return sexes.pop() if len(sexes) == 1 else None

    @property
    def min_age(self) -> str | None:
        """Lowest minimum age over all rules; nobody younger is ever eligible."""
        ages = [rule.min_age for rule in self.eligibility]
        return None if None in ages else min(cast(list[str], ages), key=rough_days)

    @property
    def max_age_exclusive(self) -> str | None:
        """Highest age limit over all rules; nobody of that age or older is ever eligible."""
        ages = [rule.max_age_exclusive for rule in self.eligibility]
        return None if None in ages else max(cast(list[str], ages), key=rough_days)


@dataclass(frozen=True, slots=True)
class Product:
    """What lies on the shelf: a maker's presentation of a vaccine. `price_fen` 0 means free of charge."""

    product_id: int
    vaccine_code: str
    name: str
    manufacturer: str
    vial_size: int
    price_fen: int
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class District:
    """A GB/T 2260 district with its rough centre (WGS84) and how far it stretches from there."""

    code: str
    name: str
    pinyin: str
    latitude: float
    longitude: float
    reach_km: float


def split_duration(duration: str) -> tuple[int, str]:
    """Number and unit of an ISO 8601 duration of one unit: P8M is (8, "M"). Raises ValueError for any other."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"not a duration of days, months or years: {duration!r}")
    return int(match[1]), match[2]


def rough_days(duration: str) -> float:
    """Length of an ISO 8601 duration of one unit (P28D, P8M, P6Y) in days, good enough to order durations."""
    count, unit = split_duration(duration)
    return count * _DAYS_PER_UNIT[unit]


def parse_vaccines(programme: object) -> tuple[Vaccine, ...]:
    """Read the `vaccines` of the parsed programme. Raises `CatalogueError`."""
    found: dict[str, Vaccine] = {}
    for position, entry in enumerate(listed(programme, "vaccines"), start=1):
        vaccine = _vaccine(EntryReader(entry, f"vaccines[{position}]", "code"))
        if vaccine.code in found:
            raise CatalogueError(vaccine.code, "listed twice")
        found[vaccine.code] = vaccine
    return tuple(found.values())


def parse_products(document: object, vaccines: Sequence[Vaccine]) -> tuple[Product, ...]:
    """Read the parsed product list against the catalogue. Raises `CatalogueError`."""
    by_code = {vaccine.code: vaccine for vaccine in vaccines}
    found: dict[int, Product] = {}
    for position, entry in enumerate(listed(document, "products"), start=1):
        read = EntryReader(entry, f"products[{position}]", "id")
        product = Product(
            product_id=read.whole("id", 1, 2**31 - 1),
            vaccine_code=read.text("vaccine"),
            name=read.text("name"),
            manufacturer=read.text("manufacturer"),
            vial_size=read.whole("vial_size", 1, _VIAL_SIZE_MAX),
            price_fen=read.whole("price_fen", 0, 10_000_000),
            certainty=cast(Certainty, read.one_of("certainty", Certainty)),
        )
        vaccine = by_code.get(product.vaccine_code)
        if vaccine is None:
            raise CatalogueError(read.entry, f"vaccine {product.vaccine_code!r} is not in the programme")
        if not vaccine.bookable:
            raise CatalogueError(read.entry, f"vaccine {vaccine.code} is historic and cannot be stocked")
        if vaccine.kind in FREE_KINDS and product.price_fen:
            raise CatalogueError(read.entry, f"price_fen must be 0, {vaccine.code} is free of charge")
        if product.product_id in found:
            raise CatalogueError(read.entry, "id is used twice")
        found[product.product_id] = product
    return tuple(found.values())


def parse_districts(document: object) -> tuple[District, ...]:
    """Read the parsed list of districts. Raises `CatalogueError`."""
    found: dict[str, District] = {}
    for position, entry in enumerate(listed(document, "districts"), start=1):
        read = EntryReader(entry, f"districts[{position}]", "code")
        district = District(
            code=read.text("code"),
            name=read.text("name"),
            pinyin=read.text("pinyin"),
            latitude=read.number("latitude", -90, 90),
            longitude=read.number("longitude", -180, 180),
            reach_km=read.number("reach_km", 1, 100),
        )
        if _DISTRICT_CODE.fullmatch(district.code) is None:
            raise CatalogueError(read.entry, f"code {district.code!r} is not six digits")
        if district.code in found:
            raise CatalogueError(read.entry, "listed twice")
        found[district.code] = district
    return tuple(found.values())


def _vaccine(read: "EntryReader") -> Vaccine:
    code = read.text("code")
    if _CODE.fullmatch(code) is None:
        raise CatalogueError(read.entry, f"code {code!r} has signs other than letters, digits and hyphens")
    technology = read.text("technology")
    live_class = cast(LiveClass, read.one_of("live_class", LiveClass))
    if (technology == "live") != (live_class != "none"):
        raise CatalogueError(read.entry, f"live_class {live_class!r} does not fit technology {technology!r}")
    series = read.names("series")
    rules = read.optional_list("eligibility")
    eligibility: tuple[Eligibility, ...]
    if rules is None:
        eligibility = (_eligibility(read),)
    else:
        if not rules:
            raise CatalogueError(read.entry, "eligibility is empty")
        for field in ("sex", "min_age", "max_age_exclusive"):
            if field in read.fields:
                raise CatalogueError(read.entry, f"{field} stands both beside and inside eligibility")
        eligibility = tuple(
            _eligibility(EntryReader(rule, f"{read.entry}.eligibility[{n}]")) for n, rule in enumerate(rules, start=1)
        )
    return Vaccine(
        code=code,
        name_zh=read.text("name_zh"),
        name_en=read.text("name_en"),
        kind=cast(Kind, read.one_of("kind", Kind)),
        series=series,
        eligibility=eligibility,
        route=cast(Route, read.one_of("route", Route)),
        live_class=live_class,
        detail=read.fields,
    )


def _eligibility(read: "EntryReader") -> Eligibility:
    sex = None if "sex" not in read.fields else cast(Sex, read.one_of("sex", Sex))
    min_age, max_age = read.duration("min_age"), read.duration("max_age_exclusive")
    if min_age and max_age and rough_days(min_age) >= rough_days(max_age):
        raise CatalogueError(read.entry, f"min_age {min_age} is not below max_age_exclusive {max_age}")
    effective_from = read.fields.get("effective_from")
    if effective_from is not None and not isinstance(effective_from, date):
        raise CatalogueError(read.entry, f"effective_from must be a date, not {effective_from!r}")
    condition = None if "condition" not in read.fields else read.text("condition")
    return Eligibility(sex, min_age, max_age, condition, effective_from)


def listed(document: object, key: str) -> list[object]:
    """Return the entries under `key` of a parsed document; raises `CatalogueError` where there is none."""
    entries = document.get(key) if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise CatalogueError(key, "must be a list with at least one entry")
    return entries


class EntryReader:
    """Reads typed fields of one entry and names the entry when a field is wrong."""

    def __init__(self, entry: object, position: str, name_field: str | None = None) -> None:
        if not isinstance(entry, dict):
            raise CatalogueError(position, "must be a mapping")
        self.fields: dict[str, object] = entry
        name = entry.get(name_field) if name_field else None
        self.entry = position if name in (None, "") else f"{position} ({name})"

    def _get(self, field: str) -> object:
        if field not in self.fields:
            raise CatalogueError(self.entry, f"{field} is missing")
        return self.fields[field]

    def text(self, field: str) -> str:
        """Return a text that is not blank."""
        value = self._get(field)
        if not isinstance(value, str) or not value.strip():
            raise CatalogueError(self.entry, f"{field} must be a text, not {value!r}")
        return value

    def one_of(self, field: str, alias: object) -> str:
        """Return a text that is one of the values of the Literal `alias`."""
        value, allowed = self.text(field), get_args(alias)
        if value not in allowed:
            raise CatalogueError(self.entry, f"{field} {value!r} is none of {', '.join(allowed)}")
        return value

    def number(self, field: str, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""
        value = self._get(field)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise CatalogueError(self.entry, f"{field} must be a number {low} to {high}, not {value!r}")
        return float(value)

    def whole(self, field: str, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self._get(field)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise CatalogueError(self.entry, f"{field} must be a whole number {low} to {high}, not {value!r}")
        return value

    def names(self, field: str) -> tuple[str, ...]:
        """Return a list of different names, at least one."""
        value = self._get(field)
        if not isinstance(value, list) or not value or not all(isinstance(n, str) and n for n in value):
            raise CatalogueError(self.entry, f"{field} must be a list of names, not {value!r}")
        if len(set(value)) != len(value):
            raise CatalogueError(self.entry, f"{field} names something twice: {value!r}")
        return tuple(value)

    def optional_list(self, field: str) -> list[object] | None:
        """Return a list, or None when the field is absent."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, list):
            raise CatalogueError(self.entry, f"{field} must be a list, not {value!r}")
        return value

    def duration(self, field: str) -> str | None:
        """Return an ISO 8601 duration of one unit, or None when the field is absent."""
        if field not in self.fields:
            return None
        value = self.text(field)
        try:
            rough_days(value)
        except ValueError as error:
            raise CatalogueError(self.entry, f"{field}: {error}") from None
        return value
