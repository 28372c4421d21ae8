"""Shapes of school checks."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, InputDate, PlainText, StrictModel
from humiao.residents.documents import DocumentType, Sex
from humiao.schoolcheck.verdict import Stage

CHILDREN_MAX = 200  # of a request; a longer list comes in parts, or by `humiao school check`
DistrictCode = Annotated[PlainText, Field(pattern=r"^[0-9]{6}$")]


class SchoolInput(StrictModel):
    """A school, by district and name."""

    district_code: DistrictCode
    name: Annotated[PlainText, Field(min_length=2, max_length=60)]


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
    code: str
    message: str


class CheckAnswer(Answer):
    """A check as it was made and kept."""

    check_id: UUID
    checked_on: date
    edition: str = Field(description="of the programme that decided")
    children: list[ChildAnswer]
    errors: list[RowFault]


class Counts(Answer):
    """How many children have which result."""

    children: int
    passed: int
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
