"""Request and response shapes of logging in."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from humiao.antiabuse.schemas import Solution
from humiao.auth.phones import normalise_phone
from humiao.kit.shapes import Answer, PlainText, StrictModel

Phone = Annotated[str, Field(max_length=32), AfterValidator(normalise_phone)]


class CodeRequest(StrictModel):
    """Send a login code to this phone; `challenge` is the solution of one for `send_code`."""

    phone: Phone
    challenge: Solution | None = None


class CodeSent(Answer):
    """The code is on its way; seconds until it expires and until another may be asked for."""

    expires_in_s: int
    resend_after_s: int


class LoginRequest(StrictModel):
    """The phone and the six digits that were sent to it; `challenge` only where one is asked for."""

    phone: Phone
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    challenge: Solution | None = None


class RefreshRequest(StrictModel):
    """The refresh token of the last answer; it works once."""

    refresh_token: Annotated[PlainText, Field(min_length=16, max_length=128)]


class AccountAnswer(Answer):
    """The account that is logged in."""

    account_id: UUID
    phone_masked: str
    new_account: bool


class ResidentTokens(Answer):
    """Tokens of a resident; the access token is good for `expires_in_s`."""

    access_token: str
    expires_in_s: int
    refresh_token: str
    account: AccountAnswer


class StaffLoginRequest(StrictModel):
    """Username and password of a member of staff."""

    username: Annotated[PlainText, Field(min_length=3, max_length=32)]
    password: Annotated[str, Field(min_length=1, max_length=128)]


class StaffAnswer(Answer):
    """The member of staff who is logged in; `clinic_id` only for clinic staff."""

    staff_id: int
    display_name: str
    role: Literal["city_admin", "district_admin", "clinic_staff"]
    clinic_id: int | None


class StaffTokens(Answer):
    """Access token of a member of staff, good for `expires_in_s`."""

    access_token: str
    expires_in_s: int
    staff: StaffAnswer
