"""What an installation lacks is said when it starts, with what to do; an embedded city knows its own address."""

import json
from pathlib import Path
from typing import Any

import pytest

from humiao.embedded.city import City, believed_proxies
from humiao.kit.keys import Keys, TokenKey, make_keys
from humiao.main import what_lacks
from humiao.settings import Settings

OLD = Keys(b"d" * 16, b"i" * 32, (TokenKey("t", b"s" * 32),), (), ())  # of a file from before certificates


@pytest.mark.parametrize(
    ("keys", "address", "told"),
    [
        (OLD, "", ["no key to sign certificates", "no public address"]),
        (OLD, "https://hm.example", ["no key to sign certificates"]),
    ],
)
def test_what_lacks_is_told_with_what_to_do(keys: Keys, address: str, told: list[str]) -> None:
    lacking = what_lacks(Settings(public_url=address), keys)
    assert [lack["event"] for lack in lacking] == told
    assert all(lack["mend"] and lack["effect"] for lack in lacking)


def test_nothing_is_told_where_nothing_lacks(tmp_path: Path) -> None:
    assert what_lacks(Settings(public_url="https://hm.example"), make_keys(tmp_path / "keys.json")) == []


@pytest.mark.parametrize(
    ("chosen", "borne"), [("", "http://127.0.0.1:8123"), ("https://hm.example", "https://hm.example")]
)
def test_a_city_on_one_machine_tells_its_address_to_its_parts(tmp_path: Path, chosen: str, borne: str) -> None:
    narrator: Any = None
    city = City(Settings(home=tmp_path, http_port=8123, public_url=chosen), demo=False, narrator=narrator)
    city._admin_ports = {"serve": 1}
    city._settings = city._settings.model_copy(update={"database_url": "postgresql://x", "redis_url": "redis://x"})
    assert city._environment("serve")["HUMIAO_PUBLIC_URL"] == borne


def test_a_city_believes_its_own_machine_unless_somebody_named_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUMIAO_TRUSTED_PROXIES", raising=False)
    assert believed_proxies(Settings()) == ["127.0.0.0/8", "::1/128"]
    for named in ([], ["10.0.0.0/8"]):
        monkeypatch.setenv("HUMIAO_TRUSTED_PROXIES", json.dumps(named))
        assert believed_proxies(Settings()) == named
