"""The key file: JSON with the data key, the blind-index key and the token signing keys, readable by its owner alone."""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

from humiao.kit.crypto import Vault


class KeysUnusable(Exception):
    """The key file is absent or malformed; the process must not start without its keys."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One HMAC key for access tokens; the newest signs, all verify."""

    kid: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """All secrets of a process."""

    data_key: bytes
    index_key: bytes
    token_keys: tuple[TokenKey, ...]

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
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeysUnusable(f"{path}: {type(error).__name__}") from error
    if len(keys.data_key) != 16 or len(keys.index_key) < 32 or not keys.token_keys:
        raise KeysUnusable(f"{path}: a key is missing or has the wrong length")
    return keys


def make_keys(path: Path) -> Keys:
    """Read the key file, making a new one (0600) where there is none; an existing file is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = {
        "data_key": base64.b64encode(os.urandom(16)).decode(),
        "index_key": base64.b64encode(os.urandom(32)).decode(),
        "token_keys": [{"kid": os.urandom(4).hex(), "secret": base64.b64encode(os.urandom(32)).decode()}],
    }
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(fresh, file)
    try:
        os.link(draft, path)  # fails where a file is: the first maker wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return load_keys(path)
