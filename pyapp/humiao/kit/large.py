"""Bodies larger than any other request's: on which paths, how large, of which type. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

JSON = "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Large:
    """The most bytes of a body and its type. JSON is read at the edge, a file by its route, after it asked who."""

    bytes_max: int
    content_type: str = JSON


Larger = Mapping[str, Large]  # by the beginning of a path


def large_of(larger: Larger, path: str) -> Large | None:
    """What a path may take beyond the usual, None where it is nothing."""
    return next((large for beginning, large in larger.items() if path.startswith(beginning)), None)
