"""Sealing of personal data: SM4-GCM with the row as associated data, and keyed blind indexes (HMAC-SM3).

A sealed value opens only in the row and field it was sealed for: ciphertexts cannot be swapped between rows. A blind
index lets equal values be found without opening them; it is keyed because ID numbers and phones can be enumerated.
GM/T 0002 (SM4), GM/T 0004 (SM3); vectors are checked in tests/unit/kit.
"""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

NONCE_BYTES = 12
TAG_BYTES = 16


class Unsealable(Exception):
    """The ciphertext was changed, belongs to another row or field, or was sealed under another key."""


class Vault:
    """Seals and opens personal data. One per process; keys come from the key file, never from the database."""

    def __init__(self, *, data_key: bytes, index_key: bytes) -> None:
        if len(data_key) != 16 or len(index_key) < 32:
            raise ValueError("the data key has 16 bytes, the index key at least 32")
        self._data_key = data_key
        self._index_key = index_key

    def seal(self, plain: str, *, row: UUID, field: str) -> bytes:
        """Encrypt `plain` for one row and field: nonce (12) + ciphertext + tag (16)."""
        nonce = os.urandom(NONCE_BYTES)
        encryptor = Cipher(SM4(self._data_key), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(row.bytes + field.encode())
        body = encryptor.update(plain.encode()) + encryptor.finalize()
        return nonce + body + encryptor.tag

    def open(self, sealed: bytes, *, row: UUID, field: str) -> str:
        """Decrypt what `seal` made for the same row and field; raises Unsealable for anything else."""
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise Unsealable(field)
        nonce, body, tag = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:-TAG_BYTES], sealed[-TAG_BYTES:]
        decryptor = Cipher(SM4(self._data_key), modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(row.bytes + field.encode())
        try:
            return (decryptor.update(body) + decryptor.finalize()).decode()
        except InvalidTag as error:
            raise Unsealable(field) from error

    def blind_index(self, kind: str, value: str) -> bytes:
        """Keyed digest (32 bytes) of a normalised value; `kind` keeps phones and ID numbers apart."""
        mac = hmac.HMAC(self._index_key, hashes.SM3())
        mac.update(kind.encode() + b"\x00" + value.encode())
        return mac.finalize()
