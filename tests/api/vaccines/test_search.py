"""Finding a vaccine as people type it, and what is told of each."""

import httpx
import pytest

VACCINES = "/api/v1/public/vaccines"


async def search(client: httpx.AsyncClient, q: str) -> list[str]:
    items = (await client.get(VACCINES, params={"q": q})).json()["items"]
    return [item["vaccine_code"] for item in items]


@pytest.mark.parametrize("q", ["流感", "四价流感", "liugan", "LiuGan", "IIV4", "iiv4", " 流感 "])
async def test_a_vaccine_is_found_by_name_pinyin_and_code(client: httpx.AsyncClient, q: str) -> None:
    assert "IIV4" in await search(client, q)


@pytest.mark.parametrize("q", ["yxgy", "CZYXGYYM"])
async def test_a_vaccine_is_found_by_its_initials(client: httpx.AsyncClient, q: str) -> None:
    assert "HepB" in await search(client, q)


@pytest.mark.parametrize("q", ["没有这种", "%", "_", "\\", "'"])
async def test_what_is_not_there_is_not_found_and_patterns_are_text(client: httpx.AsyncClient, q: str) -> None:
    assert await search(client, q) == []


async def test_what_is_told_of_a_vaccine_is_in_words(client: httpx.AsyncClient) -> None:
    items = {item["vaccine_code"]: item for item in (await client.get(VACCINES)).json()["items"]}
    assert items["HepB"]["kind_label"] == "免疫规划"
    assert items["HepB"]["free_of_charge"] is True
    assert items["IIV4"]["kind_label"] == "自费"
    assert items["IIV4"]["free_of_charge"] is False
    assert all(item["age_label"] and item["kind_label"] and item["name"] for item in items.values())
    assert not any(letter.isascii() and letter.isalpha() for item in items.values() for letter in item["age_label"])
