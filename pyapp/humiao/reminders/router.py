"""HTTP of reminder settings."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from humiao.auth.dependencies import current_resident
from humiao.auth.tokens import Resident
from humiao.errors import unwrap
from humiao.kit.web import idempotency_key
from humiao.reminders.schemas import ReminderChoices, RemindersAnswer
from humiao.reminders.service import RemindersService

router = APIRouter(prefix="/api/v1/resident/reminders", tags=["reminders"])


def reminders_service(request: Request) -> RemindersService:
    """Return the service that the composition root made."""
    service: RemindersService = request.app.state.services.reminders
    return service


Caller = Annotated[Resident, Depends(current_resident)]
Service = Annotated[RemindersService, Depends(reminders_service)]
Key = Annotated[str, Depends(idempotency_key)]


@router.get("", summary="提醒设置")
async def get_reminders(caller: Caller, service: Service) -> RemindersAnswer:
    """Return which reminders the account gets."""
    return await service.read(caller)


@router.put("", summary="修改提醒设置")
async def put_reminders(body: ReminderChoices, caller: Caller, key: Key, service: Service) -> RemindersAnswer:
    """Choose which reminders the account gets; what was planned and is not wanted any more is not sent."""
    return unwrap(await service.choose(caller, body, key))
