"""Planted mistakes: the programme's own data with one thing wrong is refused, with file, line and what is wrong."""

import re

import pytest

from humiao.immunizations.loader import load_edition
from humiao.immunizations.mistake_words import in_chinese
from humiao.immunizations.reading import ProgrammeMistakes
from humiao.immunizations.service import PROGRAMME

TEXT = PROGRAMME.read_text(encoding="utf-8")
HEPB_2 = "{number: 2, vaccines: [HepB], recommended_age: P1M, min_age: P1M, min_interval: P28D}"
MENA_2021 = "effective_to: 2026-06-16\n        doses:"
BCG_C2 = "when: total == 0 and age >= P3M and age < P4Y"

# What is replaced (it stands once in the data), by what, and what is told about its line.
PLANTED = [
    # YAML
    ("schema_version: 1\n", "schema_version: [1\n", "not YAML"),
    ("data_date: 2026-11-23\n", "data_date: 2026-11-23\ndata_date: 2026-11-23\n", "data_date stands twice"),
    ("programme_id: CN-SH\n", "programme_id: CN-SH\nprograme: x\n", "programe is not known here"),
    ("  time_zone: Asia/Shanghai\n", "\ttime_zone: Asia/Shanghai\n", "not YAML"),
    # header and conventions
    ("schema_version: 1\n", "schema_version: 2\n", "must be a whole number 1 to 1"),
    ("data_date: 2026-11-23\n", "data_date: 2026-11-31\n", "must be a date like"),
    ("effective_from: 2026-11-23  ", "effective_from: next year  ", "must be a date like"),
    ("edition: CN-SH-2026.1\n", "edition: ''\n", "must be a text"),
    ("based_on: [NIP-2021,", "based_on: [NIP-2012,", "'NIP-2012' is not one of the sources"),
    ("grace_days: 0 ", "grace_days: -4 ", "must be a whole number 0 to 10"),
    ("before_age: strict ", "before_age: loose ", "is not what this engine does"),
    ("time_zone: Asia/Shanghai\n", "time_zone: Europe/London\n", "is not what this engine does"),
    ("P28D_after_the_invalid_dose]", "P4W_after_the_invalid_dose]", "not a duration"),
    ("upper_age_exclusive: P18Y\n", "upper_age_exclusive: 18\n", "not a duration"),
    ("  NOT_YET_DUE: earliest date", "  NOT_YET: earliest date", "NOT_YET is not known here"),
    ("[TOO_EARLY_AGE, TOO_SHORT_INTERVAL,", "[TOO_EARLY_AGE, TOO_EARLY_AGE,", "names something twice"),
    # giving together, health questions
    ("min_gap: P28D, certainty: high, sources: [NIP-2021, NIP-2026]}", "min_gap: P28, certainty: high}", "not a duration"),
    ("{id: CO-3, rule", "{id: CO-2, rule", "id is used twice"),
    ("applies_to_vaccines: [MMR, MR,", "applies_to_vaccines: [MMR, MRR,", "'MRR' is not one of the vaccines"),
    ("min_gap_before_vaccine: P3M", "min_gap_before_vaccine: 3 months", "not a duration"),
    ("{id: CI-2, condition: immunodeficient", "{id: CI-2, conditon: immunodeficient", "conditon is not known here"),
    ("applies_to: [BCG, bOPV, JE-L, HepA-L, MMR]", "applies_to: [BCG, OPV]", "'OPV' is not one of the vaccines"),
    ("effect: postpone", "effect: forbid", "'forbid' is none of doctor, exclude, postpone"),
    # vaccines
    ("{code: BCG, name_zh: 卡介苗", "{code: HepB, name_zh: 卡介苗", "listed twice"),
    ("kind: historic, antigens: [Measles, Rubella]", "kind: old, antigens: [Measles, Rubella]", "'old' is none of"),
    ("technology: toxoid, live_class: none, route: IM, series: [DTP], max_age_exclusive: P12Y",
     "technology: toxoid, live_class: oral, route: IM, series: [DTP], max_age_exclusive: P12Y", "does not fit technology"),
    ("series: [MenA], max_age_exclusive: P24M}", "series: [MenAA], max_age_exclusive: P24M}", "'MenAA' is not described"),
    ("series: [RV5], min_age: P42D", "series: [RV5], min_age: 6W", "not a duration"),
    ("min_age: P42D, max_age_exclusive: P6Y", "min_age: P7Y, max_age_exclusive: P6Y", "is not above min_age"),
    ("series: [HepE], min_age: P16Y, certainty: high}", "series: [HepE], minage: P16Y}", "minage is not known here"),
    ("booster: {number: 3, min_interval: P3M}", "booster: {number: third}", "must be a whole number"),
    # doses
    (HEPB_2, HEPB_2.replace("number: 2", "number: 3"), "doses are numbered in order"),
    (HEPB_2, HEPB_2.replace("[HepB]", "[HepC]"), "'HepC' is not one of the vaccines"),
    (HEPB_2, HEPB_2.replace("[HepB]", "[BCG]"), "BCG is not a vaccine of the series HepB"),
    (HEPB_2, HEPB_2.replace("min_interval: P28D", "min_intervall: P28D"), "min_intervall is not known here"),
    (HEPB_2, HEPB_2.replace("min_interval: P28D", "min_interval: P0D"), "must be longer than nothing"),
    (HEPB_2, HEPB_2.replace("min_age: P1M", "min_age: P2M"), "recommended_age P1M is not above min_age P2M"),
    (HEPB_2, HEPB_2.replace("P28D}", "28D}"), "not a duration"),
    ("{number: 1, vaccines: [BCG], recommended_age: P0D, min_age: P0D, complete_before_age: P3M}",
     "{number: 1, vaccines: [BCG], recommended_age: P0D, min_age: P0D, min_interval: P28D}", "before the first"),
    ("recommended_age: P9M, min_age: P9M, min_interval: P3M, complete_before_age: P18M",
     "recommended_age: P9M, min_age: P9M, min_interval: P3M, complete_before_age: P9M", "is not above"),
    ("min_interval_from_series: {MenA_dose_2: P12M}", "min_interval_from_series: {HPV_dose_2: P12M}", "described before"),
    ("min_interval_from_dose: {2: P4M}", "min_interval_from_dose: {4: P4M}", "number of an earlier dose"),
    ("max_age_inclusive: P91D", "max_age_inclusive: P30D", "nobody is old enough"),
    ("{number: 3, vaccines: [MMR], recommended_age: P4Y, min_age: P4Y, min_interval: P28D, programme: CN-SH",
     "{number: 3, vaccines: [MMR], recommended_age: P4Y, min_age: P4Y, min_interval: P28D, programme: CN-BJ", "CN-BJ"),
    # versions and cohorts
    ("      - id: MenA-2026\n", "      - id: MenA-2021\n", "'MenA-2021' is used twice"),
    ("effective_to: 2024-12-31", "effective_to: 31.12.2024", "must be a date like"),
    ("born_from: 2007-01-01, born_to: 2019-09-30", "born_from: 2027-01-01, born_to: 2019-09-30", "is before born_from"),
    ("cohort: {sex: F, born_from: 2011-11-10", "cohort: {sex: W, born_from: 2011-11-10", "'W' is none of F, M"),
    ("residence: shanghai_or_resident_3_months", "residence: beijing", "'beijing' is none of"),
    # rules
    ("{id: BCG-C3, when", "{id: BCG-C2, when", "'BCG-C2' is used twice"),
    (BCG_C2, "when: total = 0 and age >= P3M and age < P4Y", "not a comparison: 'total = 0'"),
    (BCG_C2, "when: doses == 0 and age >= P3M", "'doses' is none of"),
    (BCG_C2, "when: total == 0 and age >= P4Y and age < P3M", "no age is P4Y or above and below P3M"),
    (BCG_C2, "when: total == 0 and age > P3M", "age is compared with < or >="),
    (BCG_C2, "when: total == none", "compared to a whole number"),
    ("then: {status: AGED_OUT}, note: go on with MenAC", "then: {status: TOO_OLD}, note: go on with MenAC", "'TOO_OLD'"),
    ("then: {table: true, requires: TST_NEGATIVE}", "then: {requires: TST_NEGATIVE}", "neither a status nor which doses"),
    ("after_series: {MenA: P3M}", "after_series: {MenB: P3M}", "'MenB' is not a series described before"),
    ("counts: {MenA_count: {series: MenA}}", "counts: {MenA_count: {series: HPV}}", "described before this one"),
    ("counts: {HPV4_count: [HPV4]}", "counts: {HPV4_count: [HPV44]}", "'HPV44' is not one of the vaccines"),
    ("need: {Measles: 2, Rubella: 1, Mumps: 1}", "need: {Measels: 2}", "'Measels' is in no vaccine of the series"),
    ("mixing: {id: JE-C3,", "mixing: {id: JE-C9,", "'JE-C9' is not a rule of this series"),
    ("sources: [HPV-2025, NIP-2026]", "sources: [HPV-2026]", "'HPV-2026' is not one of the sources"),
    ("kind: local\n    programme: CN-SH\n    cohort: {min_age: P60Y", "kind: paid\n    cohort: {min_age: P60Y", "'paid'"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "told"), PLANTED, ids=[f"{n}-{row[2][:30]}" for n, row in enumerate(PLANTED)])
