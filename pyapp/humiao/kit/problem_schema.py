"""The problem+json shape for OpenAPI, which statuses a route may answer, and a description that tells the truth."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field


class NextStep(BaseModel):
    """Something the person can do now."""

    action: str
    label: str


class FieldError(BaseModel):
    """One member of the input that is not right."""

    field: str
    code: str
    message: str


class BudgetTold(BaseModel):
    """The budget that has ended: whose, and how many in how long."""

    scope: str
    window_s: int
    most: int


class ProblemDocument(BaseModel):
    """RFC 9457 problem with a stable code, a Chinese message and what to do next.

    Problems of the rush are small, under 200 bytes: `type` and `next_steps` are then those of the code.
    """

    type: str | None = Field(None, description="urn:humiao:problem:<code>; left out by small problems")
    title: str
    status: int
    code: str = Field(description="stable; says what happened and, by problems.json, what to do next")
    detail: str
    retry_at: str | None = Field(None, description="asking again before this instant will not help")
    next_steps: list[NextStep] = Field([], description="left out by small problems: look them up by code")
    errors: list[FieldError] = []
    tries_left: int | None = None
    budget: BudgetTold | None = None
    reason: str | None = Field(None, description="why a person is not eligible")
    from_: str | None = Field(None, alias="from", description="the day on which the person will be")
    until: str | None = Field(None, description="the day on which the person no longer is, or on which the limit ends")
    rule: str | None = Field(None, description="the rule that refuses")
    explained: str | None = Field(None, description="that rule in words")
    state: str | None = Field(None, description="what has become of the thing meanwhile")
    latest: str | None = Field(None, description="until when a reservation could be cancelled or moved")


# Headers that are optional only in the framework's eyes: what misses is told by a problem of its own.
NEEDED = {
    "Idempotency-Key": "^[A-Za-z0-9_-]{8,64}$",
    "Device-Id": "^[A-Za-z0-9_-]{16,64}$",
    "Eligibility-Pass": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$",
}

REFUSED: dict[str, Any] = {
    "description": "refused",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse with these statuses."""
    return {status: dict(REFUSED) for status in statuses}


def operation_id(route: APIRoute) -> str:
    """The name of an operation: its domain and what it does, as in booking_hold."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def describe(app: FastAPI) -> None:
    """Make OpenAPI tell what is really answered: problems everywhere, and a key wherever one is needed."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            schemas = document["components"]["schemas"]
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            described = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= described.pop("$defs") | {"ProblemDocument": described}
            for operations in document["paths"].values():
                for operation in operations.values():
                    _tell_truly(operation)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to change the description


def _tell_truly(operation: dict[str, Any]) -> None:
    """What the framework says of faulty input is not what is answered; a key is optional only in its eyes.

    Anything may meet a database that is away; a body may be no JSON, too large or of another type; a token may be old,
    its account locked; at the gate anybody may come too often, and find the API away or slow.
    """
    with_body = ("400", "413", "415") if "requestBody" in operation else ()
    with_token = ("401", "403") if "security" in operation else ()
    for status in (*with_body, *with_token, "422", "429", "500", "502", "503", "504"):
        answer = operation["responses"].get(status)
        if answer is None or "application/problem+json" not in answer.get("content", {}):
            operation["responses"][status] = dict(REFUSED)
    for parameter in operation.get("parameters", []):
        if parameter["name"] in NEEDED:
            parameter |= {"required": True, "schema": {"type": "string", "pattern": NEEDED[parameter["name"]]}}
