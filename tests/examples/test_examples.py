"""Every example runs, draws, and shows what it says it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import striate

FOLDER = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
DRAWS = find_spec("matplotlib") is not None
NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory):
    """Run an example once, quickly and with warnings as errors; what it prints."""
    known: dict[str, str] = {}

    def run(name: str) -> str:
        if name not in known:
            pictures = tmp_path_factory.mktemp(name) / "pictures"
            known[name] = _run(name, pictures)
            assert not DRAWS or _is_drawn(pictures / f"{name}.png")
        return known[name]

    return run


def _run(name: str, pictures: Path) -> str:
    source = str(Path(striate.__file__).parents[1])
    # No compiler, and no threads that wait for each other: a run takes seconds.
    env = {**os.environ, "STRIATE_FUSED": "off", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    env["PYTHONPATH"] = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]).strip(
        os.pathsep
    )
    output = ["--output", str(pictures)] if DRAWS else []
    command = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), "--fast", *output]
    done = subprocess.run(
        command, env=env, cwd=pictures.parent, capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def _is_drawn(path: Path) -> bool:
    """A picture with more than a blank page on it."""
    from PIL import Image

    with Image.open(path) as image:
        colors = image.convert("RGB").getcolors(maxcolors=1 << 24)
        return min(image.size) > 200 and len(colors) > 20


def number(text: str, pattern: str) -> float:
    """The number where the pattern has a #."""
    match = re.search(pattern.replace("#", f"({NUMBER})"), text)
    assert match, f"{pattern} is not in:\n{text}"
    return float(match[1])


def test_the_examples_are_those_of_the_manual():
    manual = (FOLDER.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"examples/(\w+)\.py", manual))) == NAMES
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_an_example_fits_on_a_page(name: str):
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert f"python examples/{name}.py --output pictures" in text


def test_sigmoid_gradients_vanish_and_those_of_relu_do_not(printed):
    text = printed("vanishing_gradients")
    rows = [[float(each) for each in line] for line in re.findall(r"(\d+) +(\S+e\S+) +(\S+)", text)]
    assert [row[0] for row in rows] == list(range(1, 11))
    assert number(text, "sigmoid: first layer / last layer = #") < 0.25**8
    assert 0.1 < number(text, "relu: first layer / last layer = #") < 20
    for k in (0, 4):  # a few layers on, the gradient is at least a hundred times larger
        assert rows[k][1] * 100 < rows[k + 4][1]


def test_through_time_gradients_vanish_or_explode_unless_a_gate_is_open(printed):
    text = printed("gradients_through_time")

    def reaches(cell: str) -> float:
        return number(text, f"(?m:^){cell}: first step / last step = +#")

    assert reaches("sigmoid RNN") < 0.25**50
    assert reaches("ReLU RNN, 3 x") > 1e10
    for cell in ("GRU", "LSTM"):  # a gate of 0.5 and what goes around it
        assert 0.5**63 < reaches(cell) < 1e-6
    assert 0.1 < reaches("GRU, open") < 1
    assert 1 < reaches("LSTM, open") < 1000


def test_one_rate_is_good_one_creeps_and_one_diverges(printed):
    text = printed("learning_rates")
    best = number(text, "best: # x")
    limit = number(text, "above rate #")
    assert number(text, "good +rate #") < limit < number(text, "too large rate #")
    assert abs(number(text, "good .*: # x") - best) < 1e-3
    assert 0.5 < abs(number(text, "small .*: # x") - best) < 5
    good, small, large = (number(text, f"{each} .*loss #") for each in ("good", "small", "large"))
    assert good < 0.1 < small < 10 < 1000 < large


