"""HTTP of eligibility: a resident asks for a pass before the rush."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from humiao.auth.dependencies import current_resident
from humiao.auth.tokens import Resident
from humiao.eligibility.schemas import PassAnswer, PassRequest
from humiao.eligibility.service import EligibilityService
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems

router = APIRouter(prefix="/api/v1/resident", tags=["eligibility"])


def service(request: Request) -> EligibilityService:
    """The service wired in main.py."""
    found: EligibilityService = request.app.state.services.eligibility
    return found


@router.post("/passes", status_code=201, response_model=PassAnswer, responses=problems(404, 409))
async def issue(
    body: PassRequest,
    response: Response,
    me: Annotated[Resident, Depends(current_resident)],
    eligibility: Annotated[EligibilityService, Depends(service)],
) -> Any:
    """资格凭证: ask whether a person may book a vaccine, before the hold; needs no key, for it changes nothing."""
    response.headers["Cache-Control"] = "no-store"
    return unwrap(await eligibility.issue(me, body))
