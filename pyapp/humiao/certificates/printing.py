"""A certificate as PDF, set by typst from print/certificate.typ with the fonts beside it and no others.

What was entered by people reaches the template as data and is never read as markup. The signed text stands in the
document's keywords, so that `humiao certificate verify` finds it in the file.
"""

import json
import unicodedata
from pathlib import Path
from typing import Any

import typst

PRINT = Path(__file__).parent / "print"
TEMPLATE = PRINT / "certificate.typ"
FONTS = PRINT / "fonts"
MISSING = "〓"


def print_pdf(content: dict[str, Any], *, number: str, issued_on: str, text: str, page: str, qr_svg: str) -> bytes:
    """Return the PDF (40 ms of a core); `issued_on` is an ISO day, `page` says where to verify."""
    data = _marked(content) | {
        "number": number, "issued_on": issued_on, "text": text, "page": page, "qr": qr_svg,
    }  # fmt: skip
    made = typst.compile(
        str(TEMPLATE),
        root=str(PRINT),
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    assert isinstance(made, bytes)
    return made


def _marked(value: Any) -> Any:
    """The content with a geta mark for every character the fonts lack, as typesetters do: never a silent gap."""
    if isinstance(value, str):
        return "".join(c if _has(c) else MISSING for c in unicodedata.normalize("NFC", value))
    if isinstance(value, list):
        return [_marked(one) for one in value]
    return {name: _marked(one) for name, one in value.items()} if isinstance(value, dict) else value


def printable(text: str) -> bool:
    """Whether the fonts have every character: Latin and what GBK has; see print/fonts/README.md."""
    return all(_has(character) for character in unicodedata.normalize("NFC", text))


def _has(character: str) -> bool:
    if " " <= character <= "\u017f":
        return character.isprintable()
    try:
        return len(character.encode("gbk")) == 2
    except UnicodeEncodeError:
        return False
