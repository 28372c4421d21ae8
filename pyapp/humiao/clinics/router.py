"""Public routes: districts, clinics, their windows."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from humiao.clinics.schemas import ClinicDetail, ClinicPage, ClinicWindows, DistrictList
from humiao.clinics.service import ClinicsService
from humiao.errors import Refusal, unwrap
from humiao.kit.problem_schema import problems
from humiao.kit.shapes import InputDate, PlainText

router = APIRouter(prefix="/api/v1/public", tags=["clinics"])


def service(request: Request) -> ClinicsService:
    """The service wired in main.py."""
    found: ClinicsService = request.app.state.services.clinics
    return found


Service = Annotated[ClinicsService, Depends(service)]
ClinicId = Annotated[int, Path(ge=1, le=2**31 - 1)]
VaccineCode = Annotated[PlainText | None, Query(max_length=32)]


@router.get("/districts", response_model=DistrictList)
async def districts(clinics: Service) -> Any:
    """行政区."""
    return await clinics.districts()


@router.get("/clinics", response_model=ClinicPage, responses=problems(422))
async def search(
    clinics: Service,
    district: Annotated[str | None, Query(pattern="^[0-9]{6}$")] = None,
    vaccine: VaccineCode = None,
    q: Annotated[PlainText | None, Query(max_length=40)] = None,
    lat: Annotated[float | None, Query(ge=-90, le=90, allow_inf_nan=False)] = None,
    lng: Annotated[float | None, Query(ge=-180, le=180, allow_inf_nan=False)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=32)] = None,
) -> Any:
    """查找门诊: by district, vaccine available, name or pinyin, distance."""
    if (lat is None) != (lng is None):
        return unwrap(
            Refusal(
                "invalid_input",
                extra={"errors": [{"field": "lat", "code": "incomplete", "message": "经纬度必须同时提供"}]},
            )
        )
    near = None if lat is None or lng is None else (lat, lng)
    return unwrap(await clinics.search(district=district, vaccine=vaccine, q=q, near=near, limit=limit, cursor=cursor))


@router.get("/clinics/{clinic_id}", response_model=ClinicDetail, responses=problems(404))
async def show(clinic_id: ClinicId, clinics: Service) -> Any:
    """门诊详情."""
    return unwrap(await clinics.show(clinic_id))


@router.get("/clinics/{clinic_id}/windows", response_model=ClinicWindows, responses=problems(404, 422))
async def windows(
    clinic_id: ClinicId,
    clinics: Service,
    vaccine: VaccineCode = None,
    date_from: InputDate | None = None,
    date_to: InputDate | None = None,
) -> Any:
    """门诊可约时段."""
    return unwrap(await clinics.windows(clinic_id, vaccine=vaccine, date_from=date_from, date_to=date_to))
