"""The immunization programme in the back office: editions, drafts, review by a second person (city administrators)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from humiao.auth.dependencies import city_administrator
from humiao.auth.tokens import Staff
from humiao.errors import unwrap
from humiao.immunizations.city_count import CityCounts
from humiao.immunizations.draft_schemas import (
    CityCountAnswer,
    DraftAnswer,
    DraftInput,
    DraftsAnswer,
    EditionsAnswer,
    NewestEdition,
    PreviewAnswer,
    ReviewInput,
    SubmitInput,
)
from humiao.immunizations.drafts import DraftsService
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PathId
from humiao.kit.web import idempotency_key

router = APIRouter(prefix="/api/v1/admin/programme", tags=["backoffice"])


def service(request: Request) -> DraftsService:
    """The service wired in main.py."""
    found: DraftsService = request.app.state.services.drafts
    return found


def city_counts(request: Request) -> CityCounts:
    """The service wired in main.py."""
    found: CityCounts = request.app.state.services.city_counts
    return found


Counts = Annotated[CityCounts, Depends(city_counts)]
Drafts = Annotated[DraftsService, Depends(service)]
Me = Annotated[Staff, Depends(city_administrator)]
Key = Annotated[str, Depends(idempotency_key)]
Id = Annotated[PathId, Path()]
REFUSED = problems(400, 401, 403, 404, 409, 422)


@router.get("/editions", response_model=EditionsAnswer, responses=problems(401, 403))
async def editions(me: Me, drafts: Drafts) -> Any:
    """已发布的免疫程序版本."""
    return await drafts.editions()


@router.get("/newest", response_model=NewestEdition, responses=problems(401, 403))
async def newest(me: Me, drafts: Drafts) -> Any:
    """最新版本的全文: what a new draft is written from."""
    return await drafts.newest()


@router.get("/drafts", response_model=DraftsAnswer, responses=problems(401, 403))
async def list_drafts(me: Me, drafts: Drafts) -> Any:
    """免疫程序草案."""
    return await drafts.list()


@router.post("/drafts", status_code=201, response_model=DraftAnswer, responses=problems(400, 401, 403, 409, 422))
async def write(body: DraftInput, me: Me, key: Key, drafts: Drafts) -> Any:
    """起草: a whole edition to be, based on the newest one."""
    return unwrap(await drafts.write(me, body, key))


@router.get("/drafts/{draft_id}", response_model=DraftAnswer, responses=problems(401, 403, 404))
async def show(draft_id: Id, me: Me, drafts: Drafts) -> Any:
    """One draft with its text and every place in which it differs."""
    return unwrap(await drafts.show(draft_id))


@router.put("/drafts/{draft_id}", response_model=DraftAnswer, responses=REFUSED)
async def rewrite(draft_id: Id, body: DraftInput, me: Me, key: Key, drafts: Drafts) -> Any:
    """修改自己的草案; it is based on the newest edition from then on."""
    return unwrap(await drafts.rewrite(me, draft_id, body, key))


@router.get("/drafts/{draft_id}/preview", response_model=PreviewAnswer, responses=problems(401, 403, 404, 422))
async def preview(draft_id: Id, me: Me, drafts: Drafts) -> Any:
    """影响预览: typical children who would be told something else, and how many of those on record."""
    return unwrap(await drafts.preview(draft_id))


@router.get("/drafts/{draft_id}/count", response_model=CityCountAnswer, responses=problems(401, 403, 404))
async def show_count(draft_id: Id, me: Me, counts: Counts) -> Any:
    """全市影响统计: how far the newest count over all children on record came."""
    return unwrap(await counts.show(draft_id))


@router.post("/drafts/{draft_id}/count", status_code=202, response_model=CityCountAnswer, responses=REFUSED)
async def ask_count(draft_id: Id, me: Me, key: Key, counts: Counts) -> Any:
    """开始全市影响统计: in the background; one that is under way is the answer."""
    return unwrap(await counts.ask(me, draft_id, key))


@router.post("/drafts/{draft_id}/count/cancel", response_model=CityCountAnswer, responses=REFUSED)
async def cancel_count(draft_id: Id, me: Me, key: Key, counts: Counts) -> Any:
    """停止全市影响统计."""
    return unwrap(await counts.cancel(me, draft_id, key))


@router.post("/drafts/{draft_id}/submit", response_model=DraftAnswer, responses=REFUSED)
async def submit(draft_id: Id, body: SubmitInput, me: Me, key: Key, drafts: Drafts) -> Any:
    """提交审核; from then on the text stands still."""
    return unwrap(await drafts.submit(me, draft_id, body.digest, key))


@router.post("/drafts/{draft_id}/withdraw", response_model=DraftAnswer, responses=REFUSED)
async def withdraw(draft_id: Id, me: Me, key: Key, drafts: Drafts) -> Any:
    """撤回自己的草案."""
    return unwrap(await drafts.withdraw(me, draft_id, key))


@router.post("/drafts/{draft_id}/review", response_model=DraftAnswer, responses=REFUSED)
async def review(draft_id: Id, body: ReviewInput, me: Me, key: Key, drafts: Drafts) -> Any:
    """审核他人的草案: publish it, in force from 00:00 of its day, or send it back."""
    return unwrap(await drafts.review(me, draft_id, body, key))
