"""Shapes of drafts of the programme, as the city's back office sees and sends them."""

import unicodedata
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from humiao.immunizations.models import Status
from humiao.kit.shapes import Answer, CityTime, PlainText, StrictModel

State = Literal["writing", "submitted", "published", "withdrawn"]


def _document(text: Any) -> Any:
    """YAML: lines and tabs are text, other control characters and bidirectional overrides are not."""
    if isinstance(text, str) and any(
        unicodedata.category(c) in ("Cc", "Cs", "Cf", "Co") and c not in "\n\r\t" for c in text
    ):
        raise ValueError("不能包含控制字符")
    return text


Document = Annotated[str, BeforeValidator(_document), Field(min_length=1, max_length=400_000)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the text as it was read")]


class DraftInput(StrictModel):
    """A whole edition to be."""

    document: Document = Field(description="YAML; `edition` is a new id, `effective_from` tomorrow or later")
    title: PlainText = Field(min_length=1, max_length=100, description="what changes, in a line")
    reason: PlainText = Field(min_length=1, max_length=500, description="the order or notice it follows")


class SubmitInput(StrictModel):
    """Submit the text with this digest."""

    digest: Digest


class ReviewInput(StrictModel):
    """What the reviewer says of the text with this digest."""

    digest: Digest
    verdict: Literal["publish", "send_back"]
    note: PlainText = Field(min_length=1, max_length=500)


class DraftRow(Answer):
    """A draft without its text."""

    draft_id: int
    based_on: str
    state: State
    digest: str
    title: str
    reason: str
    written_by: str
    reviewed_by: str | None
    review_note: str | None
    edition_id: str | None = Field(description="of the edition it became")
    created_at: CityTime
    changed_at: CityTime


class DraftsAnswer(Answer):
    """Drafts, the last changed first."""

    items: list[DraftRow]


class EditionRow(Answer):
    """A published edition."""

    edition_id: str
    effective_from: date
    digest: str
    in_force: bool


class EditionsAnswer(Answer):
    """Every published edition, the first first."""

    items: list[EditionRow]


class NewestEdition(Answer):
    """The edition that begins last: what a new draft is written from."""

    edition_id: str
    effective_from: date
    digest: str
    document: str


class ChangeRow(Answer):
    """A place that differs; null: not there before, or gone."""

    path: str
    before: str | None
    after: str | None
    line: int = Field(description="in the draft; of what is gone, in the edition it is based on")


class DraftAnswer(DraftRow):
    """A draft with its text and what it changes."""

    document: str
    outdated: bool = Field(description="another edition was published since it was based on one")
    changes: list[ChangeRow]


class ToldRow(Answer):
    """What a person is told of a series."""

    status: Status
    next_dose: int | None
    earliest: date | None
    overdue: date | None


class MovedRow(Answer):
    """One series under both rules; null: the edition does not have it."""

    series: str
    before: ToldRow | None
    after: ToldRow | None


class TypicalRow(Answer):
    """A typical child who would be told something else."""

    birth_date: date
    sex: Literal["F", "M"]
    history: Literal["none", "on_time"]
    moved: list[MovedRow]


class CountRow(Answer):
    """How many of the people looked at move from one status to another in a series."""

    series: str
    before: str
    after: str
    people: int


class PreviewAnswer(Answer):
    """What the draft would change for whom, on its first day."""

    on: date
    typical: list[TypicalRow]
    people: int = Field(description="children on record who were looked at")
    changed: int = Field(description="of these, who would be told something else")
    counts: list[CountRow]


class CityCount(Answer):
    """A count over all children on record, as far as it came. `why` is a problem code where it failed."""

    state: Literal["waiting", "running", "done", "cancelled", "failed"]
    why: str | None
    of_this_text: bool = Field(description="false: the draft was written anew since")
    total: int = Field(description="children on record when it began; 0 while it waits")
    people: int
    unread: int = Field(description="of these, with a record that no edition knows")
    changed: int
    counts: list[CountRow]
    asked_at: CityTime
    changed_at: CityTime


class CityCountAnswer(Answer):
    """The newest count of a draft; null where none was asked for."""

    count: CityCount | None
