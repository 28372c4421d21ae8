"""Shapes of waiting rooms."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, DatabaseId, InputTime, PlainText, StrictModel, Whole
from humiao.residents.documents import DocumentType
from humiao.residents.schemas import PersonName

State = Literal["off", "auto", "on", "closed"]


class RoomInput(StrictModel):
    """A room to open. `state` auto: it switches itself on from `on_above` holds a second, and off when nobody waits."""

    scope: Literal["service", "session", "campaign"]
    title: PlainText = Field(min_length=1, max_length=60)
    session_ids: list[DatabaseId] = Field([], max_length=2000, description="covered; none with scope service")
    state: Literal["off", "auto", "on"] = "on"
    opens_at: InputTime | None = Field(None, description="who joins before is numbered by the draw; null: now")
    rate_per_minute: Whole = Field(ge=0, le=6_000_000, description="people let in")
    on_above: Whole | None = Field(None, ge=1, le=10_000_000)
    admit_ttl_s: Whole = Field(600, ge=10, le=7200, description="how long somebody who is let in may hold a place")


class RoomChange(StrictModel):
    """What is to change, and why; what is left out stays."""

    state: State | None = None
    paused: bool | None = Field(None, strict=True)
    rate_per_minute: Whole | None = Field(None, ge=0, le=6_000_000)
    on_above: Whole | None = Field(None, ge=1, le=10_000_000)
    admit_ttl_s: Whole | None = Field(None, ge=10, le=7200)
    reason: PlainText = Field(min_length=1, max_length=200)


class Room(Answer):
    """A waiting room, as everybody may see it. The draw's secret is published when it has been held."""

    room_id: DatabaseId
    scope: str
    title: str
    state: State
    is_on: bool = Field(description="whether booking needs admission now")
    paused: bool
    opens_at: CityTime
    waiting: int = Field(description="people, as counted within the last second or so")
    commitment: str = Field(description="to the secret of the draw, in hex; see docs/draw.md")
    secret: str | None
    tickets_digest: str | None
    seed: str | None
    drawn_at: CityTime | None


class SessionRoom(Answer):
    """The room that bookings of a clinic session go through; null: none."""

    room: Room | None


class StaffRoom(Room):
    """A waiting room, as the back office sees it."""

    session_ids: list[int]
    rate_per_minute: int
    pace_per_minute: int = Field(description="the rate as it is now: lower while the ledger is slow")
    on_above: int | None
    admit_ttl_s: int
    places: int
    holds_per_s: float
    ledger_ms: int


class StaffRooms(Answer):
    """Rooms, the newest first."""

    items: list[StaffRoom]


class JoinRequest(StrictModel):
    """For whom."""

    person_id: UUID


class JoinAnswer(Answer):
    """排队凭证: send `ticket` in the header Room-Ticket. Who asks again, on whichever device, has the same place."""

    ticket: str = Field(description="signed; opaque to whoever carries it")
    room_id: DatabaseId
    person_id: UUID
    entry: UUID = Field(description="names the entry in the published draw, and nobody")
    expires_at: CityTime = Field(description="of the signature: the place stays, join again for another")


class PlaceAnswer(Answer):
    """Where somebody stands. `at`: early, when places are drawn; admitted, until when places may be held."""

    state: Literal["early", "numbering", "waiting", "admitted"]
    place: int | None
    ahead: int | None = Field(description="people who wait and are present before this one")
    minutes: int | None = Field(description="until it is this one's turn; null: not known, or nobody is let in now")
    next_poll_s: int = Field(description="ask again after so many seconds")
    at: CityTime | None
    version: int = Field(description="rises whenever somebody was let in or left")


class DeskJoin(StrictModel):
    """Who stands at the desk or calls, as their document names them."""

    channel: Literal["desk", "phone"]
    name: PersonName
    document_type: DocumentType
    document_number: Annotated[PlainText, Field(min_length=1, max_length=40)]


class DeskPlace(PlaceAnswer):
    """Where somebody stands, for staff who asked for them."""

    room_id: DatabaseId
    person_id: UUID
    name_masked: str
    is_new: bool = Field(description="false: they had this place already")


class LeaveAnswer(Answer):
    """The place is given up."""

    room_id: DatabaseId
    person_id: UUID
    state: Literal["left"] = "left"
