"""SQL lives in sql/queries/<domain>/<name>.sql, one statement a file; here it is found by name.

`statement("booking/hold_many")` is the text of that file. Parameters are positional ($1…) and named in the
file's first comment. A name that is not there is a programming error and raises at first use; tests/tidy loads all.
"""

from functools import cache
from pathlib import Path

SQL_ROOT = Path(__file__).resolve().parents[3] / "sql"


@cache
def statement(name: str) -> str:
    """Return the text of the statement `<domain>/<name>`; raises FileNotFoundError for an unknown name."""
    return (SQL_ROOT / "queries" / f"{name}.sql").read_text(encoding="utf-8")
