"""HTTP of immunization records: residents read their people's, staff write."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from humiao.auth.dependencies import current_resident, current_staff
from humiao.auth.tokens import Resident, Staff
from humiao.errors import unwrap
from humiao.immunizations.desk import RecordsDesk
from humiao.immunizations.own import OwnRecordsService
from humiao.immunizations.schemas import (
    CorrectionInput,
    ImportAnswer,
    ImportInput,
    RecommendationsAnswer,
    RecordsAnswer,
    VersionsAnswer,
)
from humiao.kit.problem_schema import problems
from humiao.kit.web import idempotency_key

router = APIRouter(prefix="/api/v1/resident/people/{person_id}", tags=["immunizations"])
desk = APIRouter(prefix="/api/v1/clinic/immunizations", tags=["immunizations"])


def own_records(request: Request) -> OwnRecordsService:
    """The service wired in main.py."""
    found: OwnRecordsService = request.app.state.services.own_records
    return found


def records_desk(request: Request) -> RecordsDesk:
    """The service wired in main.py."""
    found: RecordsDesk = request.app.state.services.records_desk
    return found


Caller = Annotated[Resident, Depends(current_resident)]
Own = Annotated[OwnRecordsService, Depends(own_records)]
Me = Annotated[Staff, Depends(current_staff)]
Desk = Annotated[RecordsDesk, Depends(records_desk)]
Key = Annotated[str, Depends(idempotency_key)]


@router.get("/immunizations", summary="接种记录", responses=problems(404))
async def list_records(person_id: UUID, caller: Caller, own: Own) -> RecordsAnswer:
    """Every dose on record of a person the account acts for, with what it counts for and why."""
    return unwrap(await own.records(caller, person_id))


@router.get("/recommendations", summary="推荐接种", responses=problems(404))
async def list_recommendations(person_id: UUID, caller: Caller, own: Own) -> RecommendationsAnswer:
    """What is due for a person the account acts for: by series and by day, with the rule of every conclusion."""
    return unwrap(await own.recommendations(caller, person_id))


@desk.post("/imports", summary="补录与导入接种记录", responses=problems(404))
async def import_doses(body: ImportInput, me: Me, key: Key, records: Desk) -> ImportAnswer:
    """Take doses in. Those of a day and series on record are duplicates: told, and written nowhere."""
    return unwrap(await records.import_doses(me, body, key))


@desk.get("/{record_id}", summary="接种记录的各个版本", responses=problems(404))
async def show_versions(record_id: UUID, me: Me, records: Desk) -> VersionsAnswer:
    """A record with every version it had, the first first."""
    return unwrap(await records.versions(me, record_id))


@desk.post("/{record_id}/corrections", summary="更正接种记录", responses=problems(404, 409))
async def correct(record_id: UUID, body: CorrectionInput, me: Me, key: Key, records: Desk) -> VersionsAnswer:
    """Write the next version of a record; the one before stays."""
    return unwrap(await records.correct(me, record_id, body, key))
