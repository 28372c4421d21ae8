"""The catalogue reads every entry of the programme, and names the entry that is wrong."""

import copy
from datetime import date
from typing import Any

import pytest

from humiao.vaccines.catalogue import (
    FREE_KINDS,
    CatalogueError,
    Eligibility,
    parse_districts,
    parse_products,
    parse_vaccines,
    rough_days,
)
from humiao.vaccines.load import REFERENCE_ROOT, read_catalogue, read_yaml

CATALOGUE = read_catalogue()
VACCINES = {vaccine.code: vaccine for vaccine in CATALOGUE.vaccines}

# GB/T 2260, the sixteen districts of Shanghai.
OFFICIAL = {
    "310101": "黄浦区",
    "310104": "徐汇区",
    "310105": "长宁区",
    "310106": "静安区",
    "310107": "普陀区",
    "310109": "虹口区",
    "310110": "杨浦区",
    "310112": "闵行区",
    "310113": "宝山区",
    "310114": "嘉定区",
    "310115": "浦东新区",
    "310116": "金山区",
    "310117": "松江区",
    "310118": "青浦区",
    "310120": "奉贤区",
    "310151": "崇明区",
}


def test_the_sixteen_districts_are_official() -> None:
    assert {d.code: d.name for d in CATALOGUE.districts} == OFFICIAL


def test_every_entry_of_the_programme_is_read() -> None:
    programme: Any = read_yaml(REFERENCE_ROOT / "programme.yaml")
    assert [v.code for v in CATALOGUE.vaccines] == [entry["code"] for entry in programme["vaccines"]]
    assert all(v.detail == entry for v, entry in zip(CATALOGUE.vaccines, programme["vaccines"], strict=True))


def test_facts_keep_source_and_certainty() -> None:
    programme: Any = read_yaml(REFERENCE_ROOT / "programme.yaml")
    assert {"NIP-2021", "SH-LOCAL"} <= set(programme["sources"]) | set(programme["based_on"])
    assert VACCINES["HPV9"].detail["certainty"] == "medium"


def test_historic_vaccines_are_not_bookable() -> None:
    assert {v.code for v in CATALOGUE.vaccines if not v.bookable} == {"tOPV", "MR", "MV"}


def test_a_combination_belongs_to_several_series() -> None:
    assert VACCINES["DTaP-IPV-Hib"].series == ("DTP", "PV", "Hib")
    assert VACCINES["MCV4"].series == ("MenA", "MenAC")


@pytest.mark.parametrize(
    ("code", "sex", "min_age", "max_age"),
    [
        ("HPV2-CECOLIN", "F", "P9Y", "P46Y"),
        # women 9 to 45, men 9 to 26: nobody outside 9 to 45, but both sexes
        ("HPV4", None, "P9Y", "P46Y"),
        ("HPV9", None, "P9Y", "P46Y"),
        # 50 and over, or 18 and over with a condition: no upper limit
        ("RZV", None, "P18Y", None),
        ("DTaP", None, None, "P7Y"),
        ("LAIV3", None, "P3Y", "P18Y"),
    ],
)
def test_bounds_cover_all_rules(code: str, sex: str | None, min_age: str | None, max_age: str | None) -> None:
    vaccine = VACCINES[code]
    assert (vaccine.sex, vaccine.min_age, vaccine.max_age_exclusive) == (sex, min_age, max_age)


def test_rules_keep_condition_and_date() -> None:
    assert VACCINES["RZV"].eligibility[1] == Eligibility(
        min_age="P18Y", condition="immunocompromised_high_risk", effective_from=date(2025, 10, 14)
    )


def test_durations_of_unlike_units_are_put_in_order() -> None:
    assert sorted(["P1Y", "P42D", "P2M", "P11M"], key=rough_days) == ["P42D", "P2M", "P11M", "P1Y"]


GOOD = {
    "code": "XX",
    "name_zh": "某疫苗",
    "name_en": "Some vaccine",
    "kind": "non_programme",
    "technology": "inactivated",
    "live_class": "none",
    "route": "IM",
    "series": ["XX"],
}


