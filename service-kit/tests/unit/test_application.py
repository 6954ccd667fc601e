"""What every service answers alike: probes, problem documents, bounded bodies, counted requests."""

import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel
from service_kit import Phase, ProblemError, Service, ServiceSettings, build_application
from service_kit.application import ServiceApplication
from service_kit.hot_path import Headers

LIMIT = 1000


class Thing(BaseModel):
    size: int


def example() -> tuple[Service[ServiceSettings], ServiceApplication]:
    service = Service("example", ServiceSettings())

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    application = build_application(
        service, title="example", description="for tests", lifespan=lifespan, body_limit_bytes=LIMIT
    )

    @application.post("/things/{number}")
    async def make(number: int, thing: Thing) -> Thing:
        del number
        return thing

    @application.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @application.get("/refuse")
    async def refuse() -> None:
        raise ProblemError(409, "taken", "it is taken", headers={"Retry-After": "3"}, owner="another")

    @application.get("/fail")
    async def fail() -> None:
        raise RuntimeError("secret detail")

    return service, application


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    _, application = example()
    async with _client(application) as client:
        yield client


def _client(application: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://example")


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, object]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = response.json()
    assert document["type"] == f"urn:auto-stack:problem:{kind}"
    assert document["status"] == status
    assert {"title", "detail"} <= document.keys()
    return document


async def test_an_unknown_path_is_a_problem_document(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/nope"), 404, "not-found")["detail"] == "there is nothing at /nope"


async def test_a_wrong_method_is_a_problem_document_that_says_what_is_allowed(
    client: httpx.AsyncClient,
) -> None:
    response = await client.delete("/healthz")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET"


async def test_an_invalid_request_names_every_place(client: httpx.AsyncClient) -> None:
    document = problem(await client.post("/things/x", json={"size": "big"}), 422, "invalid-request")
    errors = document["errors"]
    assert isinstance(errors, list)
    assert [error["where"] for error in errors] == ["path.number", "body.size"]


async def test_a_refusal_carries_its_fields_and_headers(client: httpx.AsyncClient) -> None:
    response = await client.get("/refuse")
    assert problem(response, 409, "taken")["owner"] == "another"
    assert response.headers["retry-after"] == "3"


async def test_a_fault_of_ours_tells_no_detail(client: httpx.AsyncClient) -> None:
    response = await client.get("/fail")
    problem(response, 500, "internal")
    assert "secret detail" not in response.text


async def test_a_body_announced_too_large_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    async def never_read() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    response = await client.post("/raw", content=never_read(), headers={"content-length": str(LIMIT + 1)})
    problem(response, 413, "body-too-large")


async def test_a_body_of_unknown_length_is_cut_at_the_limit(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b"x" * 100

    response = await client.post("/raw", content=endless())
    problem(response, 413, "body-too-large")
    assert sent <= LIMIT + 200


async def test_a_body_of_exactly_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    assert (await client.post("/raw", content=b"x" * LIMIT)).json() == LIMIT


async def test_readiness_follows_the_phase_and_liveness_does_not() -> None:
    service, application = example()
    async with _client(application) as client:
        for phase, ready in ((None, 503), (Phase.READY, 200), (Phase.DRAINING, 503)):
            if phase is not None:
                service.lifecycle.advance(phase)
            response = await client.get("/readyz")
            assert response.status_code == ready
            assert (await client.get("/healthz")).status_code == 200
        assert problem(response, 503, "unready")["reasons"] == {"phase": "draining"}
        assert response.headers["retry-after"] == "1"


async def test_requests_are_counted_by_route_template() -> None:
    _, application = example()
    async with _client(application) as client:
        await client.post("/things/7", json={"size": 1})
        await client.get("/no/such/path")
        await client.get("/fail")
        text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="POST",route="/things/{number}",status="200"} 1.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'http_requests_total{method="GET",route="/fail",status="500"} 1.0' in text


async def test_version_says_what_runs(client: httpx.AsyncClient) -> None:
    version = (await client.get("/version")).json()
    assert version["service"] == "example"
    assert version["version"] == "dev"


async def test_openapi_documents_problem_documents_and_not_fastapis_own_shape(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json")).json()
    refusal = document["paths"]["/things/{number}"]["post"]["responses"]["4XX"]
    assert "application/problem+json" in refusal["content"]
    assert "HTTPValidationError" not in json.dumps(document)


async def test_docs_is_one_page_with_every_operation_and_no_outside_asset(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for operation in ("GET /healthz", "GET /readyz", "POST /things/{number}"):
        assert operation in page.text
    assert "<script" not in page.text
    assert "src=" not in page.text


async def test_a_hot_path_is_bounded_counted_and_answers_its_faults() -> None:
    service, application = example()

    async def endpoint(headers: Headers, body: bytes) -> bytes:
        if body == b"fail":
            raise RuntimeError("secret detail")
        if body == b"refuse":
            raise ProblemError(409, "taken", "it is taken")
        return b'"%b as %b"' % (body, dict(headers)[b"content-type"])

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * LIMIT
        yield b"x"

    application.add_hot_path("POST", "/hot", endpoint)
    async with _client(application) as client:
        echo = await client.post("/hot", content=b"echo", headers={"Content-Type": "text/plain"})
        assert (echo.json(), echo.headers["content-type"]) == ("echo as text/plain", "application/json")
        problem(await client.post("/hot", content=b"refuse"), 409, "taken")
        failed = await client.post("/hot", content=b"fail")
        problem(failed, 500, "internal")
        assert "secret detail" not in failed.text
        problem(await client.post("/hot", content=b"x" * (LIMIT + 1)), 413, "body-too-large")
        problem(await client.post("/hot", content=chunks()), 413, "body-too-large")
        problem(await client.get("/hot"), 405, "method-not-allowed")
    exposition = service.metrics.exposition().decode()
    for status, count in ((200, 1), (409, 1), (413, 2), (500, 1)):
        assert f'http_requests_total{{method="POST",route="/hot",status="{status}"}} {count}.0' in exposition
