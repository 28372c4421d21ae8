"""HTTP of certificates: residents issue and print, anybody verifies, the city revokes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from humiao.auth.dependencies import city_administrator, current_resident
from humiao.auth.tokens import Resident, Staff
from humiao.certificates.payload import NUMBER
from humiao.certificates.schemas import (
    CertificateAnswer,
    CertificatesAnswer,
    KeysAnswer,
    NewCertificate,
    RevokedAnswer,
    RevokeInput,
    VerifiedAnswer,
    VerifyInput,
)
from humiao.certificates.service import CertificatesService
from humiao.certificates.verifying import VerifyingService
from humiao.errors import unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.web import idempotency_key

router = APIRouter(prefix="/api/v1/resident", tags=["certificates"])
public = APIRouter(prefix="/api/v1/public/certificates", tags=["certificates"])
admin = APIRouter(prefix="/api/v1/admin/certificates", tags=["certificates"])


def certificates_service(request: Request) -> CertificatesService:
    """The service wired in main.py."""
    found: CertificatesService = request.app.state.services.certificates
    return found


def verifying_service(request: Request) -> VerifyingService:
    """The service wired in main.py."""
    found: VerifyingService = request.app.state.services.verifying
    return found


Caller = Annotated[Resident, Depends(current_resident)]
Service = Annotated[CertificatesService, Depends(certificates_service)]
Verifying = Annotated[VerifyingService, Depends(verifying_service)]
Key = Annotated[str, Depends(idempotency_key)]
PDF = {"description": "the print", "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}


@router.post(
    "/people/{person_id}/certificates", status_code=201, summary="签发电子接种证", responses=problems(404, 409)
)
async def issue(person_id: UUID, body: NewCertificate, caller: Caller, key: Key, service: Service) -> CertificateAnswer:
    """Sign what is on record today. What would say the same as one of today is that one."""
    return unwrap(await service.issue(caller, person_id, body, key))


@router.get("/people/{person_id}/certificates", summary="电子接种证列表", responses=problems(404))
async def list_own(person_id: UUID, caller: Caller, service: Service) -> CertificatesAnswer:
    """The certificates of a person the account acts for, the newest first."""
    return unwrap(await service.list_own(caller, person_id))


@router.get("/certificates/{certificate_id}", summary="电子接种证", responses=problems(404))
async def show(certificate_id: UUID, caller: Caller, service: Service) -> CertificateAnswer:
    """One certificate with its QR code."""
    return unwrap(await service.show(caller, certificate_id))


@router.get(
    "/certificates/{certificate_id}/pdf",
    summary="下载电子接种证",
    response_class=Response,
    responses={200: PDF, **problems(404)},
)
async def download(certificate_id: UUID, caller: Caller, service: Service) -> Response:
    """The print, as it was on its day."""
    name, made = unwrap(await service.pdf(caller, certificate_id))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(made, media_type="application/pdf", headers=headers)


@router.post("/certificates/{certificate_id}/revoke", summary="挂失电子接种证", responses=problems(400, 404, 409))
async def revoke_own(certificate_id: UUID, caller: Caller, key: Key, service: Service) -> CertificateAnswer:
    """End a certificate that was lost; another can be issued at once."""
    return unwrap(await service.revoke_own(caller, certificate_id, key))


@public.post("/verify", summary="核验接种证", responses=problems(404))
async def verify(body: VerifyInput, verifying: Verifying) -> VerifiedAnswer:
    """Whether a certificate is of this city and still counts. Changes nothing, so it asks for no key."""
    return unwrap(await verifying.verify(body.shown))


@public.get("/keys", summary="接种证公钥")
async def list_keys(verifying: Verifying) -> KeysAnswer:
    """The public keys with which certificates are checked without a network."""
    return verifying.keys()


@public.get("/revoked", summary="接种证作废清单", responses=problems(409))
async def list_revoked(verifying: Verifying) -> RevokedAnswer:
    """The certificates that no longer count, signed."""
    return unwrap(await verifying.revoked())


@admin.post("/{number}/revoke", status_code=204, summary="作废接种证", responses=problems(404, 409))
async def revoke(
    number: Annotated[str, Path(pattern=f"^{NUMBER.pattern}$")],
    body: RevokeInput,
    me: Annotated[Staff, Depends(city_administrator)],
    key: Key,
    service: Service,
) -> None:
    """End a certificate by its number (city administrators)."""
    unwrap(await service.revoke(me, number, body.reason, key))
