"""What the API counts of its requests: by template, never by path; every refusal by its code, whoever refused."""

from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from humiao.kit.measured import Measured
from humiao.kit.meters import END_MARK, Exporter, HttpMeters, new_registry, text_without_end

PATH, TEMPLATE = f"/api/v1/resident/reservations/{uuid4()}", "/api/v1/resident/reservations/{reservation_id}"


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(
    ("method", "path", "route", "code"),
    [
        # refused by the service's edge: no token
        ("GET", PATH, TEMPLATE, "not_logged_in"),
        # no such route: the path is nobody's business
        ("GET", "/api/v1/13800000001", "other", "not_found"),
        # a word that is no method of ours
        ("BREW", "/api/v1/public/districts", "/api/v1/public/districts", "method_not_allowed"),
        # refused before routing
        ("POST", "/api/v1/resident/people", "other", "wrong_content_type"),
    ],
)
async def test_a_request_counts_under_its_template_and_its_refusal_under_its_code(
    app: FastAPI, client: httpx.AsyncClient, method: str, path: str, route: str, code: str
) -> None:
    registry: CollectorRegistry = app.state.registry
    labels = {"route": route, "method": method if method in ("GET", "POST") else "other", "outcome": "4xx"}
    requests, refusals = "humiao_api_requests_total", "humiao_api_refusals_total"
    before = value(registry, requests, **labels), value(registry, refusals, code=code)
    body = b"x" if method == "POST" else b""
    answer = await client.request(method, path, content=body)
    assert answer.json()["code"] == code
    assert value(registry, requests, **labels) == before[0] + 1
    assert value(registry, refusals, code=code) == before[1] + 1
    assert value(registry, "humiao_api_request_seconds_count", route=route) > 0
    assert value(registry, "humiao_api_in_flight") == 0


async def test_what_breaks_counts_as_internal() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("a defect")

    registry = CollectorRegistry()
    transport = httpx.ASGITransport(Measured(broken, meters=HttpMeters(registry)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(RuntimeError):
            await client.get("/")
    assert value(registry, "humiao_api_requests_total", route="other", method="GET", outcome="5xx") == 1
    assert value(registry, "humiao_api_refusals_total", code="internal") == 1
    assert value(registry, "humiao_api_in_flight") == 0


def test_metrics_are_shown_until_the_exporter_is_closed() -> None:
    registry = new_registry()
    HttpMeters(registry).in_flight.set(3)
    exporter = Exporter("127.0.0.1:0", registry)
    url = f"http://127.0.0.1:{exporter.port}/metrics"
    assert "humiao_api_in_flight 3.0" in httpx.get(url).text
    exporter.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_text_that_another_follows_has_no_end_mark() -> None:
    text = text_without_end(new_registry())
    assert text.endswith("\n") and END_MARK not in text
