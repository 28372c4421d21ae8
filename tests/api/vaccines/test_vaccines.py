"""The vaccine catalogue as residents read it is the programme data."""

from pathlib import Path

import httpx
import yaml

REFERENCE = Path(__file__).resolve().parents[3] / "sql" / "seed" / "reference"


async def test_the_catalogue_is_the_programme_data(client: httpx.AsyncClient) -> None:
    programme = yaml.safe_load((REFERENCE / "programme.yaml").read_text(encoding="utf-8"))
    items = (await client.get("/api/v1/public/vaccines")).json()["items"]
    told = {item["vaccine_code"]: (item["name"], item["kind"], sorted(item["series"])) for item in items}
    written = {v["code"]: (v["name_zh"], v["kind"], sorted(v["series"])) for v in programme["vaccines"]}
    # Vaccines of former programmes stand in records only: nobody books them.
    written = {code: told_ for code, told_ in written.items() if told_[1] != "historic"}
    assert told == written


async def test_products_name_their_maker_and_price_in_fen(client: httpx.AsyncClient) -> None:
    products = yaml.safe_load((REFERENCE / "products.yaml").read_text(encoding="utf-8"))["products"]
    items = (await client.get("/api/v1/public/vaccines")).json()["items"]
    told = {p["product_id"]: (p["manufacturer"], p["price_fen"]) for item in items for p in item["products"]}
    assert told == {p["id"]: (p["manufacturer"], p["price_fen"]) for p in products}
