"""Which paths take larger bodies. The gate and the API go by the same table; both ask staff for a token first."""

from humiao.kit.large import XLSX, Large

LARGE_BODIES = {
    "/api/v1/clinic/school-checks/lists": Large(5_000_000, XLSX),  # a class list, as kit/sheets bounds it
    "/api/v1/admin/programme/drafts": Large(1_200_000),  # an edition: up to 400,000 characters of three bytes
}