def test_the_smallest_good_entry() -> None:
    (vaccine,) = parse_vaccines({"vaccines": [GOOD]})
    assert vaccine.eligibility == (Eligibility(),)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name_zh": None}, "name_zh must be a text"),
        ({"name_en": "  "}, "name_en must be a text"),
        ({"kind": "free"}, "kind 'free' is none of"),
        ({"route": "im"}, "route 'im' is none of"),
        ({"live_class": "rectal"}, "live_class 'rectal' is none of"),
        ({"live_class": "injected"}, "does not fit technology"),
        ({"technology": "live"}, "does not fit technology"),
        ({"series": []}, "series must be a list of names"),
        ({"series": "XX"}, "series must be a list of names"),
        ({"series": ["A", "A"]}, "names something twice"),
        ({"sex": "女"}, "sex '女' is none of F, M"),
        ({"min_age": "8M"}, "min_age: not a duration"),
        ({"min_age": "P1Y6M"}, "min_age: not a duration"),
        ({"min_age": 8}, "min_age must be a text"),
        ({"min_age": "P12M", "max_age_exclusive": "P42D"}, "is not below max_age_exclusive"),
        ({"eligibility": []}, "eligibility is empty"),
        ({"eligibility": [{"min_age": "P9Y"}, {"sex": "X"}]}, "eligibility[2]"),
        ({"eligibility": [{"min_age": "P9Y"}], "sex": "F"}, "both beside and inside"),
        ({"eligibility": [{"effective_from": "soon"}]}, "effective_from must be a date"),
    ],
)
def test_a_planted_mistake_is_named(change: dict[str, object], told: str) -> None:
    entries = [copy.deepcopy(GOOD), {**GOOD, "code": "BAD", **change}]
    with pytest.raises(CatalogueError) as caught:
        parse_vaccines({"vaccines": entries})
    assert "vaccines[2] (BAD)" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (None, "vaccines: must be a list"),
        ({"vaccines": []}, "vaccines: must be a list"),
        ({"vaccines": ["HepB"]}, "vaccines[1]: must be a mapping"),
        ({"vaccines": [GOOD, GOOD]}, "XX: listed twice"),
        ({"vaccines": [{k: v for k, v in GOOD.items() if k != "code"}]}, "vaccines[1]: code is missing"),
        ({"vaccines": [{**GOOD, "code": "a b"}]}, "signs other than"),
    ],
)
def test_a_broken_document_is_refused(document: object, told: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_vaccines(document)
    assert told in str(caught.value)


def test_every_bookable_vaccine_has_a_product() -> None:
    stocked = {p.vaccine_code for p in CATALOGUE.products}
    assert stocked == {v.code for v in CATALOGUE.vaccines if v.bookable}
    assert len(CATALOGUE.products) >= 45


def test_programme_vaccines_are_free_and_others_mostly_not() -> None:
    for product in CATALOGUE.products:
        free = VACCINES[product.vaccine_code].kind in FREE_KINDS
        assert (product.price_fen == 0) == (free or product.vaccine_code == "COVID19"), product


def test_several_doses_a_vial_only_where_they_exist() -> None:
    sizes = {p.vaccine_code: p.vial_size for p in CATALOGUE.products if p.vial_size > 1}
    assert sizes == {"BCG": 5, "bOPV": 10, "MPSV-A": 5}


PRODUCT = {
    "id": 1,
    "vaccine": "XX",
    "name": "某",
    "manufacturer": "某厂",
    "vial_size": 1,
    "price_fen": 0,
    "certainty": "low",
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": 1}, "id is used twice"),
        ({"id": "2"}, "id must be a whole number"),
        ({"vaccine": "ZZ"}, "'ZZ' is not in the programme"),
        ({"vaccine": "OLD"}, "historic"),
        ({"vaccine": "FREE", "price_fen": 100}, "free of charge"),
        ({"vial_size": 0}, "vial_size must be a whole number 1 to 20"),
        ({"vial_size": True}, "vial_size must be a whole number"),
        ({"price_fen": -1}, "price_fen must be a whole number"),
        ({"price_fen": 88.5}, "price_fen must be a whole number"),
        ({"certainty": "sure"}, "certainty 'sure' is none of"),
        ({"manufacturer": ""}, "manufacturer must be a text"),
    ],
)
def test_a_planted_product_mistake_is_named(change: dict[str, object], told: str) -> None:
    vaccines = parse_vaccines(
        {
            "vaccines": [
                GOOD,
                {**GOOD, "code": "OLD", "kind": "historic"},
                {**GOOD, "code": "FREE", "kind": "nip"},
            ]
        }
    )
    with pytest.raises(CatalogueError) as caught:
        parse_products({"products": [PRODUCT, {**PRODUCT, "id": 2, **change}]}, vaccines)
    assert "products[2]" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"code": "31010"}, "not six digits"),
        ({"code": 310101}, "code must be a text"),
        ({"latitude": 131.0}, "latitude must be a number"),
        ({"name": ""}, "name must be a text"),
    ],
)
def test_a_planted_district_mistake_is_named(change: dict[str, object], told: str) -> None:
    good = {
        "code": "310101",
        "name": "某区",
        "pinyin": "mou",
        "latitude": 31,
        "longitude": 121,
        "reach_km": 5,
    }
    with pytest.raises(CatalogueError) as caught:
        parse_districts({"districts": [{**good, **change}]})
    assert "districts[1]" in str(caught.value)
    assert told in str(caught.value)
