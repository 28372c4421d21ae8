"""What users of one run share: the stage, who has not raced yet, and who was told of which hold."""

from typing import Any

stage: dict[str, Any] = {}
waiting: list[tuple[str, str]] = []  # (person, token)
told: dict[str, str] = {}  # person -> hold
