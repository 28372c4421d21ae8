"""Names are found by their pinyin and by its initials, also where a dictionary reads them wrongly."""

import pytest

from humiao.clinics.pinyin import EXCEPTIONS, Pinyin, spell
from humiao.demo.load import read_clinics


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("莘庄", "xinzhuang", "xz"),
        ("曹行", "caohang", "ch"),
        ("杨行", "yanghang", "yh"),
        ("殷行", "yinhang", "yh"),
        ("闵行", "minhang", "mh"),
        ("厦门", "xiamen", "xm"),
        ("长宁", "changning", "cn"),
        ("长桥", "changqiao", "cq"),
        ("长兴", "changxing", "cx"),
        ("朱家角", "zhujiajiao", "zjj"),
        ("洞泾", "dongjing", "dj"),
        ("泗泾", "sijing", "sj"),
        ("枫泾", "fengjing", "fj"),
        ("张堰", "zhangyan", "zy"),
        ("重固", "chonggu", "cg"),
        ("真如", "zhenru", "zr"),
        ("漕河泾", "caohejing", "chj"),
        ("颛桥", "zhuanqiao", "zq"),
        ("柘林", "zhelin", "zl"),
        ("绿华", "lvhua", "lh"),
        ("吕巷", "lvxiang", "lx"),
        ("泖港", "maogang", "mg"),
        ("佘山", "sheshan", "ss"),
        ("重组乙型肝炎疫苗", "chongzuyixingganyanyimiao", "czyxgyym"),
        ("九价HPV疫苗（进口）", "jiujiahpvyimiaojinkou", "jjhpvymjk"),
        ("ACYW135群", "acyw135qun", "acyw135q"),
        ("百白破-Hib四联", "baibaipohibsilian", "bbphibsl"),
        ("", "", ""),
    ],
)
def test_spelling(name: str, full: str, initials: str) -> None:
    assert spell(name) == Pinyin(full, initials)


def test_an_exception_holds_inside_a_longer_name() -> None:
    assert spell("大场镇长桥重固行").full == "dachangzhenchangqiaochongguxing"


def test_every_exception_has_a_syllable_for_each_sign() -> None:
    assert all(len(word) == len(syllables) for word, syllables in EXCEPTIONS.items())


def test_no_place_name_is_read_with_xing_for_hang() -> None:
    wrong = [c.name for c in read_clinics() if "行" in c.name and "hang" not in spell(c.name).full]
    assert wrong == []


def test_spelling_is_letters_and_digits_only() -> None:
    for clinic in read_clinics():
        spelled = spell(clinic.name)
        assert spelled.full.isascii() and spelled.full.isalnum() and spelled.full.islower()
        assert len(spelled.initials) == len(clinic.name)
