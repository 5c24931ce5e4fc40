"""The page in a browser: a digit is drawn, and every number that is clicked is that of `why`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from striate.analysis.why.inquiry import Inquiry
from striate.data import Preprocessing
from striate.initialize import initialize
from striate.model import Model
from striate.notation import parse
from striate.ops.arrays import Array

for name in ("nicegui", "anywidget", "wsproto"):
    pytest.importorskip(name)
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or ""

EVIL = "<img src=x onerror=document.title='owned'>"
NET = "INPUT 1x8x8 -> CONV 14 3x3 -> RELU -> MAXPOOL 2 -> FC 3"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model one of whose classes is called like a page."""
    graph = parse(NET)
    scaled = Preprocessing(1, 8, 8, (0.1,), (0.3,))
    classes = (EVIL, "七", "eight")
    path = tmp_path_factory.mktemp("studio") / "net.safetensors"
    Model(graph, initialize(graph, seed=3), classes, scaled).save(path)
    return path


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    """The address that the command prints, while it serves."""
    command = [sys.executable, "-m", "striate", "studio", str(model), "--port", "0"]
    with subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, text=True, cwd=model.parent
    ) as serving:
        assert serving.stdout is not None
        yield serving.stdout.readline().strip()
        serving.send_signal(2)
        assert serving.wait(20) == 130
    assert sorted(each.name for each in model.parent.iterdir()) == ["net.safetensors"]


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    """The page in Debian's chromium, which must complain about nothing."""
    if not CHROMIUM:
        pytest.skip("there is no chromium")
    wrong: list[str] = []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.set_default_timeout(20_000)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        opened.goto(address)
        opened.wait_for_selector(".layer canvas")
        yield opened
        browser.close()
    assert wrong == []


def answered(page: Any, what: str) -> list[float]:
    """Sum and stored value of the number that the page explains, once it is `what`."""
    page.wait_for_function(
        "what => document.querySelector('.crumb[aria-current]')?.textContent === what", arg=what
    )
    sums = page.locator(".sums .sum, .sums .stored").all()
    return [float(each.get_attribute("data-value")) for each in sums]


def drawn(page: Any) -> Array:
    """Draw on the pad; the pixels that the page has sent last."""
    sent: list[str] = []
    page.on(
        "websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame)))
    )
    page.reload()
    page.wait_for_selector(".layer canvas")
    pad = page.locator(".pad").bounding_box()
    page.mouse.move(pad["x"] + 60, pad["y"] + 60)
    page.mouse.down()
    for x, y in ((160, 60), (150, 90), (90, 200)):
        page.mouse.move(pad["x"] + x, pad["y"] + y, steps=4)
    page.mouse.up()
    last = re.compile(r'"pixels":"([^"]+)","last":true'.replace('"', r'\\*"'))
    page.wait_for_function("document.querySelector('.striate-asker').dataset.ms > 0")
    page.wait_for_timeout(300)
    found = [each for frame in sent for each in last.findall(frame)]
    return np.frombuffer(b64decode(found[-1]), np.uint8).reshape(1, 8, 8)


def test_a_walk_from_the_loss_to_a_pixel_of_a_drawing(page: Any, model: Path) -> None:
    pixels = drawn(page)
    assert pixels.any()
    inquiry = Inquiry(Model.load(model), pixels)
    page.click(".link[data-what=loss]")
    walk = ["loss"]
    while not walk[-1].startswith("pixel"):
        answer = inquiry.why(walk[-1])
        assert answered(page, walk[-1]) == [answer.value, answer.stored]
        values = sorted(term.value for term in answer.terms)
        shown = page.locator(".products td.number").all()
        assert sorted(float(each.get_attribute("data-value")) for each in shown) == values
        links = [each.get_attribute("data-what") for each in page.locator("button.factor").all()]
        walk.append(next(each for each in links if not _LEARNED.search(each)))
        page.click(f'button.factor[data-what="{walk[-1]}"]')
    assert answered(page, walk[-1])[0] == pixels[tuple(json.loads(walk[-1][5:]))]
    assert page.locator(".crumb").all_inner_texts() == walk
    assert [each.partition("[")[0] for each in walk[-5:]] == [
        "relu1", "relu(conv1", "conv1", "input", "pixel",
    ]  # fmt: skip


_LEARNED = re.compile(r"weight|bias|std|^-?1$")


def test_what_is_called_like_a_page_is_text(page: Any) -> None:
    page.wait_for_selector(f".units button:text-is({json.dumps(EVIL)})")
    page.fill("input[name=question]", EVIL)
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.error').textContent.includes('<img')")
    assert page.locator("img").count() == 0
    assert page.title() != "owned"


def test_cells_gradients_and_kernels_can_be_clicked(page: Any, model: Path) -> None:
    inquiry = Inquiry(Model.load(model), "digits#0")
    for view, layer in (("values", "conv1"), ("gradients", "conv1"), ("kernels", "conv1.weight")):
        page.click(f".views [data-view={view}]")
        page.wait_for_selector(f'.layer[data-layer="{layer}"]')
        page.wait_for_timeout(300)
        page.locator(f'.layer[data-layer="{layer}"] canvas').nth(1).click(position={"x": 2, "y": 2})
        suffix = ".grad" if view == "gradients" else ""
        index = "[1,0,0,0]" if view == "kernels" else "[1,0,0]"
        answer = inquiry.why(f"{layer}{index}{suffix}")
        assert answered(page, answer.what) == [answer.value, answer.stored]
        assert page.locator(".striate-zoom h3").inner_text() == answer.what


def test_the_field_under_the_pointer(page: Any) -> None:
    page.locator('.layer[data-layer="pool1"] canvas').first.hover(position={"x": 2, "y": 2})
    frame = page.locator('.layer[data-layer="input"] .frame').first
    box, whole = (
        frame.bounding_box(),
        page.locator('.layer[data-layer="input"] canvas').bounding_box(),
    )
    assert box["width"] / whole["width"] == pytest.approx(4 / 8, abs=0.02)  # 2x2 of 3x3 windows


def test_a_link_leads_to_a_number_in_chinese(page: Any, address: str) -> None:
    page.goto(f"{address}&lang=zh&theme=dark&number=conv1[2,3,4]")
    answered(page, "conv1[2,3,4]")
    assert "token" not in page.url
    page.goto(page.locator(".copy").get_attribute("data-link"))
    answered(page, "conv1[2,3,4]")
    assert page.locator(".views [data-view=values]").inner_text() == "数值"
    assert page.locator("body.body--dark").count() == 1


def status(address: str, data: bytes | None = None, **headers: str) -> int:
    """What a server answers to a request."""
    try:
        with urlopen(Request(address, data, headers), timeout=20) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def test_attacks_are_refused(address: str) -> None:
    bare, _, query = address.partition("?")
    assert status(address) == 200
    assert status(bare) == 403
    assert status(address, Host="evil.example") == 403
    assert status(address, Origin="http://evil.example") == 403
    for path in ("_nicegui_ws/socket.io/?EIO=4&transport=polling", "picture/none", "docs"):
        assert status(bare + path) == 403
    for path in ("..%2f..%2fetc%2fpasswd", "_nicegui/../../../etc/passwd", "openapi.json"):
        assert status(f"{bare}{path}?{query}") == 404
    assert status(f"{bare}picture/none?{query}", b"x") == 404
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    socket = f"{bare}_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert status(socket, **handshake, **key) == 403
    assert status(f"{socket}&{query}", Origin="http://evil.example", **handshake, **key) == 403
