"""Numbers of certificates: year and month, then 60 bits of chance, so that none can be guessed from another."""

import secrets
from datetime import date

from humiao.certificates.payload import ALPHABET_OF_NUMBERS


def new_number(on: date) -> str:
    """HM2611-7K3F-9QWX-2B5D."""
    chance = "".join(secrets.choice(ALPHABET_OF_NUMBERS) for _ in range(12))
    return f"HM{on:%y%m}-{chance[:4]}-{chance[4:8]}-{chance[8:]}"
