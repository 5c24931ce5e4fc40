"""The command line as a person uses it: answers, JSON forms, exit codes, and clear refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from command import Striate
from striate.data import load

SMALL = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"


def test_show_prints_a_table_and_its_footer(striate: Striate) -> None:
    done = striate("show", SMALL)
    assert done.code == 0
    assert "CONV 4 3x3" in done.out
    assert "taps on zero padding count" in done.out


def test_show_json_is_one_line_of_the_promised_form(striate: Striate) -> None:
    form = json.loads(striate("show", SMALL, "--json").out)
    assert form["schema_version"] == 1
    assert form["totals"]["parameters"] == 4 * 9 + 4 + 36 * 10 + 10
    assert {"name", "operator", "output", "parameters", "connections", "multiply_adds"} <= set(
        form["layers"][0]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "INPUT 1x8x8 -> CONVV 4"), "Did you mean CONV"),
        (("show", "INPUT 1x8x8 -> CONV 4 9x9"), "does not fit"),
        (("show", "vgg61"), "vgg16"),
        (("show", "missing.net"), "there is no file missing.net"),
        (("show", "missing.safetensors"), "missing.safetensors is missing"),
        (("show",), "which network?"),
        (("show", "[" * 3000), "["),
        (("show", "x" * 3000), "no layer is written"),
        (("show", "CONV 3"), "INPUT"),
        (("train", SMALL, "--data", "nowhere"), "nowhere"),
        (("train", SMALL, "--optimizer", "adm"), "Did you mean adam"),
        (("train", SMALL, "epoch=3"), "Did you mean epochs"),
        (("train", SMALL, "--epochs", "0"), "epochs is 0"),
        (("train", "INPUT 1x8x8 -> FC 7"), "7 scores"),
        (("train", SMALL, SMALL), "one network at a time"),
        (("train", "--resume", "nowhere"), "no run folder"),
        (("train", "--data", "mnist"), "which network"),
        (("why", "nothing.safetensors", "a.png", "fc1[0]"), "missing"),
        (("networks", "lenet7"), "Did you mean"),
        (("bench", "D"), "no network called D"),
        (("bench", "INPUT 10 -> FC 3"), "does not map one picture to scores"),
        (("bench", "B", "--processor-time", "--threads", "2"), "that of one thread"),
        (("bench", "B", "--data-dir", "nowhere"), "nowhere"),
    ],
)
def test_wrong_requests_are_one_clear_message(
    striate: Striate, words: tuple[str, ...], said: str
) -> None:
    done = striate(*words)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_training_ends_in_what_to_type_next(striate: Striate) -> None:
    done = striate("train", SMALL, "epochs=1", "--batch-size", "200")
    assert done.code == 0
    assert "test accuracy" in done.out
    assert f"striate evaluate {Path('runs/network-digits-1').resolve()}" in done.out
    assert Path("runs/network-digits-1/best.safetensors").is_file()


def test_training_json_keeps_progress_off_standard_output(striate: Striate) -> None:
    done = striate("train", SMALL, "--epochs", "1", "--run", "here", "--json")
    form = json.loads(done.out)
    assert set(form) >= {
        "schema_version",
        "run",
        "model",
        "test_accuracy",
        "epochs",
        "seconds",
        "images_per_second",
    }
    assert "epoch   1/1" in done.err
    again = striate("train", SMALL, "--run", "here")
    assert (again.code, "exists already" in again.err) == (2, True)


def test_a_config_repeats_a_run(striate: Striate) -> None:
    first = json.loads(striate("train", SMALL, "epochs=1", "seed=3", "--run", "a", "--json").out)
    second = json.loads(striate("train", "--config", "a/config.yaml", "--run", "b", "--json").out)
    assert first["test_accuracy"] == second["test_accuracy"]
    assert Path("a/best.safetensors").read_bytes() == Path("b/best.safetensors").read_bytes()


def test_why_adds_up(striate: Striate, trained: Path, picture: Path) -> None:
    done = striate("why", str(trained), str(picture), "conv1[1,2,3]")
    assert done.code == 0
    assert "Σ input[" in done.out
    assert "residual" in done.out
    words = ("why", str(trained), str(picture), "conv1.weight[1,0,2,2].grad", "--target", "3")
    form = json.loads(striate(*words, "--json").out)
    assert form["value"] == pytest.approx(sum(term["value"] for term in form["terms"]), rel=1e-12)
    assert abs(form["residual"]) < 1e-4
    assert len(form["terms"]) == 36


def test_why_refuses_what_is_not_there(striate: Striate, trained: Path, picture: Path) -> None:
    done = striate("why", str(trained), str(picture), "conv7[0,0,0]")
    assert (done.code, "Did you mean conv1" in done.err) == (2, True)


def test_predict_names_files_that_cannot_be_read(
    striate: Striate, trained: Path, picture: Path
) -> None:
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    done = striate("predict", str(trained), str(picture), "broken.png", "--json")
    form = json.loads(done.out)
    assert done.code == 1, "the others are answered"
    assert [each["picture"] for each in form["predictions"]] == [str(picture)]
    assert sum(e["probability"] for e in form["predictions"][0]["ranking"]) <= 1 + 1e-9
    assert [each["picture"] for each in form["errors"]] == ["broken.png"]


def test_predict_takes_every_picture_of_a_folder(
    striate: Striate, trained: Path, picture: Path
) -> None:
    Path("in/below").mkdir(parents=True)
    for name in ("2.png", "1.png", "below/3.png"):
        (Path("in") / name).write_bytes(picture.read_bytes())
    Path("in/notes.txt").write_text("no picture")
    form = json.loads(striate("predict", str(trained), "in", str(picture), "--json").out)
    named = [each["picture"] for each in form["predictions"]]
    assert named == ["in/1.png", "in/2.png", str(picture)]
    Path("empty/below").mkdir(parents=True)
    Path("empty/below/1.png").write_bytes(picture.read_bytes())
    for place in ("empty", "/"):  # the root of a machine is not searched
        done = striate("predict", str(trained), place)
        assert (done.code, f"{place} holds no picture file" in done.err) == (2, True)


def test_evaluate_counts_every_picture(striate: Striate, trained: Path) -> None:
    form = json.loads(striate("evaluate", str(trained), "--json").out)
    assert sum(map(sum, form["confusion"])) == form["pictures"] == len(load("digits").test)
    assert "taken for" in striate("evaluate", str(trained)).out


def test_verify_answers_by_its_exit_code(striate: Striate, trained: Path) -> None:
    form = json.loads(striate("verify", SMALL, "--json").out)
    assert form["ok"]
    assert {"name", "operator", "forward_error", "backward_error"} <= set(form["nodes"][0])
    assert striate("verify", str(trained)).code == 0


def test_verify_says_no_when_a_formula_is_wrong(
    striate: Striate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from striate.ops import ReLU

    monkeypatch.setattr(ReLU, "derivative", lambda self, x: (x > 0.1).astype(x.dtype))
    done = striate("verify", SMALL)
    assert (done.code, "NOT verified" in done.out) == (1, True)


def test_export_writes_source_that_stands_alone(striate: Striate) -> None:
    assert striate("export", SMALL, "-o", "net.py").code == 0
    assert "striate" not in Path("net.py").read_text().partition('"""')[2].partition("import")[2]
    assert striate("export", SMALL, "-o", "net.py").code == 2
    assert striate("export", SMALL, "--to", "notation").out.strip() == SMALL


