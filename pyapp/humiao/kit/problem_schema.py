"""The problem+json shape for OpenAPI, and a helper to declare which statuses a route may answer."""

from typing import Any

from pydantic import BaseModel


class NextStep(BaseModel):
    """Something the person can do now."""

    action: str
    label: str


class FieldError(BaseModel):
    """One member of the input that is not right."""

    field: str
    code: str
    message: str


class ProblemDocument(BaseModel):
    """RFC 9457 problem with a stable code, a Chinese message and what to do next."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    retry_at: str | None = None
    next_steps: list[NextStep] = []
    errors: list[FieldError] = []
    tries_left: int | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse with these statuses."""
    schema = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    return {
        status: {"model": ProblemDocument, "content": {"application/problem+json": schema}, "description": "refused"}
        for status in statuses
    }
