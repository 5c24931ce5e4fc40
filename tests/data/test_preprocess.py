"""What a model file says about pictures: applied, written, read back, refused when wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from data.making import color, encoded, gray
from striate.data import Preprocessing
from striate.errors import DataError

RGB = Preprocessing(3, 9, 5, mean=(0.4, 0.5, 0.25), std=(0.2, 0.3, 0.125), fit="crop")


def test_it_survives_json() -> None:
    assert Preprocessing.from_dict(json.loads(json.dumps(RGB.to_dict()))) == RGB


def test_normalize_is_the_formula() -> None:
    x = np.random.default_rng(1).integers(0, 256, (4, 3, 9, 5), dtype=np.uint8)
    mean = np.array(RGB.mean)[:, None, None]
    std = np.array(RGB.std)[:, None, None]
    expected = (x / 255 - mean) / std
    out = RGB.normalize(torch.from_numpy(x))
    assert out.dtype == torch.float32
    np.testing.assert_allclose(out.numpy(), expected, atol=2e-6)
    np.testing.assert_allclose(RGB.normalize_array(x), expected, atol=1e-14)


def test_normalize_takes_one_channel_and_leaves_its_input() -> None:
    one = Preprocessing(1, 4, 6, (0.25,), (0.5,))
    x = torch.arange(24.0).view(1, 1, 4, 6)
    out = one.normalize(x)
    assert torch.allclose(out, (x / 255 - 0.25) / 0.5)
    assert torch.equal(x, torch.arange(24.0).view(1, 1, 4, 6))


def test_normalize_keeps_the_memory_format() -> None:
    x = torch.zeros(2, 3, 9, 5, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    assert RGB.normalize(x).is_contiguous(memory_format=torch.channels_last)


def test_normalize_refuses_other_channels() -> None:
    with pytest.raises(DataError, match="2x1x9x5 do not have 3 channels"):
        RGB.normalize(torch.zeros(2, 1, 9, 5, dtype=torch.uint8))


@pytest.mark.parametrize("source", [gray(1, 40, 30), encoded(gray(1, 40, 30)), color(1, 8, 90)])
def test_pictures_of_any_size_and_color_fit(source) -> None:
    assert RGB.picture(source).shape == RGB.shape == (3, 9, 5)


def test_nothing_is_inverted() -> None:
    one = Preprocessing(1, 11, 7, (0.1,), (0.3,))
    assert np.array_equal(one.picture(gray(2))[0], gray(2))


WRONG = {
    "lacks": ({"channels": 1}, "lacks height, mean, std, width"),
    "unknown": ({**RGB.to_dict(), "colour": "rgb"}, "no field colour"),
    "zero std": ({**RGB.to_dict(), "std": [1, 0, 1]}, "std is above zero"),
    "too few": ({**RGB.to_dict(), "mean": [0.5]}, "mean is 3 finite numbers"),
    "not finite": ({**RGB.to_dict(), "mean": [0.5, float("nan"), 0]}, "mean is 3 finite"),
    "text": ({**RGB.to_dict(), "mean": "abc"}, "mean is a list of numbers"),
    "number": ({**RGB.to_dict(), "mean": 0.5}, "mean is a list of numbers"),
    "height": ({**RGB.to_dict(), "height": 0}, "height is a whole number of 1 or more, not 0"),
    "width": ({**RGB.to_dict(), "width": "9"}, "width is a whole number of 1 or more, not '9'"),
    "bool": ({**RGB.to_dict(), "channels": True}, "channels is a whole number"),
    "fit": ({**RGB.to_dict(), "fit": "squash"}, "fit is resize or crop, not 'squash'"),
    "list": ([1, 2], "a table of fields, not list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_fields_are_told(case: str) -> None:
    fields, says = WRONG[case]
    with pytest.raises(DataError, match=says):
        Preprocessing.from_dict(fields)


def test_a_file_cannot_fill_other_channels() -> None:
    four = Preprocessing(4, 3, 3, (0.5,) * 4, (1.0,) * 4)
    with pytest.raises(DataError, match="cannot fill an input of 4 channels"):
        four.picture(gray(1))


def test_loading_a_picture_loads_no_torch() -> None:
    code = (
        "import sys, numpy\n"
        "from striate.data import Preprocessing, load\n"
        "p = Preprocessing(1, 4, 4, (0.5,), (0.5,))\n"
        "x = p.normalize_array(p.picture(numpy.zeros((9, 8), dtype=numpy.uint8)))\n"
        "raise SystemExit('torch' in sys.modules or x.shape != (1, 4, 4))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
