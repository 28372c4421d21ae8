"""The public vaccine catalogue."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PlainText
from humiao.vaccines.schemas import VaccineList
from humiao.vaccines.service import VaccinesService

router = APIRouter(prefix="/api/v1/public", tags=["vaccines"])


def service(request: Request) -> VaccinesService:
    """The service wired in main.py."""
    found: VaccinesService = request.app.state.services.vaccines
    return found


@router.get("/vaccines", response_model=VaccineList, responses=problems(422))
async def vaccines(
    catalogue: Annotated[VaccinesService, Depends(service)],
    q: Annotated[PlainText | None, Query(max_length=40)] = None,
) -> Any:
    """疫苗目录: search by name, pinyin, initials or code."""
    return await catalogue.list(q)