def test_every_product_is_listed_and_the_sums_agree_with_pytorch(printed):
    text = printed("enumeration")
    rows = re.findall(rf"  (\S+) = (.+) = ({NUMBER})   residual ({NUMBER})", text)
    sums = {name: products.split(" + ") for name, products, _, _ in rows}
    assert len(rows) == 4 + 9 + 4 + 25
    assert all(abs(float(residual)) <= 4e-6 for *_, residual in rows)
    assert all(abs(float(value)) > 0.01 for _, _, value, _ in rows)
    assert sums["B01"] == ["A01·K00", "A02·K01", "A11·K10", "A12·K11"]
    assert sums["∇K10"] == ["∇B00·A10", "∇B01·A11", "∇B10·A20", "∇B11·A21"]
    small, large = _gradients_of_a(rows[4:13]), _gradients_of_a(rows[17:])
    assert small == {(i, j): _full(i, j, 3, 2) for i in range(3) for j in range(3)}
    assert large == {(i, j): _full(i, j, 5, 3) for i in range(5) for j in range(5)}


def _gradients_of_a(rows: list[tuple[str, ...]]) -> dict[tuple[int, int], set[str]]:
    return {(int(row[0][2]), int(row[0][3])): set(row[1].split(" + ")) for row in rows}


def _full(i: int, j: int, size: int, kernel: int) -> set[str]:
    """The full convolution of ∇B with the rotated kernel, by its definition."""
    places = [(u, v) for u in range(kernel) for v in range(kernel)]
    inside = range(size - kernel + 1)
    return {f"∇B{i - u}{j - v}·K{u}{v}" for u, v in places if i - u in inside and j - v in inside}


def test_a_one_by_one_convolution_is_a_dense_layer(printed):
    text = printed("one_by_one")
    assert number(text, r"up to #") > 0.5
    for what in ("values", "weight gradients", "input gradients"):
        assert number(text, rf"  {what} +#") < 1e-12


def test_parameters_of_a_convolution_do_not_grow_with_the_picture(printed):
    text = printed("dense_against_convolution").replace(",", "")
    rows = [tuple(map(int, each)) for each in re.findall(r"(\d+)x\d+ +(\d+) +(\d+) +(\d+)", text)]
    assert [row[0] for row in rows] == [8, 16, 32, 64, 128, 224]
    for side, dense, connections, parameters in rows:
        assert dense == 8 * side**2 * (3 * side**2 + 1)
        assert connections == 8 * side**2 * (3 * 9 + 1)
        assert parameters == 8 * (3 * 9 + 1)


def test_pooled_values_stay_closer_when_a_digit_moves(printed):
    text = printed("what_pooling_does")
    for move in ("shifted", "rotated"):
        line = f"{move}: .*"
        assert (
            number(text, f"pooling, {line}input #") == number(text, f"plain, {line}input #") > 0.4
        )
        pooled = [number(text, f"pooling, {line}relu{k} #") for k in (1, 2)]
        after = [number(text, f"pooling, {line}pool{k} #") for k in (1, 2)]
        assert all(now < before for now, before in zip(after, pooled, strict=True))
        assert after[-1] < 0.7 * number(text, f"plain, {line}relu2 #")
        lost = [
            number(text, f"{name}: #% of the digits") - number(text, f"{name}, {move}: #% right")
            for name in ("pooling", "plain")
        ]
        assert lost[0] < lost[1]


def test_the_gradients_of_the_expression_are_those_derived_by_hand(printed):
    text = printed("expression")
    assert number(text, r"sum +value +#") == 1.7067
    assert number(text, r"x +value  5.0000 +gradient +#") == 0.4687
    assert number(text, r"y +value  3.0000 +gradient +#") == -0.8364
    assert number(text, "∂f/∂x by hand .* difference #") < 1e-15
    assert number(text, "∂f/∂y by hand .* difference #") < 1e-15


def test_he_learns_and_zeros_and_tiny_weights_do_not(printed):
    text = printed("initializers")
    for scheme in ("zeros", r"normal\(0.01\)"):
        assert abs(number(text, f"{scheme} .* loss #") - 2.303) < 0.005
        assert number(text, f"{scheme} .* #% right") < 15
    assert number(text, "zeros .* # in the last") == 0
    assert number(text, r"normal\(0.01\) .* # in the last") < 1e-7
    assert 0.1 < number(text, "he  .* # in the last") < 3
    assert number(text, "he  .* loss #") < 2.1
    assert number(text, "he  .* #% right") > 35
