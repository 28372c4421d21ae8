"""Logging in: SMS codes for residents, passwords for staff, login sessions for both.

Whatever is guessed is counted before it is judged, in one conditional statement: however many guesses come at once, no
more are compared than there are tries. A code belongs to a phone, a purpose and a device; whatever is sent is counted
before it is written. Refusals are returned, so that what was counted is committed with them.
"""

import hmac
import json
import secrets
from uuid import UUID, uuid4

from humiao.antiabuse.service import AntiAbuseService
from humiao.antiabuse.source import Source
from humiao.auth.accounts import ensure_account, phone_index
from humiao.auth.schemas import AccountAnswer, CodeSent, ResidentTokens, StaffAnswer, StaffTokens
from humiao.auth.staff import Passwords
from humiao.auth.tokens import Resident, Staff, Tokens
from humiao.errors import Refusal
from humiao.kit.crypto import Vault
from humiao.kit.database import Database
from humiao.kit.masking import mask_phone
from humiao.kit.sql import statement
from humiao.limits.service import note_device, refuse_account

RESEND_AFTER_S = 60  # what a page counts down; the budgets decide (antiabuse, migration 0013)
LOGIN = "login"  # the purpose of a code
STAFF_TRIES = 5
STAFF_LOCK_S = 30 * 60


