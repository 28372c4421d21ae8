"""The desk's routes about visits (staff of the clinic, its district or the city)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from humiao.auth.dependencies import current_staff
from humiao.auth.tokens import Staff
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.web import idempotency_key, not_stored
from humiao.visits.schemas import OutcomeInput, VisitAnswer
from humiao.visits.service import VisitsService

router = APIRouter(prefix="/api/v1/clinic/reservations", tags=["visits"], dependencies=[Depends(not_stored)])


def service(request: Request) -> VisitsService:
    """The service wired in main.py."""
    found: VisitsService = request.app.state.services.visits
    return found


Service = Annotated[VisitsService, Depends(service)]
Me = Annotated[Staff, Depends(current_staff)]
Key = Annotated[str, Depends(idempotency_key)]
REFUSED = problems(400, 401, 403, 404, 409, 422, 503)


@router.post("/{reservation_id}/check-in", response_model=VisitAnswer, responses=REFUSED)
async def check_in(reservation_id: UUID, me: Me, key: Key, visits: Service) -> Any:
    """签到: from an hour before the window to the end of the clinic's day; again, it changes nothing."""
    return unwrap(await visits.check_in(me, reservation_id, key))


@router.post("/{reservation_id}/outcome", response_model=VisitAnswer, responses=REFUSED)
async def end_visit(reservation_id: UUID, body: OutcomeInput, me: Me, key: Key, visits: Service) -> Any:
    """登记结果: the dose was given, or not, with the reason; once."""
    return unwrap(await visits.end(me, reservation_id, body, key))
