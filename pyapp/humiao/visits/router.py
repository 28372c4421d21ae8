"""The desk's routes about visits (staff of the clinic, its district or the city)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from humiao.auth.dependencies import current_staff
from humiao.auth.tokens import Staff
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PathId
from humiao.kit.web import idempotency_key, not_stored
from humiao.visits.booking import DeskBookings
from humiao.visits.schemas import DeskBooking, OutcomeInput, VisitAnswer, VisitsAnswer
from humiao.visits.service import VisitsService

router = APIRouter(prefix="/api/v1/clinic", tags=["visits"], dependencies=[Depends(not_stored)])


def service(request: Request) -> VisitsService:
    """The service wired in main.py."""
    found: VisitsService = request.app.state.services.visits
    return found


def bookings(request: Request) -> DeskBookings:
    """The service wired in main.py."""
    found: DeskBookings = request.app.state.services.desk_bookings
    return found


Service = Annotated[VisitsService, Depends(service)]
Bookings = Annotated[DeskBookings, Depends(bookings)]
Me = Annotated[Staff, Depends(current_staff)]
Key = Annotated[str, Depends(idempotency_key)]
REFUSED = problems(400, 401, 403, 404, 409, 422, 503)


@router.get("/windows/{window_id}/reservations", response_model=VisitsAnswer, responses=problems(401, 404))
async def list_window(window_id: Annotated[PathId, Path()], me: Me, visits: Service) -> Any:
    """时段预约名单: who is expected in a window, who came, and with which outcome; names masked."""
    return unwrap(await visits.list_window(me, window_id))


@router.post("/reservations", status_code=201, response_model=VisitAnswer, responses=REFUSED)
async def book(body: DeskBooking, me: Me, key: Key, desk: Bookings, visits: Service) -> Any:
    """代预约: book for somebody at the desk or on the telephone, who is named by their document."""
    made = unwrap(await desk.book(me, body, key))
    return await visits.show(UUID(made["reservation_id"]))


@router.post("/reservations/{reservation_id}/check-in", response_model=VisitAnswer, responses=REFUSED)
async def check_in(reservation_id: UUID, me: Me, key: Key, visits: Service) -> Any:
    """签到: from an hour before the window to the end of the clinic's day; again, it changes nothing."""
    return unwrap(await visits.check_in(me, reservation_id, key))


@router.post("/reservations/{reservation_id}/outcome", response_model=VisitAnswer, responses=REFUSED)
async def end_visit(reservation_id: UUID, body: OutcomeInput, me: Me, key: Key, visits: Service) -> Any:
    """登记结果: the dose was given, or not, with the reason; once."""
    return unwrap(await visits.end(me, reservation_id, body, key))
