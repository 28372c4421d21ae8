"""What users of one run share: the stage, who has not raced yet, and who was told of which hold."""

from typing import Any

stage: dict[str, Any] = {}
waiting: list[tuple[str, dict[str, str]]] = []  # (person, headers with token and pass)
told: dict[str, str] = {}  # person -> hold