def test_export_writes_onnx_and_says_how_far_it_is_from_pytorch(
    striate: Striate, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    done = striate("export", str(trained), "--to", "onnx", "--out", "net.onnx")
    assert done.code == 0
    assert "wrote net.onnx: picture Nx1x8x8 -> probabilities Nx10" in done.out
    assert "onnxruntime and PyTorch on 32 pictures of digits: largest difference" in done.out
    assert striate("export", str(trained), "--to", "onnx", "--out", "net.onnx").code == 2
    form = json.loads(striate("export", SMALL, "--to", "onnx", "--json").out)
    assert (form["file"], form["raw"], form["check"]["ok"]) == ("network.onnx", True, True)
    assert form["notes"] == ["first weights of seed 0: the network is not trained"]
    assert "raw does nothing beside --to python" in striate("export", SMALL, "--raw").err
    from striate.analysis import onnx_check

    monkeypatch.setattr(onnx_check, "BOUND", -1.0)
    done = striate("export", str(trained), "--to", "onnx", "--raw")
    assert (done.code, "first at input" in done.out) == (1, True)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = striate("export", str(trained), "--to", "onnx", "--out", "other.onnx")
    assert (done.code, Path("other.onnx").exists()) == (2, False)
    assert 'pip install "striate[onnx]"' in done.err


def test_pretrained_kernels_start_a_run(striate: Striate) -> None:
    form = json.loads(striate("pretrain", SMALL, "-o", "k.safetensors", "--json").out)
    assert [each["name"] for each in form["layers"]] == ["conv1", "conv1"]
    words = ("train", SMALL, "--start", "k.safetensors", "epochs=1", "--json")
    started = json.loads(striate(*words).out)
    plain = json.loads(striate("train", SMALL, "epochs=1", "--json").out)
    assert started["first_loss"] != plain["first_loss"]
    other = striate("train", SMALL.replace("CONV 4", "CONV 5"), "--start", "k.safetensors")
    assert (other.code, "made for another network" in other.err) == (2, True)


def test_a_support_vector_machine_replaces_the_head(striate: Striate, trained: Path) -> None:
    form = json.loads(striate("svm", str(trained), "-o", "svm.safetensors", "--json").out)
    assert form["after"] > form["before"]
    assert json.loads(striate("verify", "svm.safetensors", "--json").out)["ok"]


def test_show_says_which_chains_are_fused_and_builds_nothing(
    striate: Striate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from striate.fused import build, choose
    from striate.fused.layer import LayerShape

    def refuse(*given: object) -> None:
        raise AssertionError("something was built")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_build", refuse)
    text = "INPUT 3x20x20 -> CONV 6 5x5 -> RELU -> MAXPOOL 2 -> FC 84 -> TANH -> FC 10"
    every = ["input", "conv1", "pool1", "relu1", "flatten1", "fc1", "tanh1", "fc2"]
    chain = json.loads(striate("show", text, "--fused", "--json").out)["fused"]
    assert [(each["kernel"], each["nodes"], each["measured"]) for each in chain] == [
        ("convolution and pool", ["conv1", "pool1", "relu1"], []),
        ("dense", ["fc1", "tanh1"], []),
        ("one call each way", every, []),
        ("one call, frozen", every, []),
    ]
    assert "not measured yet" in striate("show", text, "--fused").out
    layer = LayerShape("max", (3, 20, 20), (6, 3, 5, 5), True, "relu")
    asked = choose.Question("convolution and pool", (layer,), 32, "forward", 2)
    other = replace(asked, layers=(replace(layer, weight=(16, 3, 5, 5)),))
    for each in (asked, other):
        choose.record(each.key, (1.0, 2.5, choose.MARGIN))
    (measured,) = json.loads(striate("show", text, "--fused", "--json").out)["fused"][0]["measured"]
    assert measured == {
        "layer": "32x3x20x20: conv and max-pool 6x3x5x5 relu, forward, 2 threads",
        "fused_ms": 1.0,
        "plain_ms": 2.5,
        "margin": 1.02,
        "fused_wins": True,
    }
    assert "2.50x" in striate("show", text, "--fused").out
    dense = LayerShape("dense", (384,), (84, 384), True, "tanh")
    layers = (layer, dense, LayerShape("dense", (84,), (10, 84)))
    asked = replace(asked, kernel="one call each way", layers=layers)
    choose.is_faster(asked, lambda: None, lambda: None)
    found = json.loads(striate("show", text, "--fused", "--json").out)["fused"]
    assert [len(each["measured"]) for each in found] == [1, 0, 1, 0]
    assert "no chain" in striate("show", "INPUT 1x8x8 -> FC 10", "--fused").out


def test_the_catalog_is_listed(striate: Striate) -> None:
    assert "138,357,544" in striate("networks").out
    assert striate("networks", "vgg16").out.count("CONV") == 5


@pytest.mark.parametrize(
    "verb",
    [
        "train",
        "show",
        "why",
        "predict",
        "evaluate",
        "diagnose",
        "verify",
        "networks",
        "export",
        "serve",
        "check",
        "pretrain",
        "svm",
        "bench",
    ],
)
def test_every_verb_has_help_with_an_example(striate: Striate, verb: str) -> None:
    done = striate(verb, "--help")
    assert done.code == 0
    assert f"Example: striate {verb}" in " ".join(done.out.split())


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "from striate.cli import main; import sys; sys.argv[0] = 'striate'; main()"
    words = [sys.executable, "-c", code, "show", "resnet152"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy()
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("markdown", "| name | layer |"),
        ("latex", "\\begin{tabular}{lllrrrrrrr}"),
        ("html", "<table><thead>"),
        ("csv", "name,operator,settings"),
    ],
)
def test_show_writes_the_table_in_other_forms(striate: Striate, form: str, first: str) -> None:
    done = striate("show", SMALL, f"--{form}")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(first)
    assert done.out.endswith("\n")
    assert "\x1b" not in done.out
    refused = striate("show", SMALL, f"--{form}", "--json")
    assert refused.code == 2
    assert "one form at a time" in refused.err