class AuthService:
    """Who is asking: gives out tokens and checks that they still count."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        tokens: Tokens,
        antiabuse: AntiAbuseService,
        *,
        otp_ttl_s: int,
        otp_tries: int,
        refresh_ttl_s: int,
    ) -> None:
        self._database = database
        self._vault = vault
        self._tokens = tokens
        self._antiabuse = antiabuse
        self._otp_ttl_s = otp_ttl_s
        self._otp_tries = otp_tries
        self._refresh_ttl_s = refresh_ttl_s
        self._passwords = Passwords()

    def _code_digest(self, code_id: UUID, code: str) -> bytes:
        return self._vault.blind_index("code", f"{code_id}:{code}")

    def _refresh_digest(self, token: str) -> bytes:
        return self._vault.blind_index("refresh", token)

    async def send_code(self, phone: str, source: Source, solution: str | None) -> CodeSent | Refusal:
        """Make a login code for a device and owe the resident its SMS.

        Refused with `challenge_*` without a good solution, `too_many_codes` and `codes_paused` with the budget that has
        ended and when to ask again.
        """
        origin = self._antiabuse.origin(source)
        solved = await self._antiabuse.admit("send_code", origin, solution)
        if isinstance(solved, Refusal):
            return solved
        index = phone_index(self._vault, phone)
        told = index, mask_phone(phone)
        code_id, code = uuid4(), f"{secrets.randbelow(10**6):06d}"
        message = json.dumps({"phone": phone, "code": code})
        async with self._database.transaction() as connection:
            refusal = await self._antiabuse.spend(connection, solved, origin) if solved else None
            if refusal:
                return refusal
            account = await connection.fetchrow(statement("auth/find_account"), index)
            account_id = account["account_id"] if account else None
            refusal = await self._antiabuse.take_code(connection, origin, told, account_id)
            if refusal:
                return refusal
            digest = self._code_digest(code_id, code)
            await connection.execute(
                statement("auth/add_code"),
                code_id,
                index,
                LOGIN,
                origin.device,
                digest,
                self._otp_tries,
                self._otp_ttl_s,
            )
            sealed = self._vault.seal(message, row=code_id, field="outbox")
            await connection.execute(statement("auth/add_message"), {"row": str(code_id)}, sealed)
            await self._antiabuse.note_spread(connection, origin, told)
        return CodeSent(expires_in_s=self._otp_ttl_s, resend_after_s=RESEND_AFTER_S)

    async def log_in(
        self, phone: str, code: str, source: Source, solution: str | None = None
    ) -> ResidentTokens | Refusal:
        """Exchange the latest code of a phone and device for tokens; the first login makes the account.

        After many failures from the same device or network a challenge is asked for first (`challenge_needed`). On a
        device with many accounts no new one is made (`too_many_accounts`); who has an account always gets in.
        """
        origin = self._antiabuse.origin(source)
        solved = await self._antiabuse.admit("log_in", origin, solution)
        if isinstance(solved, Refusal):
            return solved
        index = phone_index(self._vault, phone)
        refresh_token, login_session_id = secrets.token_urlsafe(32), uuid4()
        async with self._database.transaction() as connection:
            refusal = await self._antiabuse.spend(connection, solved, origin) if solved else None
            if refusal:
                return refusal
            taken = await connection.fetchrow(statement("auth/take_try"), index, LOGIN, origin.device)
            if taken is None:
                await self._antiabuse.count_failure(connection, origin)
                used_up = await connection.fetchval(statement("auth/latest_code"), index, LOGIN, origin.device)
                return Refusal("too_many_tries" if used_up else "code_expired")
            if not hmac.compare_digest(taken["code_digest"], self._code_digest(taken["code_id"], code)):
                await self._antiabuse.count_failure(connection, origin)
                return Refusal("code_wrong", extra={"tries_left": taken["tries_left"]})
            if await connection.fetchrow(statement("auth/find_account"), index) is None:
                refusal = await refuse_account(connection, origin.device)
                if refusal:
                    return refusal
            await connection.execute(statement("auth/use_code"), taken["code_id"])
            account_id, made = await ensure_account(connection, self._vault, phone)
            account = await connection.fetchrow(statement("auth/find_account"), index)
            if account["status"] != "active":
                return Refusal("account_locked")
            await note_device(connection, origin.device, account_id)
            await connection.execute(
                statement("auth/add_login_session"),
                login_session_id,
                account_id,
                None,
                self._refresh_digest(refresh_token),
                self._refresh_ttl_s,
            )
        return self._resident_tokens(Resident(account_id, login_session_id), refresh_token, phone, new_account=made)

    def _resident_tokens(
        self, resident: Resident, refresh_token: str, phone: str, *, new_account: bool
    ) -> ResidentTokens:
        return ResidentTokens(
            access_token=self._tokens.for_resident(resident),
            expires_in_s=self._tokens.ttl_s,
            refresh_token=refresh_token,
            account=AccountAnswer(
                account_id=resident.account_id, phone_masked=mask_phone(phone), new_account=new_account
            ),
        )

    async def refresh(self, refresh_token: str) -> ResidentTokens | Refusal:
        """Exchange a refresh token for new tokens; it works once, after that it is unknown: `not_logged_in`."""
        fresh = secrets.token_urlsafe(32)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                statement("auth/rotate_refresh"),
                self._refresh_digest(refresh_token),
                self._refresh_digest(fresh),
                self._refresh_ttl_s,
            )
        if row is None:
            return Refusal("not_logged_in")
        phone = self._vault.open(row["phone_sealed"], row=row["account_id"], field="phone")
        resident = Resident(row["account_id"], row["login_session_id"])
        return self._resident_tokens(resident, fresh, phone, new_account=False)

    async def log_out(self, login_session_id: UUID) -> None:
        """End a login session; ending it again changes nothing."""
        async with self._database.transaction() as connection:
            await connection.execute(statement("auth/revoke_session"), login_session_id)

    async def log_in_staff(self, username: str, password: str) -> StaffTokens | Refusal:
        """Exchange username and password for a token; five failures lock the account for half an hour."""
        async with self._database.transaction() as connection:
            taken = await connection.fetchrow(statement("auth/take_staff_try"), username, STAFF_TRIES, STAFF_LOCK_S)
            lock = None if taken else await connection.fetchrow(statement("auth/staff_lock"), username)
        if lock is not None:
            return Refusal("account_locked", retry_at=lock["locked_until"])
        if not await self._passwords.match(taken["password_digest"] if taken else None, password):
            if taken and taken["locked_until"]:
                return Refusal("account_locked", retry_at=taken["locked_until"])
            return Refusal("password_wrong")
        staff = Staff(taken["staff_id"], uuid4(), taken["role"], taken["clinic_id"], taken["district_code"])
        async with self._database.transaction() as connection:
            await connection.execute(statement("auth/forgive_staff"), staff.staff_id)
            await connection.execute(
                statement("auth/add_login_session"),
                staff.login_session_id,
                None,
                staff.staff_id,
                self._refresh_digest(secrets.token_urlsafe(32)),  # staff log in again instead of refreshing
                self._tokens.ttl_s,
            )
        return StaffTokens(
            access_token=self._tokens.for_staff(staff),
            expires_in_s=self._tokens.ttl_s,
            staff=StaffAnswer(
                staff_id=staff.staff_id,
                display_name=taken["display_name"],
                role=taken["role"],
                clinic_id=staff.clinic_id,
            ),
        )

    async def check_resident(self, resident: Resident) -> Resident | Refusal:
        """Check that the login session was not revoked, has not expired and its account is active."""
        async with self._database.read() as connection:
            status = await connection.fetchval(
                statement("auth/resident_session"), resident.login_session_id, resident.account_id
            )
        if status is None:
            return Refusal("not_logged_in")
        return resident if status == "active" else Refusal("account_locked")

    async def check_staff(self, staff: Staff) -> Staff | Refusal:
        """Check the login session; the answer carries role and place as they are now, not as the token has them."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(statement("auth/staff_session"), staff.login_session_id, staff.staff_id)
        if row is None:
            return Refusal("not_logged_in")
        if row["status"] != "active":
            return Refusal("account_locked")
        return Staff(staff.staff_id, staff.login_session_id, row["role"], row["clinic_id"], row["district_code"])
