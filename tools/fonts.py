"""Make the fonts of the certificate anew, from Noto CJK 2.004 / 2.000 (Debian: fonts-noto-cjk 1:20220127+repack1-1).

    .venv/bin/python tools/fonts.py /usr/share/fonts/opentype/noto

The text font keeps Latin and what GBK has, the title font the characters of the titles. Licence: SIL OFL 1.1, in the
same folder.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

OUT = Path(__file__).resolve().parents[1] / "pyapp" / "humiao" / "certificates" / "print" / "fonts"
TITLES = "上海市电子预防接种证记录查验明单专用沪苗平台签发0123456789"
SC = {"NotoSansCJK-Regular.ttc": "Noto Sans CJK SC", "NotoSerifCJK-Bold.ttc": "Noto Serif CJK SC"}


def gbk() -> set[int]:
    """Every character of GBK, and Latin with its first two supplements."""
    found = set(range(0x20, 0x7F)) | set(range(0xA0, 0x180))
    for first in range(0x81, 0xFF):
        for second in range(0x40, 0xFF):
            try:
                found |= {ord(c) for c in bytes([first, second]).decode("gbk")}
            except UnicodeDecodeError:
                continue
    return {c for c in found if not 0xE000 <= c < 0xF900}


def face(path: Path, family: str) -> TTFont:
    """The face of a collection that has this family name."""
    return next(font for font in TTCollection(str(path)).fonts if font["name"].getDebugName(1) == family)


def make(path: Path, characters: set[int], to: Path) -> None:
    """Write the subset; hints and layout features that print needs no more are dropped."""
    options = subset.Options(hinting=False, desubroutinize=False, layout_features=[], notdef_outline=True)
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    font = face(path, SC[path.name])
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(font)
    font.flavor = None
    font.save(str(to))


if __name__ == "__main__":
    source = Path(sys.argv[1])
    OUT.mkdir(parents=True, exist_ok=True)
    make(source / "NotoSansCJK-Regular.ttc", gbk(), OUT / "NotoSansCJKsc-Regular-GBK.otf")
    make(source / "NotoSerifCJK-Bold.ttc", {ord(c) for c in TITLES}, OUT / "NotoSerifCJKsc-Bold-titles.otf")
