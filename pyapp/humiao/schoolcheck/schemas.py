"""Shapes of school checks."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, InputDate, PlainText, StrictModel
from humiao.residents.documents import DocumentType, Sex
from humiao.schoolcheck.verdict import Stage

CHILDREN_MAX = 200  # of a request; a longer list comes in parts, or by `humiao school check`
DistrictCode = Annotated[PlainText, Field(pattern=r"^[0-9]{6}$")]


SchoolName = Annotated[PlainText, Field(min_length=2, max_length=60)]
ResultCode = Literal["PASSED", "CATCH_UP_COMPLETED", "EXEMPT", "NEEDS_CATCH_UP", "NO_RECORD", "NAME_DIFFERS"]

# As CHECKED of the verdict, which a test holds to the programme.
CheckedSeries = Literal["HepB", "BCG", "PV", "DTP", "MCV", "JE", "MenA", "MenAC", "HepA", "VAR"]


class SchoolInput(StrictModel):
    """A school, by district and name."""

    district_code: DistrictCode
    name: SchoolName


class ChildInput(StrictModel):
    """A child of the list."""

    name: Annotated[PlainText, Field(min_length=1, max_length=40)]
    sex: Sex
    birth_date: InputDate
    document_type: DocumentType
    document_number: Annotated[PlainText, Field(min_length=1, max_length=40)]
    class_name: Annotated[PlainText, Field(min_length=1, max_length=40)]


class CheckInput(StrictModel):
    """A class list to check on a day (null: today); all of it or, where `accept_good`, the good rows."""

    school: SchoolInput
    stage: Stage
    on: InputDate | None = None
    accept_good: bool = False
    children: Annotated[list[ChildInput], Field(min_length=1, max_length=CHILDREN_MAX)]


class MissingAnswer(Answer):
    """A dose that is asked and not there, and the day of the plan."""

    series: str
    series_name: str
    number: int
    planned_on: date
    overdue: bool
    rule: str


class ChildAnswer(Answer):
    """The verdict for one row of the list. Rows count from 1."""

    row: int
    class_name: str
    name_masked: str
    result: str
    result_label: str
    missing: list[MissingAnswer]
    recheck_by: date | None
    explained: str


class RowFault(Answer):
    """A row that was not checked, and why."""

    row: int
    column: str | None = None
    code: str
    message: str


class CheckAnswer(Answer):
    """A check as it was made and kept."""

    check_id: UUID
    checked_on: date
    edition: str = Field(description="of the programme that decided")
    children: list[ChildAnswer]
    errors: list[RowFault]


class ListAnswer(Answer):
    """A class list as it was read. Rows count as Excel does; nothing is kept where `check_id` is null."""

    rows: int = Field(description="rows with something in them")
    good: int
    bad_rows: list[int] = Field(description="every row with a mistake, each once")
    errors: list[RowFault] = Field(description="what is wrong with them, at most a thousand")
    check_id: UUID | None = Field(description="of the check that was made of the good rows")


class Counts(Answer):
    """How many children have which result."""

    children: int
    passed: int
    catch_up_completed: int
    exempt: int
    needs_catch_up: int
    no_record: int
    name_differs: int
    recheck_late: int = Field(description="of those to catch up: the day of the re-check is past")


class SchoolCounts(Counts):
    """Of one school and stage."""

    school_id: int
    name: str
    district_code: str
    district_name: str
    stage: Stage
    stage_label: str


class DistrictCounts(Counts):
    """Of one district, all stages asked for."""

    district_code: str
    district_name: str


class StatisticsAnswer(Answer):
    """By school and by district, from each child's newest check in the span."""

    since: date
    until: date
    schools: list[SchoolCounts]
    districts: list[DistrictCounts]


class CheckRow(Counts):
    """A check that was kept. Counts and `recheck_by` go by each child's newest version."""

    check_id: UUID
    school: str
    district_code: str
    district_name: str
    stage: Stage
    stage_label: str
    checked_on: date
    made_at: CityTime
    edition: str
    bad_rows: list[int] = Field(description="rows of the list that were left out")
    recheck_by: date | None = Field(description="the first day by which a child must be checked again")


class ChecksAnswer(Answer):
    """Checks of a span, the newest first, at most two hundred."""

    items: list[CheckRow]


class ExemptionInput(StrictModel):
    """A medical reason, documented, why a series of a child is put off (`until`) or not given (no `until`)."""

    series: CheckedSeries
    until: InputDate | None = Field(None, description="put off until this day; null: contraindicated")
    grounds: Annotated[PlainText, Field(min_length=4, max_length=200)] = Field(
        description="which document says so: hospital, day; no school is told"
    )


class ExemptionMade(Answer):
    """The exemption as it was recorded."""

    exemption_id: UUID


class ExemptionAnswer(Answer):
    """An exemption that holds today. The grounds are not told."""

    exemption_id: UUID
    series: str
    series_name: str
    until: date | None


class ListedChild(Answer):
    """A child of a check, by its newest version."""

    nth: int
    row: int | None = Field(description="of the list, as Excel counts; null: of a check from before rows were kept")
    class_name: str
    name_masked: str
    document_masked: str
    result: str
    result_label: str
    missing: list[MissingAnswer]
    explained: str
    recheck_by: date | None
    exemptions: list[ExemptionAnswer]
    version: int = Field(description="1: the check itself; more: checked again")
    checked_on: date
    edition: str


class ChildrenAnswer(Answer):
    """Children of a check in the order of the list; `next_after` asks for those behind."""

    check: CheckRow
    items: list[ListedChild]
    next_after: int | None


class RecheckAnswer(Answer):
    """Who was checked again, and what became of them."""

    looked_at: int
    changed: int
    check: CheckRow
