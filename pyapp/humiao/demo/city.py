"""The clinics of the demo city, read from sql/seed/demo/clinics.yaml.

Pure: takes parsed YAML, gives frozen values. Raises `CatalogueError`, which names the wrong entry.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from itertools import pairwise

from humiao.vaccines.catalogue import CatalogueError, EntryReader, listed

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KINDS = frozenset({"child", "adult", "rabies"})

_CLINIC_CODE = re.compile(r"[0-9]{10}")
# No telephone number of Shanghai begins with 0: these can be shown to anyone and ring nowhere.
_DEMO_PHONE = re.compile(r"021-0[0-9]{7}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Opening hours without a break, local time."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Clinic:
    """One vaccination clinic. `opening_hours` maps weekdays (mon … sun) to stretches; absent means closed."""

    code: str
    district_code: str
    name: str
    kinds: frozenset[str]
    opening_hours: Mapping[str, tuple[Stretch, ...]]
    latitude: float
    longitude: float
    address: str
    phone: str

    @property
    def clinic_id(self) -> int:
        """Number of the clinic: its code without the city's 310."""
        return int(self.code[3:])


def parse_clinics(document: object) -> tuple[Clinic, ...]:
    """Read the parsed list of clinics. Raises `CatalogueError`."""
    timetables = _timetables(document)
    clinics: list[Clinic] = []
    codes: set[str] = set()
    names: set[str] = set()
    for position, entry in enumerate(listed(document, "clinics"), start=1):
        clinic = _clinic(EntryReader(entry, f"clinics[{position}]", "name"), timetables)
        if clinic.code in codes or clinic.name in names:
            raise CatalogueError(f"clinics[{position}] ({clinic.name})", "code or name is used twice")
        codes.add(clinic.code)
        names.add(clinic.name)
        clinics.append(clinic)
    return tuple(clinics)


def _clinic(read: EntryReader, timetables: Mapping[str, Mapping[str, tuple[Stretch, ...]]]) -> Clinic:
    hours = read.text("hours")
    if hours not in timetables:
        raise CatalogueError(read.entry, f"hours {hours!r} is no timetable")
    clinic = Clinic(
        code=read.text("code"),
        district_code=read.text("district"),
        name=read.text("name"),
        kinds=frozenset(read.names("kinds")),
        opening_hours=timetables[hours],
        latitude=read.number("latitude", -90, 90),
        longitude=read.number("longitude", -180, 180),
        address=read.text("address"),
        phone=read.text("phone"),
    )
    if _CLINIC_CODE.fullmatch(clinic.code) is None or not clinic.code.startswith(clinic.district_code):
        raise CatalogueError(read.entry, f"code {clinic.code!r} is not ten digits, the district's first")
    if not clinic.kinds <= KINDS:
        raise CatalogueError(read.entry, f"kinds may be {', '.join(sorted(KINDS))}")
    if _DEMO_PHONE.fullmatch(clinic.phone) is None:
        raise CatalogueError(read.entry, f"phone {clinic.phone!r} is not in the fictional range 021-0…")
    return clinic


def _timetables(document: object) -> dict[str, dict[str, tuple[Stretch, ...]]]:
    tables = document.get("timetables") if isinstance(document, dict) else None
    if not isinstance(tables, dict) or not tables:
        raise CatalogueError("timetables", "must be a mapping with at least one entry")
    return {name: _timetable(f"timetables.{name}", table) for name, table in tables.items()}


def _timetable(entry: str, table: object) -> dict[str, tuple[Stretch, ...]]:
    if not isinstance(table, dict) or not table:
        raise CatalogueError(entry, "must name at least one open weekday")
    result: dict[str, tuple[Stretch, ...]] = {}
    for weekday, pairs in table.items():
        if weekday not in WEEKDAYS:
            raise CatalogueError(entry, f"{weekday!r} is none of {', '.join(WEEKDAYS)}")
        try:
            stretches = tuple(Stretch(time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in pairs)
        except (TypeError, ValueError) as error:
            raise CatalogueError(entry, f"{weekday}: {error}") from None
        disordered = any(earlier.closes > later.opens for earlier, later in pairwise(stretches))
        if disordered or any(stretch.opens >= stretch.closes for stretch in stretches):
            raise CatalogueError(entry, f"{weekday}: stretches must be in order and must not overlap")
        result[weekday] = stretches
    return result
