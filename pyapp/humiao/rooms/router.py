"""Routes of waiting rooms: everybody looks, residents join and wait, the city opens and runs."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Request, Response

from humiao.auth.dependencies import city_administrator, current_resident, current_resident_fast, current_staff
from humiao.auth.tokens import Resident, Staff
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PathId
from humiao.kit.web import idempotency_key, not_stored
from humiao.rooms.desk import RoomsDesk
from humiao.rooms.schemas import (
    DeskJoin,
    DeskPlace,
    JoinAnswer,
    JoinRequest,
    LeaveAnswer,
    PlaceAnswer,
    Room,
    RoomChange,
    RoomInput,
    SessionRoom,
    StaffRoom,
    StaffRooms,
)
from humiao.rooms.service import RoomsService


class EventStream(Response):
    """Server-sent events (WHATWG HTML, 9.2)."""

    media_type = "text/event-stream"


router = APIRouter(prefix="/api/v1", tags=["rooms"], dependencies=[Depends(not_stored)])


def service(request: Request) -> RoomsService:
    """The service wired in main.py."""
    found: RoomsService = request.app.state.services.rooms
    return found


def desk_service(request: Request) -> RoomsDesk:
    """The service of the desk wired in main.py."""
    found: RoomsDesk = request.app.state.services.rooms_desk
    return found


Rooms = Annotated[RoomsService, Depends(service)]
Me = Annotated[Resident, Depends(current_resident)]
MeFast = Annotated[Resident, Depends(current_resident_fast)]
Desk = Annotated[RoomsDesk, Depends(desk_service)]
Clinic = Annotated[Staff, Depends(current_staff)]
City = Annotated[Staff, Depends(city_administrator)]
Key = Annotated[str, Depends(idempotency_key)]
Ticket = Annotated[str | None, Header(alias="Room-Ticket", description="排队凭证，加入排队大厅时签发")]
STREAM_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
REFUSED = problems(400, 401, 403, 404, 409, 422, 503)


@router.get("/public/rooms/{room_id}", response_model=Room, responses=problems(404))
async def show(room_id: PathId, rooms: Rooms) -> Any:
    """排队大厅: what everybody may know of it; the draw's secret once it has been held."""
    return unwrap(await rooms.show(room_id))


@router.get("/public/rooms/{room_id}/draw/{part}", response_class=Response, responses=problems(404))
async def draw_file(room_id: PathId, part: Literal["announcement", "result"], rooms: Rooms) -> Response:
    """排队大厅摇号公布的文件: as docs/draw.md says, for anyone to check."""
    content = unwrap(await rooms.draw_file(room_id, part))
    return Response(content, media_type="application/jsonl", headers={"Cache-Control": "public, max-age=60"})


@router.get("/public/sessions/{session_id}/room", response_model=SessionRoom, responses=problems(404))
async def of_session(session_id: PathId, rooms: Rooms) -> Any:
    """场次的排队大厅: the room that bookings of a session go through, if any."""
    return await rooms.of_session(session_id)


@router.post(
    "/resident/rooms/{room_id}/entries", status_code=201, response_model=JoinAnswer, responses=problems(401, 404, 409)
)
async def join(room_id: PathId, body: JoinRequest, me: MeFast, rooms: Rooms) -> Any:
    """加入排队: a place for a person; who asks again is told of the same place, so no key is needed.

    The account is asked for where the place is given, in a batch with others.
    """
    return unwrap(await rooms.join(me, room_id, body.person_id))


@router.get("/resident/rooms/{room_id}/place", response_model=PlaceAnswer, responses=problems(401, 403, 404, 409, 503))
async def place(room_id: PathId, me: MeFast, rooms: Rooms, room_ticket: Ticket = None) -> Any:
    """排队位次: place, people ahead, minutes, when to ask again; answered by the gate from memory."""
    return unwrap(await rooms.place(me, room_id, room_ticket))


@router.get(
    "/resident/rooms/{room_id}/place/events",
    response_class=EventStream,
    response_description="Server-sent events: `data` is a PlaceAnswer, `id` its version.",
    responses=problems(401, 403, 404, 409, 503),
)
async def place_events(
    room_id: PathId,
    me: MeFast,
    rooms: Rooms,
    room_ticket: Ticket = None,
    _: Annotated[str | None, Header(alias="Last-Event-ID", description="the id of the last event heard")] = None,
) -> Response:
    """排队位次推送: the place as it changes, told by the gate; where it cannot, one event and when to come back."""
    text = unwrap(await rooms.place_event(me, room_id, room_ticket))
    return EventStream(text, headers=STREAM_HEADERS)


@router.post("/resident/rooms/{room_id}/leave", response_model=LeaveAnswer, responses=problems(401, 403, 404))
async def leave(room_id: PathId, me: Me, rooms: Rooms, room_ticket: Ticket = None) -> Any:
    """放弃排队: the place goes to those behind; a ticket ends once, so no key is needed."""
    return unwrap(await rooms.leave(me, room_id, room_ticket))


@router.post("/clinic/rooms/{room_id}/entries", status_code=201, response_model=DeskPlace, responses=REFUSED)
async def join_by_desk(room_id: PathId, body: DeskJoin, me: Clinic, key: Key, desk: Desk) -> Any:
    """代办排队: a place for a person at the desk or on the phone, and where it is; theirs, on every device."""
    return unwrap(await desk.join(me, room_id, body, key))


@router.get("/admin/rooms", response_model=StaffRooms, responses=problems(401, 403))
async def list_rooms(_: City, rooms: Rooms) -> Any:
    """排队大厅一览: those that are not closed, or were within a day."""
    return await rooms.list()


@router.post("/admin/rooms", status_code=201, response_model=StaffRoom, responses=REFUSED)
async def open_room(body: RoomInput, me: City, key: Key, rooms: Rooms) -> Any:
    """开设排队大厅: over clinic sessions or the whole service; publishes the commitment to its draw."""
    return unwrap(await rooms.open(me, body, key))


@router.patch("/admin/rooms/{room_id}", response_model=StaffRoom, responses=REFUSED)
async def change_room(room_id: PathId, body: RoomChange, me: City, key: Key, rooms: Rooms) -> Any:
    """调整排队大厅: rate, pause, switch on or off, close."""
    return unwrap(await rooms.change(me, room_id, body, key))
