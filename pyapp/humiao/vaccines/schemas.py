"""Shapes of the vaccine catalogue."""

from humiao.kit.shapes import Answer


class Product(Answer):
    """What is on the shelf; price in fen (0: free)."""

    product_id: int
    name: str
    manufacturer: str
    price_fen: int


class Vaccine(Answer):
    """One vaccine of the catalogue."""

    vaccine_code: str
    name: str
    name_en: str
    kind: str
    kind_label: str
    series: list[str]
    sex: str | None
    min_age: str | None
    max_age_exclusive: str | None
    age_label: str
    free_of_charge: bool
    products: list[Product]


class VaccineList(Answer):
    """The catalogue, or what of it a search found."""

    items: list[Vaccine]
