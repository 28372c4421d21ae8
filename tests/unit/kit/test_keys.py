"""The key file: made once, never losing a key; an older one gains what it lacks."""

import json
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from humiao.kit.keys import Keys, KeysUnusable, load_keys, make_keys


def older(path: Path) -> Keys:
    """A key file of before there were receipts and certificates."""
    made = make_keys(path)
    raw = json.loads(path.read_text(encoding="utf-8"))
    del raw["receipt_keys"], raw["certificate_keys"]
    path.write_text(json.dumps(raw), encoding="utf-8")
    return made


def test_a_key_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys.json"
    made = make_keys(path)
    assert make_keys(path) == load_keys(path) == made
    assert [len(key.secret) for key in (*made.receipt_keys, *made.certificate_keys)] == [32, 32]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_an_older_file_gains_the_keys_it_lacks_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = older(path)
    assert load_keys(path).receipt_keys == load_keys(path).certificate_keys == ()
    gained = make_keys(path)
    assert (gained.data_key, gained.index_key, gained.token_keys) == (made.data_key, made.index_key, made.token_keys)
    assert len(gained.receipt_keys) == len(gained.certificate_keys) == 1 and make_keys(path) == gained
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_of_several_makers_at_once_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    older(path)
    with ProcessPoolExecutor(4) as pool:
        made = list(pool.map(make_keys, [path] * 12))
    assert set(made) == {load_keys(path)}


def test_a_file_of_before_certificates_keeps_its_receipt_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = make_keys(path)
    raw = json.loads(path.read_text(encoding="utf-8"))
    del raw["certificate_keys"]
    path.write_text(json.dumps(raw), encoding="utf-8")
    gained = make_keys(path)
    assert gained.receipt_keys == made.receipt_keys and len(gained.certificate_keys) == 1


@pytest.mark.parametrize("name", ["receipt", "certificate"])
def test_a_signing_key_of_another_length_is_unusable(tmp_path: Path, name: str) -> None:
    path = tmp_path / "keys.json"
    make_keys(path)
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw[f"{name}_keys"][0]["secret"] = "AAAA"
    path.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(KeysUnusable, match=f"{name} key"):
        load_keys(path)
