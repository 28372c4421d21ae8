"""Finding a clinic of the demo city: by district, vaccine, name, pinyin and distance."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from humiao.demo.load import load_demo
from humiao.settings import Settings

CLINICS = "/api/v1/public/clinics"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def demo(settings: Settings) -> AsyncIterator[None]:
    connection = await asyncpg.connect(settings.database_url)
    await load_demo(connection, lambda *_: None)
    await connection.close()
    yield


async def search(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """All pages of a search."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = (await client.get(CLINICS, params={"limit": 100} | query | more)).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_there_are_sixteen_districts_by_their_codes(client: httpx.AsyncClient) -> None:
    districts = (await client.get("/api/v1/public/districts")).json()["items"]
    assert len(districts) == 16
    assert districts[0] == districts[0] | {"district_code": "310101", "name": "黄浦区"}
    assert {d["district_code"] for d in districts} >= {"310104", "310115", "310151"}


async def test_every_district_has_clinics_and_a_district_lists_its_own(client: httpx.AsyncClient) -> None:
    everywhere = [c for c in await search(client) if "测试" not in c["name"]]
    assert len(everywhere) >= 200
    assert len({clinic["clinic_id"] for clinic in everywhere}) == len(everywhere), "pages do not overlap"
    assert len({clinic["district_code"] for clinic in everywhere}) == 16
    here = await search(client, district="310104")
    assert {clinic["district_code"] for clinic in here} == {"310104"}


@pytest.mark.parametrize("q", ["徐家汇", "xujiahui", "XuJiaHui", "xjh", " 徐家汇 "])
async def test_a_name_is_found_as_written_in_pinyin_and_by_initials(client: httpx.AsyncClient, q: str) -> None:
    assert any(clinic["name"].startswith("徐家汇") for clinic in await search(client, q=q))


@pytest.mark.parametrize("q", ["没有这样的门诊", "%", "_", "\\", "'", "zzzzzzzz"])
async def test_what_is_not_there_is_not_found_and_patterns_are_text(client: httpx.AsyncClient, q: str) -> None:
    assert await search(client, q=q) == []


async def test_nearest_first_with_true_distances(client: httpx.AsyncClient) -> None:
    people_square = {"lat": 31.2304, "lng": 121.4737}
    nearest = (await client.get(CLINICS, params=people_square | {"limit": 5})).json()["items"]
    distances = [clinic["distance_m"] for clinic in nearest]
    assert distances == sorted(distances) and distances[0] < 3000
    far = await search(client, district="310151", **people_square)
    assert min(clinic["distance_m"] for clinic in far) > 20_000, "Chongming is an island"


async def test_a_vaccine_finds_those_who_have_places_and_says_when(client: httpx.AsyncClient) -> None:
    stocked = [c for c in await search(client, vaccine="IIV4") if "测试" not in c["name"]]
    assert stocked and all(clinic["free_places"] > 0 and clinic["next_date"] for clinic in stocked)
    clinic = stocked[0]
    seen = (await client.get(f"{CLINICS}/{clinic['clinic_id']}/windows", params={"vaccine": "IIV4"})).json()
    assert seen["as_of"].endswith("+08:00")
    assert any(w["state"] == "open" and w["free"] > 0 for s in seen["sessions"] for w in s["windows"])
    assert all(any(v["vaccine_code"] == "IIV4" for v in s["stocks"]) for s in seen["sessions"])
    assert await search(client, vaccine="no-such-vaccine") == []


async def test_a_clinic_tells_hours_and_vaccines(client: httpx.AsyncClient) -> None:
    (first, *_) = await search(client, q="徐家汇")
    clinic = (await client.get(f"{CLINICS}/{first['clinic_id']}")).json()
    assert clinic["name"] == first["name"] and clinic["opening_hours"] and clinic["vaccines"]
