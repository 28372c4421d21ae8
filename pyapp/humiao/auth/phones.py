"""Chinese mobile numbers: one spelling for all the ways people write them."""

import re
import unicodedata

MOBILE = re.compile(r"1[3-9][0-9]{9}")


def normalise_phone(text: str) -> str:
    """Return 11 digits, whatever +86, spaces, hyphens or full-width digits came in; raises ValueError in Chinese."""
    compact = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))
    compact = re.sub(r"^(\+86|0086|86(?=1[0-9]{10}$))", "", compact)
    if not MOBILE.fullmatch(compact):
        raise ValueError("请输入 11 位手机号码")
    return compact
