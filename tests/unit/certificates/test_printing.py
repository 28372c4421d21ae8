"""The print: opens, its text can be selected, every character has a glyph, the signed text is in the file."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pypdf
import pytest
import typst
import zxingcpp
from fontTools.ttLib import TTFont
from PIL import Image

from humiao.certificates.payload import KINDS, check_certificate, find_text, sign_certificate
from humiao.certificates.printing import FONTS, PRINT, TEMPLATE, print_pdf, printable
from humiao.certificates.qr import QUIET, qr_code
from humiao.immunizations.service import shipped_text
from tests.unit.certificates.samples import KEY, PUBLISHED, SAMPLE

TEXT = sign_certificate(SAMPLE, KEY)
ROW = {
    "vaccine": "重组乙型肝炎疫苗", "counted": "乙肝疫苗第1剂", "given_on": "2019-01-02", "lot": "A1",
    "manufacturer": "康泰生物",
    "site": "右上臂", "place": "徐汇区某门诊", "source": "本市接种",
}  # fmt: skip
CONTENT: dict[str, Any] = {
    "kind": "certificate", "title": "电子接种证", "name": "王小明", "sex": "男", "birth_date": "2019年1月2日",
    "document": "居民身份证 310***********0014", "tables": [{"title": "免疫规划疫苗", "rows": [ROW] * 40}],
    "series": [{"name": "乙肝疫苗", "counted": "3", "status": "已完成"}], "edition": "CN-SH-2026.1",
    "evaluated_on": "2026年11月28日", "total": 40,
}  # fmt: skip


def printed(**changes: Any) -> pypdf.PdfReader:
    made = print_pdf(
        CONTENT | changes,
        number=SAMPLE.number,
        issued_on="2026-11-28",
        text=TEXT,
        page="首页",
        qr_svg=qr_code(TEXT).svg,
    )
    assert TEXT.encode() in made, "humiao certificate verify finds the signed text in the file"
    return pypdf.PdfReader(io.BytesIO(made))


def selected(reader: pypdf.PdfReader) -> str:
    return re.sub(r"\s", "", "".join(page.extract_text() for page in reader.pages))


def test_its_text_can_be_selected() -> None:
    reader = printed()
    text = selected(reader)
    for part in (
        "电子接种证",
        "王小明",
        "2019年1月2日",
        "310***********0014",
        SAMPLE.number,
        "乙肝疫苗第1剂",
        "康泰生物",
    ):
        assert part in text, part
    assert len(reader.pages) >= 2 and f"第{len(reader.pages)}页" in text, "a long list goes on, and its head too"
    assert text.count("接种日期") >= len(reader.pages), "the table says on every page what its columns are"


@pytest.mark.parametrize(
    "name", ["#pagebreak()", "*王*", "$x$", "#sys.inputs", "王[小]明\\", "Mary-Ann O'Neil", "阿依古丽·買買提"]
)
def test_what_people_entered_is_text_and_never_markup(name: str) -> None:
    assert name.replace(" ", "") in selected(printed(name=name, tables=[]))


def test_the_fonts_have_every_character_that_is_printed() -> None:
    text = TTFont(str(FONTS / "NotoSansCJKsc-Regular-GBK.otf")).getBestCmap()
    title = TTFont(str(FONTS / "NotoSerifCJKsc-Bold-titles.otf")).getBestCmap()
    shown = {c for c in TEMPLATE.read_text(encoding="utf-8") + shipped_text() if c.isprintable() and printable(c)}
    assert {c for c in shown if ord(c) not in text} == set()
    assert {c for words in KINDS.values() for c in words if ord(c) not in title} == set()
    gbk = [chr(c) for c in range(0x4E00, 0x9FA6)]
    assert all(printable(c) and ord(c) in text for c in gbk)


@pytest.mark.parametrize(("name", "can"), [("喆镕堃玥", True), ("Zoë Müller", True), ("𠮷田", False), ("王😀", False)])
def test_a_name_with_a_character_that_is_not_there_is_not_printed(name: str, can: bool) -> None:
    assert printable(name) is can


def test_a_character_the_fonts_lack_is_marked() -> None:
    rows = [ROW | {"place": "𠮷祥门诊"}]
    assert "〓祥门诊" in selected(printed(tables=[{"title": "免疫规划疫苗", "rows": rows}]))


def test_the_code_is_drawn_whole() -> None:
    code = qr_code("HELLO")
    assert code.size == 21 + 2 * QUIET and code.path.startswith(f"M{QUIET} {QUIET}h7v1h-7z")


def test_a_scanner_reads_the_printed_code_and_the_public_key_proves_it(tmp_path: Path) -> None:
    """The page as a picture, read by a decoder that is none of ours, checked without a network."""
    data = CONTENT | {
        "number": SAMPLE.number, "issued_on": "2026-11-28", "text": TEXT, "page": "首页",
        "qr": qr_code(f"https://miao.example/h5/#/verify/{TEXT}").svg,
    }  # fmt: skip
    pages = tmp_path / "page-{p}.png"
    typst.compile(
        str(TEMPLATE), output=str(pages), root=str(PRINT), font_paths=[str(FONTS)], ignore_system_fonts=True,
        format="png", ppi=150, sys_inputs={"data": json.dumps(data)},
    )  # fmt: skip
    with Image.open(tmp_path / "page-1.png") as picture:
        (read,) = zxingcpp.read_barcodes(picture.convert("L"))
    text = find_text(read.text)
    assert text == TEXT and check_certificate(text, PUBLISHED) == SAMPLE
