"""Makes the accounts of the demo city: a resident with a family, and staff with a password of this installation.

What was made once is left alone: a family that was unbound and a password that was changed stay as they are.
"""

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from humiao.auth.accounts import ensure_account
from humiao.auth.phones import normalise_phone
from humiao.auth.staff import create_admin
from humiao.demo.load import read_clinics
from humiao.demo.people import DEMO_DOSES, DEMO_FAMILY, DEMO_PHONE, demo_staff
from humiao.embedded.server import new_password, write_private
from humiao.errors import CITY_ZONE, Refusal
from humiao.immunizations.models import Record
from humiao.immunizations.repository import StoredRecord, add_version
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement
from humiao.residents.binding import bind_person, check_person
from humiao.residents.schemas import NewPerson


async def bring_people(connection: Any, home: Path, vault: Vault) -> str:
    """Make what is missing; returns the password of demo-admin, "" where it is not the one made here any more."""
    await _bring_family(connection, vault)
    file = home / "demo_staff.password"
    if not file.exists():
        write_private(file, new_password()[:12])
    password = file.read_text(encoding="utf-8")
    taken = {row["username"] for row in await connection.fetch(statement("demo/staff_names"))}
    for member in demo_staff(read_clinics()):
        if member.username not in taken:
            await create_admin(
                connection, member.username, password, member.display_name, member.role, clinic_id=member.clinic_id
            )
    digest = await connection.fetchval(statement("demo/admin_digest"))
    return password if digest and await asyncio.to_thread(_opens, digest, password) else ""


def _opens(digest: str, password: str) -> bool:
    """Tell whether a password is the one of a digest: the file may be older or younger than the database."""
    try:
        return PasswordHasher().verify(digest, password)
    except (VerificationError, InvalidHashError):
        return False


async def _bring_family(connection: Any, vault: Vault) -> None:
    phone = normalise_phone(DEMO_PHONE)
    async with connection.transaction():
        account_id, made = await ensure_account(connection, vault, phone, origin="demo")
        if not made:
            return
        for member in DEMO_FAMILY:
            person = check_person(
                NewPerson(
                    name=member.name,
                    document_type="resident_id",
                    document_number=member.document_number,
                    relation=member.relation,
                ),
                today=datetime.now(CITY_ZONE).date(),
            )
            assert not isinstance(person, Refusal), "the demo family has valid documents"
            # A refusal means that somebody has entered this number already: the demo makes do without.
            bound = await bind_person(connection, vault, account_id, person, origin="demo")
            if member.relation == "child" and not isinstance(bound, Refusal):
                await _bring_doses(connection, bound, member.birth_date)


async def _bring_doses(connection: Any, child: UUID, born: date) -> None:
    clinic_id = min(clinic.clinic_id for clinic in read_clinics())
    for nth, (vaccine, days, maker, site, route) in enumerate(DEMO_DOSES, start=1):
        one = StoredRecord(
            child, Record(vaccine, born + timedelta(days=days)), source="local", verified=True, clinic_id=clinic_id,
            lot=f"2025{nth:02d}A", manufacturer=maker, site=site, route=route,
        )  # fmt: skip
        await add_version(connection, one, by="sql", source="demo")
