"""What a page is told is what `striate.why` says."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import striate
from striate.data import load
from striate.errors import DataError, ExplanationError
from striate.lookup import explainable_of
from striate.studio.tiles import plane, tiles
from striate.studio.viewer import LARGEST_FILE, VIEWS, Studio, Viewer

NET = "INPUT 1x8x8 -> CONV 14 3x3 -> RELU -> MAXPOOL 2 -> FC 10"


@pytest.fixture(scope="module")
def viewer() -> Viewer:
    found = Viewer(Studio(explainable_of(NET, 3), "net"))
    found.choose("digits", 7)
    return found


def test_every_cell_of_every_view_has_a_name_that_can_be_asked(viewer: Viewer) -> None:
    for view in VIEWS:
        for column in viewer.columns(view):
            for lead in (column["lead"][0], column["lead"][-1]):
                index = [0, *column["tail"]] if column["flat"] else [*lead, 0, 0]
                name = f"{column['name']}[{','.join(map(str, index))}]{column['suffix']}"
                answer = viewer.why(name if not column.get("bare") else column["name"])
                assert abs(answer["residual"]) < 1e-5, name


@pytest.mark.parametrize(
    "what", ["conv1[13,2,3]", "fc1[4]", "conv1.weight[2,0,1,1].grad", "probability[3]", "loss"]
)
def test_answers_are_those_of_why(viewer: Viewer, what: str) -> None:
    wanted = striate.why(NET, "digits#7", what, seed=3)
    answer = viewer.why(what)
    assert (answer["value"], answer["stored"]) == (wanted.value, wanted.stored)
    assert [each["value"] for each in answer["terms"]] == [each.value for each in wanted.terms]
    near = viewer.closer(what)
    if near:
        numbers = np.frombuffer(b64decode(near["numbers"]), np.float32).reshape(near["shape"])
        assert numbers[tuple(near["at"])] == pytest.approx(wanted.value, rel=1e-5)


def test_large_layers_are_sent_in_part() -> None:
    sent = tiles("conv1", np.arange(100 * 130 * 70.0).reshape(100, 130, 70))
    assert (sent["shape"], sent["whole"], sent["step"]) == ([12, 44, 24], [100, 130, 70], 3)
    assert len(b64decode(sent["cells"])) == 12 * 44 * 24
    assert plane("conv1", np.ones((4, 6, 5)), (3, 2, 1))["shape"] == [6, 5]


def test_bytes_are_colors_with_zero_in_the_middle() -> None:
    sent = tiles("fc1", np.array([-2.0, 0.0, 1.0, np.nan, np.inf]))
    assert list(b64decode(sent["cells"])) == [1, 128, 192, 128, 128]
    assert sent["numbers"] == [-2.0, 0.0, 1.0, "nan", "inf"]


def test_a_dropped_file_is_read_by_our_own_reader(viewer: Viewer) -> None:
    file = BytesIO()
    Image.fromarray(load("digits").test.images[0, 0]).resize((40, 30)).save(file, "png")
    viewer.take(file.getvalue())
    assert viewer.picture.pixels is not None
    assert viewer.picture.pixels.shape == (1, 8, 8)
    before = viewer.picture
    for bad in (b"<script>alert(1)</script>", b"", b"\x89PNG" + bytes(LARGEST_FILE)):
        with pytest.raises(DataError):
            viewer.take(bad)
    assert viewer.picture is before


@pytest.mark.parametrize("word", ["../../etc", "/etc/passwd", "mnist", ""])
def test_only_offered_pictures_are_read(viewer: Viewer, word: str) -> None:
    with pytest.raises(DataError, match="no pictures are called"):
        viewer.choose(word, 0)


def test_what_reads_no_picture_is_said() -> None:
    with pytest.raises(ExplanationError, match="read one picture"):
        Studio(explainable_of("INPUT 4x20 -> FC 3"), "net")
