"""The staff's routes of campaigns: the city makes and runs them, clinics bring doses."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from humiao.auth.dependencies import city_administrator, current_staff
from humiao.auth.tokens import Staff
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import PathId
from humiao.kit.web import idempotency_key
from humiao.waitlist.leftovers import LeftoversService
from humiao.waitlist.router import Campaigns
from humiao.waitlist.schemas import (
    CampaignInput,
    DosesInput,
    EntropyInput,
    ForecastAnswer,
    LeftoverInput,
    ReasonInput,
    ReleaseAnswer,
    ReleaseInput,
    ReleasesAnswer,
    StaffCampaignAnswer,
    StaffCampaignsAnswer,
)

router = APIRouter(prefix="/api/v1", tags=["waitlist"])


def leftovers_service(request: Request) -> LeftoversService:
    """The service wired in main.py."""
    found: LeftoversService = request.app.state.services.leftovers
    return found


Leftovers = Annotated[LeftoversService, Depends(leftovers_service)]
Me = Annotated[Staff, Depends(current_staff)]
City = Annotated[Staff, Depends(city_administrator)]
Key = Annotated[str, Depends(idempotency_key)]
Id = Annotated[PathId, Path()]
REFUSED = problems(400, 401, 403, 404, 409, 422, 503)
SEEN = problems(401, 403, 404)
CAMPAIGN = "/admin/campaigns/{campaign_id}"


@router.get(
    "/admin/campaigns", response_model=StaffCampaignsAnswer, responses=SEEN, dependencies=[Depends(city_administrator)]
)
async def list_campaigns(campaigns: Campaigns) -> Any:
    """登记活动: all campaigns, drafts too, with how many entries are in which state."""
    return await campaigns.list()


@router.post("/admin/campaigns", status_code=201, response_model=StaffCampaignAnswer, responses=REFUSED)
async def create_campaign(body: CampaignInput, me: City, key: Key, campaigns: Campaigns) -> Any:
    """新建登记活动: a draft that residents do not see."""
    return unwrap(await campaigns.create(me, body, key))


@router.get(CAMPAIGN, response_model=StaffCampaignAnswer, responses=SEEN, dependencies=[Depends(city_administrator)])
async def show_campaign(campaign_id: Id, campaigns: Campaigns) -> Any:
    """One campaign as staff see it."""
    return unwrap(await campaigns.show(campaign_id))


@router.post(CAMPAIGN + "/publish", response_model=StaffCampaignAnswer, responses=REFUSED)
async def publish_campaign(campaign_id: Id, me: City, key: Key, campaigns: Campaigns) -> Any:
    """发布: terms are fixed; a draw announces its commitment."""
    return unwrap(await campaigns.publish(me, campaign_id, key))


@router.post(CAMPAIGN + "/close", response_model=StaffCampaignAnswer, responses=REFUSED)
async def close_registration(campaign_id: Id, body: ReasonInput, me: City, key: Key, campaigns: Campaigns) -> Any:
    """截止登记: a draw seals and publishes its list."""
    return unwrap(await campaigns.close(me, campaign_id, body.reason, key))


@router.post(CAMPAIGN + "/draw", response_model=StaffCampaignAnswer, responses=REFUSED)
async def draw(campaign_id: Id, body: EntropyInput, me: City, key: Key, campaigns: Campaigns) -> Any:
    """摇号: what one officer read from the public source; the second who reads the same lets the draw run."""
    return unwrap(await campaigns.read_entropy(me, campaign_id, body.entropy, key))


@router.post(CAMPAIGN + "/pause", response_model=StaffCampaignAnswer, responses=REFUSED)
async def pause(campaign_id: Id, body: ReasonInput, me: City, key: Key, campaigns: Campaigns) -> Any:
    """暂停发名额: what is offered may still be answered."""
    return unwrap(await campaigns.pause(me, campaign_id, body.reason, key, paused=True))


@router.post(CAMPAIGN + "/resume", response_model=StaffCampaignAnswer, responses=REFUSED)
async def resume(campaign_id: Id, body: ReasonInput, me: City, key: Key, campaigns: Campaigns) -> Any:
    """恢复发名额."""
    return unwrap(await campaigns.pause(me, campaign_id, body.reason, key, paused=False))


@router.post(CAMPAIGN + "/end", response_model=StaffCampaignAnswer, responses=REFUSED)
async def end_campaign(campaign_id: Id, body: ReasonInput, me: City, key: Key, campaigns: Campaigns) -> Any:
    """结束活动: no more offers."""
    return unwrap(await campaigns.end(me, campaign_id, body.reason, key))


@router.get(
    CAMPAIGN + "/forecast", response_model=ForecastAnswer, responses=SEEN, dependencies=[Depends(city_administrator)]
)
async def forecast(campaign_id: Id, campaigns: Campaigns) -> Any:
    """预测: how far the doses at hand may reach."""
    return unwrap(await campaigns.forecast(campaign_id))


@router.get(
    CAMPAIGN + "/releases", response_model=ReleasesAnswer, responses=SEEN, dependencies=[Depends(city_administrator)]
)
async def report(campaign_id: Id, campaigns: Campaigns) -> Any:
    """投放报告: what became of the doses of each release."""
    return await campaigns.report(campaign_id)


@router.post(
    "/clinic/campaigns/{campaign_id}/releases", status_code=201, response_model=ReleaseAnswer, responses=REFUSED
)
async def release(campaign_id: Id, body: ReleaseInput, me: Me, key: Key, campaigns: Campaigns) -> Any:
    """投放疫苗: doses of a clinic session's stock for those who wait."""
    return unwrap(await campaigns.release(me, campaign_id, body, key))


@router.post(
    "/clinic/campaigns/{campaign_id}/leftovers", status_code=201, response_model=ReleaseAnswer, responses=REFUSED
)
async def leftovers(
    campaign_id: Id, body: LeftoverInput, me: Me, key: Key, left: Leftovers, campaigns: Campaigns
) -> Any:
    """余苗: doses left today, until an hour, for those nearby who are willing to come at once."""
    return await campaigns.reported(unwrap(await left.declare(me, campaign_id, body, key)))


@router.patch("/clinic/releases/{release_id}", response_model=ReleaseAnswer, responses=REFUSED)
async def set_doses(release_id: Id, body: DosesInput, me: Me, key: Key, campaigns: Campaigns) -> Any:
    """增减投放剂数: never below what is offered and used."""
    return unwrap(await campaigns.set_doses(me, release_id, body, key))
