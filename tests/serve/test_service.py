"""A served model: the answers of `predict`, every refusal, metrics, batching, and a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from striate.data import load
from striate.data.preprocess import Preprocessing
from striate.initialize import initialize
from striate.model import Model
from striate.notation import parse

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from striate.serve import Limits, Service  # noqa: E402
from striate.serve.app import application  # noqa: E402
from striate.serve.server import in_background  # noqa: E402

PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a small network."""
    graph = parse("INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> FC 10")
    path = tmp_path_factory.mktemp("serve") / "model.safetensors"
    names = tuple("abcdefghij")
    Model(graph, initialize(graph, seed=3), names, Preprocessing(1, 8, 8, (0.3,), (0.4,))).save(
        path
    )
    return path


def png(number: int = 0) -> bytes:
    """A digit as a PNG file."""
    out = io.BytesIO()
    Image.fromarray(load("digits").test.images[number, 0]).save(out, "PNG")
    return out.getvalue()


def asked(service: Service, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `ask` answers with a client of the service, without a socket."""

    async def run() -> Any:
        transport = httpx.ASGITransport(application(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://striate") as client:
            try:
                return await ask(client)
            finally:
                await service.close()

    return asyncio.run(run())


def test_it_answers_as_predict(file: Path) -> None:
    model = Model.load(file)
    wanted = model.predict([png(0), png(1)])

    async def ask(client: Any) -> tuple[Any, Any]:
        parts = [("files", ("0.png", png(0), "image/png")), ("files", ("1.png", png(1)))]
        return (
            await client.post("/predict", content=png(0), headers=PNG),
            await client.post("/predict", files=parts),
        )

    one, two = asked(Service(file), ask)
    assert (one.status_code, two.status_code) == (200, 200)
    answer = two.json()
    assert set(answer) == {"schema_version", "model", "predictions"}
    assert answer["model"] == hashlib.sha256(file.read_bytes()).hexdigest()
    both = one.json()["predictions"] + answer["predictions"]
    # To rounding: how many pictures run together decides the order of sums.
    for said, prediction in zip(both, [wanted[0], *wanted], strict=True):
        assert said["label"] == prediction.label
        shares = dict(prediction.ranking)
        assert list(said["probabilities"]) == list("abcdefghij")
        for name, share in said["probabilities"].items():
            assert share == pytest.approx(shares[name], abs=1e-6)


_A = ("files", ("a.png", png()))
REFUSED: tuple[tuple[str, dict[str, Any], int, str], ...] = (
    ("text", {"content": b"no picture at all"}, 400, "the picture: "),
    ("nothing", {"content": b""}, 400, "0 bytes are no picture"),
    ("half a file", {"content": png()[:60], "headers": PNG}, 400, "damaged or truncated"),
    ("JSON", {"json": {"files": 1}}, 400, "the picture: "),
    (
        "one of two",
        {"files": [("files", ("a.png", png())), ("files", ("b.png", b"x"))]},
        400,
        "b.png",
    ),
    ("another part", {"files": [("file", ("a.png", png()))]}, 400, "no part called files"),
    ("no boundary", {"content": b"x", "headers": {"Content-Type": "multipart/x"}}, 400, "parts"),
    ("too many", {"files": [_A] * 4}, 413, "more than 3"),
    ("far too many", {"files": [_A] * 9}, 400, "Too many files"),
    ("too large", {"content": b"x" * 60_001}, 413, "larger than 0.06 MB"),
)


@pytest.mark.parametrize(
    ("what", "request_", "status", "text"), REFUSED, ids=[r[0] for r in REFUSED]
)
def test_refusals(file: Path, what: str, request_: dict[str, Any], status: int, text: str) -> None:
    service = Service(file, Limits(pictures=3, upload=60_000))

    async def ask(client: Any) -> Any:
        refused = await client.post("/predict", **request_)
        return refused, await client.post("/predict", content=png())

    refused, after = asked(service, ask)
    assert refused.status_code == status, what
    assert text in refused.json()["error"]
    assert after.status_code == 200


def test_a_chunked_body_is_bounded_as_it_arrives(file: Path) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    async def ask(client: Any) -> Any:
        return await client.post("/predict", content=chunks())

    assert asked(Service(file, Limits(upload=5000)), ask).status_code == 413


def test_too_busy_and_together(file: Path) -> None:
    service = Service(file, Limits(queue=5, batch=4))

    async def ask(client: Any) -> Any:
        return await asyncio.gather(
            *(client.post("/predict", content=png(k)) for k in range(20))
        ), (await client.get("/metrics")).text

    answers, metrics = asked(service, ask)
    codes = [each.status_code for each in answers]
    assert set(codes) == {200, 429}
    assert codes.count(200) >= 5
    assert all(each.headers["retry-after"] == "1" for each in answers if each.status_code == 429)
    assert f'striate_requests_total{{status="200"}} {codes.count(200)}' in metrics
    assert f"striate_pictures_total {codes.count(200)}" in metrics
    assert "striate_waiting_pictures 0\n" in metrics
    assert f"striate_request_seconds_count {len(codes)}" in metrics
    assert service.batcher.batches < codes.count(200)


def test_too_slow(file: Path) -> None:
    async def slow() -> Any:
        yield b"x"
        await asyncio.sleep(5)
        yield b"x"

    async def ask(client: Any) -> Any:
        return await client.post("/predict", content=slow())

    assert asked(Service(file, Limits(seconds=0.05)), ask).status_code == 408


def test_the_key(file: Path) -> None:
    async def ask(client: Any) -> Any:
        sent = ({}, {"X-API-Key": "né"}, {"X-API-Key": "right"}, {"Authorization": "Bearer right"})
        answers = [
            await client.post(
                "/predict", content=png(), headers=[(k, v.encode()) for k, v in each.items()]
            )
            for each in sent
        ]
        return [each.status_code for each in answers], (await client.get("/health")).status_code

    assert asked(Service(file, api_key="right"), ask) == ([401, 401, 200, 200], 200)


def test_the_other_paths(file: Path) -> None:
    async def ask(client: Any) -> Any:
        paths = ("/health", "/docs", "/openapi.json", "/predict", "/none")
        return [await client.get(path) for path in paths]

    health, docs, schema, method, path = asked(Service(file), ask)
    assert health.json()["picture"] == [1, 8, 8]
    assert "multipart" in docs.text
    assert f"{docs.request.url.copy_with(path='/predict')}</pre>" in docs.text
    assert "src=" not in docs.text
    assert "https://" not in docs.text
    assert set(schema.json()["paths"]["/predict"]) == {"post"}
    assert (method.status_code, path.status_code) == (405, 404)
    assert method.headers["allow"] == "POST"
    assert "GET /none is not answered here" in path.json()["error"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.one_of(st.binary(max_size=200), st.binary(max_size=40).map(lambda b: png()[:40] + b)),
    kind=st.sampled_from(
        ["image/png", "multipart/form-data; boundary=x", "multipart/form-data; boundary=\x80", ""]
    ),
)
def test_no_request_crashes_it(file: Path, body: bytes, kind: str) -> None:
    async def ask(client: Any) -> Any:
        headers = [(b"content-type", kind.encode("latin-1"))]
        return await client.post("/predict", content=body, headers=headers)

    answer = asked(_service(file), ask)
    assert answer.status_code in (200, 400)


def _service(file: Path) -> Service:
    return Service(file)


def test_weights_that_are_no_numbers(file: Path) -> None:
    model = Model.load(file)
    weights = {node: dict(own) for node, own in model.weights.items()}
    weights["fc1"]["bias"] = np.full(10, np.nan, np.float32)
    broken = Model(model.graph, weights, model.classes, model.preprocessing)

    async def ask(client: Any) -> Any:
        return await client.post("/predict", content=png())

    answer = asked(Service(broken), ask)
    assert answer.status_code == 500
    assert "what is no number" in answer.json()["error"]


@pytest.fixture
def url(file: Path) -> Iterator[str]:
    with in_background(Service(file)) as address:
        yield address


def test_over_a_socket(url: str) -> None:
    assert url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(f"{url}/predict", png(), PNG)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert len(json.load(answer)["predictions"]) == 1
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{url}/predict", b"x", timeout=30)
