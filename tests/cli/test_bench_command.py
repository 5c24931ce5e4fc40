"""What is measured, on which pictures, and what a person and a program are told of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.bench import nets as bench_nets
from striate.cli import main
from striate.errors import StriateError
from striate.networks import NETWORKS
from striate.notation import parse

Bench = Callable[..., tuple[str, str]]
SMALL_FORMS = {name: net.text for name, net in bench_nets.NETS.items()}
CATALOG = {name: net.notation for name, net in NETWORKS.items()}
SMALL = "INPUT 3x11x13 -> CONV 4 3x3 -> RELU -> { CONV 2 1x1 | CONV 3 1x1 } CONCAT -> FC 7"


@pytest.fixture
def bench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Bench:
    """Run `striate bench` without kernels and without data sets."""
    monkeypatch.setenv("STRIATE_FUSED", "off")
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["striate", "bench", *words])
        main_code = 0
        try:
            main()
        except SystemExit as leaving:
            main_code = leaving.code if isinstance(leaving.code, int) else 0
        captured = capsys.readouterr()
        assert main_code == 0, captured.err
        return captured.out, captured.err

    return run


def test_training_steps_side_by_side(bench: Bench) -> None:
    out, told = bench("B", SMALL, "--steps", "2", "--processor-time", "--json")
    form = json.loads(out)
    assert (form["task"], form["clock"], form["threads"]) == ("training", "processor", 1)
    assert (form["fused"], form["fma_gflops"]) == ("off", None)
    first, second = form["results"]
    assert (first["net"], first["batch"], first["data"]) == (
        *("B", 256),
        "the bundled 8x8 digits at 28x28",
    )
    assert (second["net"], second["batch"], second["data"]) == (
        *("network", 32),
        bench_nets.PHOTOGRAPHS,
    )
    for each in form["results"]:
        assert set(each["ratio"]) == {"striate", "eager", "channels_last"}
        assert each["ratio"]["striate"] == 1
        assert len({round(loss, 3) for loss in each["last_loss"].values()}) == 1
        assert each["share_of_fma_peak"] is None
    assert "Training steps of B, network: 2 each" in told


def test_answers_side_by_side(bench: Bench) -> None:
    options = ("--batch", "1", "--batch", "3", "--steps", "2", "--threads", "1", "--json")
    form = json.loads(bench("b", SMALL, "--inference", *options)[0])
    assert [(each["net"], each["batch"]) for each in form["results"]] == [
        *(("B", 1), ("B", 3), ("network", 1), ("network", 3)),
    ]
    for each in form["results"]:
        took_part = set(each["ratio"])
        assert {"striate", "eager", "torchscript"} <= took_part
        assert took_part | set(each["missing"]) >= {"onnxruntime"}
        assert max(each["differs_from_eager"].values()) < 1e-5


def test_a_person_reads_a_table_and_what_it_says(bench: Bench) -> None:
    out, _ = bench(SMALL, "--batch", "5", "--steps", "1", "--threads", "1")
    assert "network, batch 5" in out
    assert "Times as fast as eager" in out
    assert "needs a C++ compiler" in out
    assert bench_nets.PHOTOGRAPHS in out


def test_peers_that_are_not_installed_are_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    out, _ = bench(SMALL, "--inference", "--batch", "2", "--steps", "1", "--threads", "1")
    assert "onnxruntime did not take part: onnxruntime is not installed." in out


def test_the_small_forms_are_the_catalogs_networks_but_for_stem_and_head() -> None:
    def convolutions(text: str) -> list[str]:
        return [str(n.operator) for n in parse(text) if n.operator.label == "conv"]

    ours, theirs = (convolutions(nets["resnet18"]) for nets in (SMALL_FORMS, CATALOG))
    assert ours[1:] == theirs[1:]
    assert "7" in theirs[0]
    assert "7" not in ours[0]
    assert convolutions(SMALL_FORMS["vgg16_bn"]) == convolutions(CATALOG["vgg16"])


def test_pictures_come_from_the_data_sets_that_are_there(tmp_path: Path) -> None:
    for split, name, count in (("train", "cat", 12), ("train", "dog", 11), ("test", "cat", 1)):
        folder = tmp_path / "cifar10" / split / name
        folder.mkdir(parents=True)
        for k in range(count):
            Image.new("RGB", (32, 32), (10 * k, 0, 255)).save(folder / f"{k}.png")
    (tmp_path / "cifar10" / "test" / "dog").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "cifar10" / "test" / "dog" / "0.png")
    (tmp_path / "cifar10" / "train" / "airplane").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "cifar10" / "train" / "airplane" / "0.png")
    images, labels, source = bench_nets.pictures((3, 32, 32), tmp_path)
    assert source == "CIFAR-10 at 32x32"
    assert images.shape[1:] == (3, 32, 32)
    assert len(labels) == len(images) > 15
    assert images[0, 2, 0, 0] in (0, 255)


@pytest.mark.parametrize("shape", [(1, 9, 17), (3, 9, 17), (2, 9, 17), (3, 500, 700)])
def test_pictures_fit_any_network(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    taken = bench_nets.pictures(shape, None)
    assert taken[0].shape[1:] == shape
    x, labels = next(iter(bench_nets.batches(taken, 3, 6, 1)))
    assert x.shape == (6, *shape)
    assert float(x.min()) >= 0
    assert 0.1 < float(x.std()) < 0.5, "not a flat picture"
    assert set(labels.tolist()) <= {0, 1, 2}
    again = next(iter(bench_nets.batches(taken, 3, 6, 1)))[0]
    np.testing.assert_array_equal(x, again)


def test_the_form_of_a_network_is_said() -> None:
    def told(size: int, word: str = "resnet18") -> tuple[str, str]:
        name, _, graph = bench_nets.subject(word, size)
        return name, bench_nets.form(name, graph)

    small = "3x32x32 to 10 scores: the form for small pictures; --size 224 measures the catalog's"
    assert told(0) == ("resnet18", small)
    assert told(224) == ("resnet18", "3x224x224 to 1000 scores")
    assert told(160)[1] == "3x160x160 to 1000 scores"
    assert told(40, "A")[1] == "1x40x40 to 10 scores"
    with pytest.raises(StriateError):
        told(2, "A")
