"""Loads the reference data (districts, vaccines, series, products) from sql/seed/reference into the database.

Safe to run at every start and beside traffic: rows are upserted, an unchanged row is not written, nothing is
deleted.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import yaml

from humiao.clinics.pinyin import spell
from humiao.kit.sql import SQL_ROOT, statement
from humiao.vaccines.catalogue import (
    District,
    Product,
    Vaccine,
    parse_districts,
    parse_products,
    parse_vaccines,
)

REFERENCE_ROOT = SQL_ROOT / "seed" / "reference"

# The programme is long; libyaml reads it ten times faster where it was built in.
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The reference data as read from its files."""

    districts: tuple[District, ...]
    vaccines: tuple[Vaccine, ...]
    products: tuple[Product, ...]


def read_yaml(path: Path) -> object:
    """Parse one YAML file of the seed; raises OSError or yaml.YAMLError."""
    with path.open(encoding="utf-8") as file:
        document: object = yaml.load(file, Loader=_YAML_LOADER)  # noqa: S506 - a safe loader either way
    return document


def read_catalogue(root: Path = REFERENCE_ROOT) -> Catalogue:
    """Read districts, programme and products under `root`; raises `CatalogueError` on bad data."""
    vaccines = parse_vaccines(read_yaml(root / "programme.yaml"))
    return Catalogue(
        districts=parse_districts(read_yaml(root / "districts.yaml")),
        vaccines=vaccines,
        products=parse_products(read_yaml(root / "products.yaml"), vaccines),
    )


async def load_catalogue(connection: Any, catalogue: Catalogue | None = None) -> Catalogue:
    """Upsert the reference data in one transaction of `connection` and return it.

    Raises `CatalogueError` on bad data, before anything is written.
    """
    catalogue = catalogue or read_catalogue()
    async with connection.transaction():
        await _load_districts(connection, catalogue.districts)
        await _load_vaccines(connection, catalogue.vaccines)
        await _load_products(connection, catalogue.products)
    return catalogue


async def _load_districts(connection: Any, districts: tuple[District, ...]) -> None:
    await connection.execute(
        statement("vaccines/load_districts"),
        [d.code for d in districts],
        [d.name for d in districts],
        [d.pinyin for d in districts],
        [d.latitude for d in districts],
        [d.longitude for d in districts],
    )


async def _load_vaccines(connection: Any, vaccines: tuple[Vaccine, ...]) -> None:
    spelled = [spell(v.name_zh) for v in vaccines]
    as_json = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)
    await connection.execute(
        statement("vaccines/load_vaccines"),
        [v.code for v in vaccines],
        [v.name_zh for v in vaccines],
        [v.name_en for v in vaccines],
        [v.kind for v in vaccines],
        [v.sex for v in vaccines],
        [v.min_age for v in vaccines],
        [v.max_age_exclusive for v in vaccines],
        [v.bookable for v in vaccines],
        [s.full for s in spelled],
        [s.initials for s in spelled],
        [as_json(v.detail).decode() for v in vaccines],
    )
    memberships = [(v.code, series) for v in vaccines for series in v.series]
    await connection.execute(
        statement("vaccines/load_series"),
        [code for code, _ in memberships],
        [series for _, series in memberships],
    )


async def _load_products(connection: Any, products: tuple[Product, ...]) -> None:
    await connection.execute(
        statement("vaccines/load_products"),
        [p.product_id for p in products],
        [p.vaccine_code for p in products],
        [p.name for p in products],
        [p.manufacturer for p in products],
        [p.vial_size for p in products],
        [p.price_fen for p in products],
        [p.certainty for p in products],
    )
