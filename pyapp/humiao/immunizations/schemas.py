"""Shapes of immunization records and recommendations."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from humiao.immunizations.doses import TRACING_CODE, Route, Site
from humiao.immunizations.models import Status
from humiao.immunizations.repository import Correction, Source
from humiao.kit.shapes import Answer, CityTime, InputDate, PlainText, StrictModel, Whole
from humiao.residents.documents import DocumentType

ROWS_MAX = 200


def _tracing(text: str) -> str:
    if not TRACING_CODE.fullmatch(text):
        raise ValueError("追溯码应为 20 位数字")
    return text


VaccineCode = Annotated[PlainText, Field(min_length=1, max_length=32)]
Words = Annotated[PlainText, Field(min_length=1, max_length=60)]
Short = Annotated[PlainText, Field(min_length=1, max_length=40)]
TracingCode = Annotated[PlainText, Field(max_length=20), AfterValidator(_tracing)]
DoseNumber = Annotated[Whole, Field(ge=1, le=20)]


# ------------------------------------------------------------------------------------------------------- residents read


class CountedDose(Answer):
    """What a record counts for in one series, and the rule that says so."""

    series: str
    series_name: str
    number: int | None = Field(description="the dose of the series; null: not counted, or more than is asked")
    counts: bool | None = Field(description="null: a doctor decides")
    rule: str
    explained: str


class RecordAnswer(Answer):
    """A dose on record."""

    record_id: UUID
    version: int = Field(description="above 1: it was corrected")
    vaccine_code: str
    vaccine_name: str
    given_on: date
    dose_recorded: int | None = Field(description="as written down when it was given")
    manufacturer: str | None
    lot: str | None
    tracing_code: str | None
    site: str | None = Field(description="in words")
    route: str | None = Field(description="in words")
    place: str | None = Field(description="where it was given")
    source: Source
    source_label: str
    verified: bool
    counted: list[CountedDose]


class RecordsAnswer(Answer):
    """Everything on record of a person, the newest first."""

    person_id: UUID
    items: list[RecordAnswer]


class Explained(Answer):
    """A conclusion in plain words, with the rule that leads to it."""

    rule: str
    text: str


class ProductDay(Answer):
    """A vaccine that would do, and the first day for it."""

    vaccine_code: str
    name: str
    earliest: date


class Recommendation(Answer):
    """推荐接种: what one series asks of a person."""

    series: str
    series_name: str
    kind: str
    status: Status
    status_label: str
    counted: int
    next_dose: int | None
    earliest: date | None
    recommended: date | None
    overdue: date | None = Field(description="the first day on which the dose is late")
    products: list[ProductDay]
    explained: list[Explained]
    ask: list[str] = Field(description="health questions before this dose")


class PlannedDose(Answer):
    """A dose of the calendar."""

    series: str
    series_name: str
    number: int
    status: Status


class PlannedDay(Answer):
    """What may be given on one visit: from that day on."""

    day: date
    doses: list[PlannedDose]


class RecommendationsAnswer(Answer):
    """推荐接种 of a person today: by series, what is late first; and by day."""

    person_id: UUID
    evaluated_on: date
    edition: str = Field(description="of the programme that decided")
    items: list[Recommendation]
    calendar: list[PlannedDay] = Field(description="of the next two years")


# --------------------------------------------------------------------------------------------------------- staff write


class DoseInput(StrictModel):
    """One dose that was given. The person is found by document; the name must agree."""

    name: Annotated[PlainText, Field(min_length=1, max_length=80)]
    document_type: DocumentType
    document_number: Annotated[PlainText, Field(min_length=1, max_length=40)]
    vaccine_code: VaccineCode
    given_on: InputDate
    dose_recorded: DoseNumber | None = None
    lot: Short | None = None
    tracing_code: TracingCode | None = None
    manufacturer: Words | None = None
    site: Site | None = None
    route: Route | None = None
    place: Words | None = None
    vaccinator: Short | None = None


class ImportInput(StrictModel):
    """Doses to take in, for a clinic; all good rows or, where `accept_good`, those that are."""

    clinic_id: Annotated[Whole, Field(ge=1, le=2**31 - 1)]
    source: Source
    accept_good: bool = False
    doses: Annotated[list[DoseInput], Field(min_length=1, max_length=ROWS_MAX)]


class RowTold(Answer):
    """A row that was not written, and why. Rows count from 1."""

    row: int
    code: str
    message: str
    record_id: UUID | None = None


class RowRecorded(Answer):
    """A row that was written."""

    row: int
    record_id: UUID


class ImportAnswer(Answer):
    """What became of the rows."""

    import_id: UUID | None = Field(description="null: nothing was written, for all is on record already")
    recorded: list[RowRecorded]
    duplicates: list[RowTold]
    errors: list[RowTold]


class CorrectionInput(StrictModel):
    """The next version of a record. What is left out stays; `void` takes the record away."""

    version: Annotated[Whole, Field(ge=1, le=1000, description="the version that is corrected")]
    reason: Correction
    void: bool = False
    vaccine_code: VaccineCode | None = None
    given_on: InputDate | None = None
    dose_recorded: DoseNumber | None = None
    lot: Short | None = None
    tracing_code: TracingCode | None = None
    manufacturer: Words | None = None
    site: Site | None = None
    route: Route | None = None
    place: Words | None = None
    vaccinator: Short | None = None
    verified: bool | None = None
    override: Literal["valid", "invalid"] | None = Field(
        None, description="a clinician's decision against the rules; needs the reason clinical_decision"
    )
    note: Annotated[PlainText, Field(min_length=1, max_length=200)] | None = None


class VersionAnswer(Answer):
    """One version of a record."""

    version: int
    vaccine_code: str
    given_on: date
    lot: str | None
    source: Source
    verified: bool
    void: bool
    reason: Correction | None
    recorded_by: str
    recorded_from: str
    recorded_at: CityTime


class VersionsAnswer(Answer):
    """A record with every version it had."""

    record_id: UUID
    versions: list[VersionAnswer]
