"""The resident's booking routes: hold, confirm, release; reservations: list, show, reschedule, cancel."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from humiao.auth.dependencies import current_resident, current_resident_fast
from humiao.auth.tokens import Resident
from humiao.booking.schemas import (
    Availability,
    CampaignWindows,
    CancelRequest,
    ConfirmRequest,
    HoldAnswer,
    HoldRequest,
    HoldState,
    ReleaseAnswer,
    ReleaseRequest,
    RescheduleRequest,
    Reservation,
    ReservationPage,
)
from humiao.booking.service import BookingService
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PathId
from humiao.kit.web import idempotency_key, not_stored


def _as_told_first(answer: Any, status: int = 200) -> Response:
    """An answer as the ledger spelled it, which is how the gate tells it, too."""
    return Response(orjson.dumps(answer), status, {"Cache-Control": "no-store"}, media_type="application/json")


router = APIRouter(prefix="/api/v1/resident", tags=["booking"], dependencies=[Depends(not_stored)])
public = APIRouter(prefix="/api/v1/public", tags=["booking"])


def service(request: Request) -> BookingService:
    """The service wired in main.py."""
    found: BookingService = request.app.state.services.booking
    return found


Service = Annotated[BookingService, Depends(service)]
Me = Annotated[Resident, Depends(current_resident)]
MeFast = Annotated[Resident, Depends(current_resident_fast)]
Key = Annotated[str, Depends(idempotency_key)]
PassHeader = Annotated[str | None, Header(alias="Eligibility-Pass", description="资格凭证，由 /resident/passes 签发")]
TicketHeader = Annotated[str | None, Header(alias="Room-Ticket", description="排队凭证，场次须排队时才需要")]


@router.post(
    "/holds", status_code=201, response_model=HoldAnswer, responses=problems(400, 401, 403, 404, 409, 422, 503)
)
async def hold(
    body: HoldRequest,
    me: MeFast,
    key: Key,
    booking: Service,
    eligibility_pass: PassHeader = None,
    room_ticket: TicketHeader = None,
) -> Any:
    """占号: hold a place for a person; answered only after it is committed."""
    return _as_told_first(unwrap(await booking.hold(me, body, key, eligibility_pass, room_ticket)), 201)


@router.get("/holds/{hold_id}", response_model=Reservation, responses=problems(401, 404))
async def show_hold(hold_id: UUID, me: Me, booking: Service) -> Any:
    """State of a hold and of what became of it."""
    return unwrap(await booking.show(me, hold_id, missing="unknown_hold"))


@router.get("/holds/{hold_id}/status", response_model=HoldState, responses=problems(401, 404, 503))
async def hold_status(hold_id: UUID, me: MeFast, booking: Service) -> Any:
    """占号状态: what became of a hold, for those who wait; answered by the gate in batches."""
    return _as_told_first(unwrap(await booking.hold_state(me, hold_id)))


@public.get("/sessions/{session_id}/availability", response_model=Availability, responses=problems(404))
async def availability(session_id: PathId, booking: Service) -> Response:
    """场次余号: what is free, some tenths of a second old; the gate answers it from memory."""
    text = unwrap(await booking.availability(session_id))
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post(
    "/holds/{hold_id}/confirm", response_model=Reservation, responses=problems(400, 401, 403, 404, 409, 422, 503)
)
async def confirm(hold_id: UUID, body: ConfirmRequest, me: Me, key: Key, booking: Service) -> Any:
    """确认预约: turn a hold into a reservation."""
    return unwrap(await booking.confirm(me, hold_id, body, key))


@router.post(
    "/holds/{hold_id}/release", response_model=ReleaseAnswer, responses=problems(400, 401, 403, 404, 409, 422, 503)
)
async def release(hold_id: UUID, body: ReleaseRequest, me: Me, key: Key, booking: Service) -> Any:
    """放弃占号: give a held place back."""
    return unwrap(await booking.release(me, hold_id, body, key))


@router.get("/reservations", response_model=ReservationPage, responses=problems(401))
async def reservations(
    me: Me,
    booking: Service,
    state: Annotated[str, Query(pattern="^(live|ended)$")] = "live",
    cursor: Annotated[str | None, Query(max_length=128)] = None,
) -> Any:
    """我的预约: live ones (with holds) or ended ones, newest first."""
    return unwrap(await booking.list(me, state=state, cursor=cursor))


@router.get("/reservations/{reservation_id}", response_model=Reservation, responses=problems(401, 404))
async def show(reservation_id: UUID, me: Me, booking: Service) -> Any:
    """One reservation."""
    return unwrap(await booking.show(me, reservation_id, missing="unknown_reservation"))


@router.get(
    "/reservations/{reservation_id}/campaign-windows", response_model=CampaignWindows, responses=problems(401, 404)
)
async def campaign_windows(reservation_id: UUID, me: Me, booking: Service) -> Any:
    """可改的时段: of a reservation won in a campaign, the windows of its own session with room."""
    return await booking.campaign_windows(me, reservation_id)


@router.post(
    "/reservations/{reservation_id}/reschedule",
    response_model=Reservation,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
async def reschedule(
    reservation_id: UUID, body: RescheduleRequest, me: Me, key: Key, booking: Service, room_ticket: TicketHeader = None
) -> Any:
    """改期: the new place is taken and the old one given back in one step, or nothing happens."""
    return unwrap(await booking.reschedule(me, reservation_id, body, key, room_ticket))


@router.post(
    "/reservations/{reservation_id}/cancel",
    response_model=Reservation,
    responses=problems(400, 401, 404, 409, 422, 503),
)
async def cancel(reservation_id: UUID, body: CancelRequest, me: Me, key: Key, booking: Service) -> Any:
    """取消预约: before its window begins."""
    return unwrap(await booking.cancel(me, reservation_id, body, key))
