"""The resident's routes of waiting: campaigns, entries, offers."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from humiao.auth.dependencies import current_resident
from humiao.auth.tokens import Resident
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PathId
from humiao.kit.web import idempotency_key, not_stored
from humiao.waitlist.answers import OffersService
from humiao.waitlist.campaigns import CampaignsService
from humiao.waitlist.entries import EntriesService
from humiao.waitlist.reports import ReportsService
from humiao.waitlist.schemas import (
    AcceptInput,
    CampaignDetail,
    CampaignsAnswer,
    ClinicsInput,
    EntriesAnswer,
    OfferAnswer,
    PlaceAnswer,
    PublicReport,
    ReceiptAnswer,
    RegisterInput,
    StandbyInput,
)

router = APIRouter(prefix="/api/v1/resident", tags=["waitlist"], dependencies=[Depends(not_stored)])
public = APIRouter(prefix="/api/v1/public", tags=["waitlist"])


def entries_service(request: Request) -> EntriesService:
    """The service wired in main.py."""
    found: EntriesService = request.app.state.services.entries
    return found


def offers_service(request: Request) -> OffersService:
    """The service wired in main.py."""
    found: OffersService = request.app.state.services.offers
    return found


def campaigns_service(request: Request) -> CampaignsService:
    """The service wired in main.py."""
    found: CampaignsService = request.app.state.services.campaigns
    return found


def reports_service(request: Request) -> ReportsService:
    """The service wired in main.py."""
    found: ReportsService = request.app.state.services.reports
    return found


Reports = Annotated[ReportsService, Depends(reports_service)]
Entries = Annotated[EntriesService, Depends(entries_service)]
Offers = Annotated[OffersService, Depends(offers_service)]
Campaigns = Annotated[CampaignsService, Depends(campaigns_service)]
Me = Annotated[Resident, Depends(current_resident)]
Key = Annotated[str, Depends(idempotency_key)]
Id = Annotated[PathId, Path()]
REFUSED = problems(400, 401, 404, 409, 422, 503)


@public.get("/campaigns", response_model=CampaignsAnswer, responses=problems(503))
async def campaigns(entries: Entries) -> Any:
    """紧缺疫苗登记: campaigns, those that take entries first."""
    return await entries.campaigns()


@public.get("/campaigns/{campaign_id}", response_model=CampaignDetail, responses=problems(404))
async def campaign(campaign_id: Id, entries: Entries) -> Any:
    """One campaign with its terms and the clinics to choose from."""
    return unwrap(await entries.campaign(campaign_id))


@public.get("/campaigns/{campaign_id}/report", response_model=PublicReport, responses=problems(404, 503))
async def public_report(campaign_id: Id, reports: Reports, response: Response) -> Any:
    """投放公报: places, people, who waits, shares by channel, some seconds old; small numbers are not told."""
    response.headers["Cache-Control"] = "public, max-age=20"
    return unwrap(await reports.public(campaign_id))


@public.get("/campaigns/{campaign_id}/draw/{part}", response_class=Response, responses=problems(404))
async def draw_file(
    campaign_id: Id, part: Literal["announcement", "tickets", "result"], campaigns: Campaigns
) -> Response:
    """摇号公布的文件: as docs/draw.md says, for anyone to check."""
    content = unwrap(await campaigns.draw_file(campaign_id, part))
    return Response(content, media_type="application/jsonl", headers={"Cache-Control": "public, max-age=60"})


@router.post("/campaigns/{campaign_id}/entries", status_code=201, response_model=PlaceAnswer, responses=REFUSED)
async def register(campaign_id: Id, body: RegisterInput, me: Me, key: Key, entries: Entries) -> Any:
    """登记: put one of one's people in the line, once however often it is sent."""
    return unwrap(await entries.register(me, campaign_id, body, key))


@router.get("/entries", response_model=EntriesAnswer, responses=problems(401))
async def mine(me: Me, entries: Entries) -> Any:
    """我的排队: entries of one's people, live ones first."""
    return await entries.mine(me)


@router.get("/entries/{entry_id}", response_model=PlaceAnswer, responses=problems(401, 404))
async def place(entry_id: Id, me: Me, entries: Entries) -> Any:
    """我的位置: the place, how it came about, what changes it, and how far doses may reach."""
    return unwrap(await entries.place(me, entry_id))


@router.patch("/entries/{entry_id}", response_model=PlaceAnswer, responses=REFUSED)
async def change_clinics(entry_id: Id, body: ClinicsInput, me: Me, key: Key, entries: Entries) -> Any:
    """改意向门诊: the place stays."""
    return unwrap(await entries.change_clinics(me, entry_id, body, key))


@router.put("/entries/{entry_id}/standby", response_model=PlaceAnswer, responses=REFUSED)
async def set_standby(entry_id: Id, body: StandbyInput, me: Me, key: Key, entries: Entries) -> Any:
    """余苗候补: be asked for doses left at the day's end, from a district; an offer that lapses costs no place."""
    return unwrap(await entries.set_standby(me, entry_id, body, key))


@router.post("/entries/{entry_id}/withdraw", response_model=PlaceAnswer, responses=REFUSED)
async def withdraw(entry_id: Id, me: Me, key: Key, entries: Entries) -> Any:
    """退出排队: leaves its own place and nobody else's; an open offer goes to the next."""
    return unwrap(await entries.withdraw(me, entry_id, key))


@router.get("/entries/{entry_id}/receipt", response_model=ReceiptAnswer, responses=problems(401, 404))
async def receipt(entry_id: Id, me: Me, entries: Entries) -> Any:
    """摇号回执: the city's signature that the ticket takes part."""
    return unwrap(await entries.receipt(me, entry_id))


@router.get("/offers/{offer_id}", response_model=OfferAnswer, responses=problems(401, 404))
async def offer(offer_id: UUID, me: Me, offers: Offers) -> Any:
    """名额: the dose that is kept, until when, and the windows to choose from."""
    return unwrap(await offers.show(me, offer_id))


@router.post("/offers/{offer_id}/accept", response_model=OfferAnswer, responses=REFUSED)
async def accept(offer_id: UUID, body: AcceptInput, me: Me, key: Key, offers: Offers) -> Any:
    """接受名额: becomes a reservation in the chosen window."""
    return unwrap(await offers.accept(me, offer_id, body.window_id, key))


@router.post("/offers/{offer_id}/decline", response_model=OfferAnswer, responses=REFUSED)
async def decline(offer_id: UUID, me: Me, key: Key, offers: Offers) -> Any:
    """放弃名额: the dose goes to the next in line."""
    return unwrap(await offers.decline(me, offer_id, key))
