"""How long browsers keep the pages' files, and what else is said of them."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from humiao.kit.pages import ASK_FIRST, FOR_EVER, GUARDS, Pages


@pytest.fixture
def pages(tmp_path: Path) -> httpx.AsyncClient:
    for name in ("index.html", "icon.svg", "assets/index-Cj3nL2g2.js"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"接种 {name}")
    app = Starlette()
    app.mount("/h5", Pages(directory=tmp_path, html=True))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "kept"),
    [("", ASK_FIRST), ("index.html", ASK_FIRST), ("icon.svg", ASK_FIRST), ("assets/index-Cj3nL2g2.js", FOR_EVER)],
)
async def test_only_what_is_named_by_its_content_is_kept_unasked(
    pages: httpx.AsyncClient, path: str, kept: str
) -> None:
    told = await pages.get(f"/h5/{path}")
    assert told.status_code == 200 and told.text.startswith("接种")
    assert told.headers["Cache-Control"] == kept
    assert {name: told.headers[name] for name in GUARDS} == GUARDS
    again = await pages.get(f"/h5/{path}", headers={"If-None-Match": told.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["Cache-Control"]) == (304, b"", kept)


async def test_a_file_that_is_gone_is_not_kept(pages: httpx.AsyncClient) -> None:
    """A page that was open while a new version came asks for what the old one had; the next answer may be another."""
    gone = await pages.get("/h5/assets/index-AAAAAAAA.js")
    assert gone.status_code == 404 and "Cache-Control" not in gone.headers
