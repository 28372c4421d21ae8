"""HTTP of the people an account acts for."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from humiao.auth.dependencies import current_resident
from humiao.auth.tokens import Resident
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.web import idempotency_key
from humiao.residents.schemas import DistrictsInput, MeAnswer, NewPerson, PeopleAnswer, PersonAnswer
from humiao.residents.service import ResidentsService

router = APIRouter(prefix="/api/v1/resident", tags=["residents"])


def residents_service(request: Request) -> ResidentsService:
    """Return the service that the composition root made."""
    service: ResidentsService = request.app.state.services.residents
    return service


Caller = Annotated[Resident, Depends(current_resident)]
Service = Annotated[ResidentsService, Depends(residents_service)]
Key = Annotated[str, Depends(idempotency_key)]


@router.get("/me", summary="当前账户")
async def me(caller: Caller, service: Service) -> MeAnswer:
    """Return the account that is logged in."""
    return unwrap(await service.me(caller))


@router.get("/people", summary="家庭成员列表")
async def list_people(caller: Caller, service: Service) -> PeopleAnswer:
    """Return everybody the account acts for."""
    return await service.list_people(caller)


@router.post("/people", status_code=201, summary="添加家庭成员", responses=problems(409))
async def add_person(body: NewPerson, caller: Caller, key: Key, service: Service) -> PersonAnswer:
    """Bind a person to the account, which acts for as many as the limits allow."""
    return unwrap(await service.add_person(caller, body, key))


@router.get("/people/{person_id}", summary="家庭成员", responses=problems(404))
async def get_person(person_id: UUID, caller: Caller, service: Service) -> PersonAnswer:
    """Return one person the account acts for."""
    return unwrap(await service.get_person(caller, person_id))


@router.put("/people/{person_id}/districts", summary="居住区与工作区", responses=problems(400, 404, 422))
async def set_districts(
    person_id: UUID, body: DistrictsInput, caller: Caller, key: Key, service: Service
) -> PersonAnswer:
    """Declare where a person lives and works; rules by district go by it, and the clinic may ask for proof."""
    return unwrap(await service.set_districts(caller, person_id, body, key))


@router.delete("/people/{person_id}", status_code=204, summary="解除绑定", responses=problems(400, 404, 409))
async def unbind_person(person_id: UUID, caller: Caller, key: Key, service: Service) -> None:
    """Stop acting for a person; refused while a hold or reservation is live."""
    unwrap(await service.unbind_person(caller, person_id, key))