def test_a_planted_mistake_is_refused_with_its_line(good: str, bad: str, told: str) -> None:
    assert good in TEXT, "the table follows the data"
    text = TEXT.replace(good, bad, 1)
    begins = TEXT[: TEXT.index(good)].count("\n") + 1
    lines = range(begins, begins + bad.rstrip("\n").count("\n") + 1)
    with pytest.raises(ProgrammeMistakes) as caught:
        load_edition(text, "programme.yaml")
    mistakes = caught.value.mistakes
    assert any(told in mistake.problem and mistake.line in lines for mistake in mistakes), str(caught.value)
    assert str(caught.value).startswith("programme.yaml:")
    for mistake in mistakes:
        assert_chinese(mistake.problem)


def assert_chinese(problem: str) -> None:
    """A clerk reads it: what the YAML parser says itself, in brackets, stays as it is."""
    told = re.sub("（.*）", "", in_chinese(problem))
    assert any("\u4e00" <= character <= "\u9fff" for character in told), problem
    assert not re.search(r"\b(must|not|twice|missing|known|before|above)\b", told), told


def test_there_are_forty_and_more() -> None:
    assert len(PLANTED) >= 40


def test_the_data_itself_is_good() -> None:
    assert load_edition(TEXT, "programme.yaml").id == "CN-SH-2026.1"


def test_every_mistake_is_told_at_once() -> None:
    text = TEXT.replace(HEPB_2, HEPB_2.replace("[HepB]", "[HepC]")).replace("effect: postpone", "effect: forbid")
    with pytest.raises(ProgrammeMistakes) as caught:
        load_edition(text, "programme.yaml")
    told = str(caught.value)
    assert "'HepC'" in told
    assert "'forbid'" in told
    assert [mistake.line for mistake in caught.value.mistakes] == sorted(m.line for m in caught.value.mistakes)


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        (MENA_2021, MENA_2021.replace("06-16", "06-17"), "are in force on the same day"),
        (MENA_2021, MENA_2021.replace("06-16", "06-15"), "no version is in force between MenA-2021 and MenA-2026"),
    ],
)
def test_versions_follow_one_another_day_by_day(good: str, bad: str, told: str) -> None:
    with pytest.raises(ProgrammeMistakes, match=told):
        load_edition(TEXT.replace(good, bad, 1), "programme.yaml")


@pytest.mark.parametrize("text", ["", "[]", "just words", "series: {}"])
def test_a_document_that_is_none(text: str) -> None:
    with pytest.raises(ProgrammeMistakes, match=r"^programme.yaml:1: "):
        load_edition(text, "programme.yaml")
