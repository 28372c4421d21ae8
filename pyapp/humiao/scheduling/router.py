"""The clinic's scheduling routes (staff)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from humiao.auth.dependencies import current_staff
from humiao.auth.tokens import Staff
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PathId
from humiao.kit.web import idempotency_key
from humiao.scheduling.schemas import (
    CapacityInput,
    Channel,
    LimitAnswer,
    QuotaChange,
    ReasonInput,
    SessionAnswer,
    SessionInput,
    VialsInput,
)
from humiao.scheduling.service import SchedulingService

router = APIRouter(prefix="/api/v1/clinic", tags=["scheduling"])


def service(request: Request) -> SchedulingService:
    """The service wired in main.py."""
    found: SchedulingService = request.app.state.services.scheduling
    return found


Service = Annotated[SchedulingService, Depends(service)]
Me = Annotated[Staff, Depends(current_staff)]
Key = Annotated[str, Depends(idempotency_key)]
REFUSED = problems(400, 401, 403, 404, 409, 422, 503)
Id = Annotated[PathId, Path()]


@router.post("/sessions", status_code=201, response_model=SessionAnswer, responses=REFUSED)
async def publish(body: SessionInput, me: Me, key: Key, scheduling: Service) -> Any:
    """发布门诊场次: windows, channel quotas and stock, all or nothing."""
    return unwrap(await scheduling.publish(me, body, key))


@router.get("/sessions/{session_id}", response_model=SessionAnswer, responses=problems(401, 404))
async def show(session_id: Id, me: Me, scheduling: Service) -> Any:
    """One session with its counters."""
    return unwrap(await scheduling.show(me, session_id))


@router.patch("/windows/{window_id}", response_model=LimitAnswer, responses=REFUSED)
async def set_capacity(window_id: Id, body: CapacityInput, me: Me, key: Key, scheduling: Service) -> Any:
    """调整时段容量."""
    return unwrap(await scheduling.set_capacity(me, window_id, body, key))


@router.patch("/windows/{window_id}/quotas/{channel}", response_model=LimitAnswer, responses=REFUSED)
async def set_quota(window_id: Id, channel: Channel, body: QuotaChange, me: Me, key: Key, scheduling: Service) -> Any:
    """调整渠道号源."""
    return unwrap(await scheduling.set_quota(me, window_id, channel, body, key))


@router.patch("/stocks/{stock_id}", response_model=LimitAnswer, responses=REFUSED)
async def set_vials(stock_id: Id, body: VialsInput, me: Me, key: Key, scheduling: Service) -> Any:
    """调整疫苗库存（整瓶）; `limit` and `kept_back` count vials."""
    return unwrap(await scheduling.set_vials(me, stock_id, body, key))


@router.post("/sessions/{session_id}/close", response_model=SessionAnswer, responses=REFUSED)
async def close(session_id: Id, body: ReasonInput, me: Me, key: Key, scheduling: Service) -> Any:
    """停止本场次预约; what is booked stays."""
    return unwrap(await scheduling.close(me, session_id, body.reason, key))
