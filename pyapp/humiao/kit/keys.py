"""The key file: JSON with the data key, the blind-index key, and the keys that sign tokens, receipts and certificates.

Readable by its owner alone. A file older than receipts or certificates gets their key from `make_keys`, and keeps the
rest.
"""

import base64
import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humiao.kit.crypto import Vault

ADDED_LATER = ("receipt_keys", "certificate_keys")


class KeysUnusable(Exception):
    """The key file is absent or malformed; the process must not start without its keys."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One HMAC key for access tokens and eligibility passes; the newest (first) signs, all verify."""

    kid: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """One Ed25519 private key (32 bytes) for receipts; the newest (first) signs. Its public half is published by id."""

    kid: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class CertificateKey:
    """One Ed25519 private key (32 bytes) for certificates; the newest (first) signs, older ones stay published."""

    kid: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """All secrets of a process."""

    data_key: bytes
    index_key: bytes
    token_keys: tuple[TokenKey, ...]
    receipt_keys: tuple[ReceiptKey, ...] = ()
    certificate_keys: tuple[CertificateKey, ...] = ()

    def vault(self) -> Vault:
        """Return the sealing helper over these keys."""
        return Vault(data_key=self.data_key, index_key=self.index_key)


def load_keys(path: Path) -> Keys:
    """Read the key file; raises KeysUnusable naming what is wrong, never printing a key."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        keys = Keys(
            data_key=base64.b64decode(raw["data_key"]),
            index_key=base64.b64decode(raw["index_key"]),
            token_keys=tuple(TokenKey(k["kid"], base64.b64decode(k["secret"])) for k in raw["token_keys"]),
            receipt_keys=tuple(
                ReceiptKey(k["kid"], base64.b64decode(k["secret"])) for k in raw.get("receipt_keys", ())
            ),
            certificate_keys=tuple(
                CertificateKey(k["kid"], base64.b64decode(k["secret"])) for k in raw.get("certificate_keys", ())
            ),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeysUnusable(f"{path}: {type(error).__name__}") from error
    if len(keys.data_key) != 16 or len(keys.index_key) < 32 or not keys.token_keys:
        raise KeysUnusable(f"{path}: a key is missing or has the wrong length")
    if any(len(key.secret) != 32 for key in keys.receipt_keys):
        raise KeysUnusable(f"{path}: a receipt key has the wrong length")
    if any(len(key.secret) != 32 for key in keys.certificate_keys):
        raise KeysUnusable(f"{path}: a certificate key has the wrong length")
    return keys


def _fresh_key() -> dict[str, str]:
    return {"kid": os.urandom(4).hex(), "secret": base64.b64encode(os.urandom(32)).decode()}


def _write_draft(path: Path, content: dict[str, Any]) -> Path:
    """Write beside `path`, for the owner alone."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _add_missing_keys(path: Path) -> None:
    """Give an older file the keys it was made without; every other key stays. Of several at once the first wins."""
    with path.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in ADDED_LATER if not there.get(name)]
        if not missing:
            return
        # Whoever waited for the lock reads by the path, and so finds the file that takes this one's place.
        _write_draft(path, there | {name: [_fresh_key()] for name in missing}).replace(path)


def make_keys(path: Path) -> Keys:
    """Read the key file, making a new one (0600) where there is none; a key that is there is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _write_draft(
        path,
        {
            "data_key": base64.b64encode(os.urandom(16)).decode(),
            "index_key": base64.b64encode(os.urandom(32)).decode(),
            "token_keys": [_fresh_key()],
        }
        | {name: [_fresh_key()] for name in ADDED_LATER},
    )
    try:
        os.link(draft, path)  # fails where a file is: the first maker wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    keys = load_keys(path)
    if not keys.receipt_keys or not keys.certificate_keys:
        _add_missing_keys(path)
        keys = load_keys(path)
    return keys
