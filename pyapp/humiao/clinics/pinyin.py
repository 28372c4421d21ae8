"""Pinyin of names, for search by full spelling or by initials (莘庄 is found by `xinzhuang` and by `xz`).

Pure. The result holds only a-z and 0-9: no tones, spaces or punctuation; ü is spelled v, as people type it.
"""

from dataclasses import dataclass
from itertools import groupby

from pypinyin import lazy_pinyin

# Words that a general dictionary reads wrongly, such as place names of Shanghai with 行 (háng), 长 (cháng) or
# 重 (chóng), and those whose reading must not change with the dictionary's next edition.
EXCEPTIONS: dict[str, tuple[str, ...]] = {
    "杨行": ("yang", "hang"),
    "徐行": ("xu", "hang"),
    "高行": ("gao", "hang"),
    "庙行": ("miao", "hang"),
    "庄行": ("zhuang", "hang"),
    "殷行": ("yin", "hang"),
    "曹行": ("cao", "hang"),
    "闵行": ("min", "hang"),
    "长宁": ("chang", "ning"),
    "长桥": ("chang", "qiao"),
    "长海": ("chang", "hai"),
    "长白": ("chang", "bai"),
    "长风": ("chang", "feng"),
    "长寿": ("chang", "shou"),
    "长征": ("chang", "zheng"),
    "长兴": ("chang", "xing"),
    "长江": ("chang", "jiang"),
    "重固": ("chong", "gu"),
    "重组": ("chong", "zu"),
    "重配": ("chong", "pei"),
    "莘庄": ("xin", "zhuang"),
    "朱家角": ("zhu", "jia", "jiao"),
    "漕河泾": ("cao", "he", "jing"),
    "洞泾": ("dong", "jing"),
    "泗泾": ("si", "jing"),
    "枫泾": ("feng", "jing"),
    "张堰": ("zhang", "yan"),
    "真如": ("zhen", "ru"),
    "陆家嘴": ("lu", "jia", "zui"),
    "柘林": ("zhe", "lin"),
    "商榻": ("shang", "ta"),
    "大场": ("da", "chang"),
    "厦门": ("xia", "men"),
    "单抗": ("dan", "kang"),
}
_LONGEST = max(map(len, EXCEPTIONS))


@dataclass(frozen=True, slots=True)
class Pinyin:
    """Spelling of a name: `full` (xinzhuangzhen) and `initials` (xzz)."""

    full: str
    initials: str


def spell(text: str) -> Pinyin:
    """Spell a name in pinyin. Latin letters and digits stay, in lower case; other signs are dropped."""
    spelled: list[Pinyin] = []
    plain = ""
    at = 0
    while at < len(text):
        word = next(
            (text[at : at + n] for n in range(_LONGEST, 1, -1) if text[at : at + n] in EXCEPTIONS),
            None,
        )
        if word is None:
            plain += text[at]
            at += 1
            continue
        spelled += _by_dictionary(plain)
        spelled += [Pinyin(syllable, syllable[0]) for syllable in EXCEPTIONS[word]]
        plain = ""
        at += len(word)
    spelled += _by_dictionary(plain)
    return Pinyin(full="".join(s.full for s in spelled), initials="".join(s.initials for s in spelled))


def _by_dictionary(text: str) -> list[Pinyin]:
    # A run that is not Chinese (HPV, ACYW135) is typed whole, so it is kept whole in the initials too.
    result = []
    for run, chinese in _runs(text):
        if chinese:
            result += [Pinyin(syllable, syllable[0]) for syllable in lazy_pinyin(run)]
        elif kept := "".join(sign for sign in run.lower() if sign.isascii() and sign.isalnum()):
            result.append(Pinyin(kept, kept))
    return result


def _runs(text: str) -> list[tuple[str, bool]]:
    return [
        ("".join(signs), chinese) for chinese, signs in groupby(text, key=lambda sign: "\u4e00" <= sign <= "\u9fff")
    ]
