"""Finding somebody by what their document says, for staff: number and name together, or nobody."""

from datetime import datetime
from typing import Any
from uuid import UUID

from humiao.errors import CITY_ZONE, Refusal
from humiao.kit.crypto import Vault
from humiao.kit.sql import statement
from humiao.residents.documents import DocumentFault, DocumentType, check_document


def compared_name(name: str) -> str:
    """A name without what people write one way or another."""
    return "".join(c for c in name.casefold() if c.isalnum())


def index_of(vault: Vault, document_type: DocumentType, number: str) -> bytes | Refusal:
    """The blind index of a document's number; `invalid_input` where it is none."""
    document = check_document(document_type, number, today=datetime.now(CITY_ZONE).date())
    if isinstance(document, DocumentFault):
        error = {"field": "document_number", "code": document.code, "message": document.message}
        return Refusal("invalid_input", extra={"errors": [error]})
    return vault.blind_index("document", document.number)


async def person_named(
    connection: Any, vault: Vault, document_type: DocumentType, index: bytes, name: str
) -> UUID | Refusal:
    """The active person with this document and this name; `unknown_person` where either is another's."""
    row = await connection.fetchrow(statement("residents/person_with_document"), document_type, index)
    if row is None:
        return Refusal("unknown_person")
    kept = vault.open(bytes(row["name_sealed"]), row=row["person_id"], field="name")
    found: UUID = row["person_id"]
    return found if compared_name(kept) == compared_name(name) else Refusal("unknown_person")
