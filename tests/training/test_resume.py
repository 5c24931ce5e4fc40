"""A run that was killed, at any moment, resumes to the numbers of an unbroken one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from small import LONG, SETTINGS, TEXT, assert_same_run, digits, metrics

from striate.errors import InterruptedRunError, NumbersError, RunError
from striate.training import EpochRow, Event, Result, loop, resume, step, train


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return train(TEXT, digits(), run=tmp_path_factory.mktemp("runs") / "unbroken", **SETTINGS)


class _KilledError(BaseException):
    """Stands for SIGKILL: nothing in the house catches it."""


def _kill_at(monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
    """Die at the `number`th file that is renamed into place, before or after the renaming."""
    whole, count = Path.replace, iter(range(10_000))

    def replaced(self: Path, target: Path) -> Path:
        deadly = next(count) == number
        if deadly and not after:
            raise _KilledError
        done = whole(self, target)
        if deadly:
            raise _KilledError
        return done

    # A kill leaves the temporary file behind.
    monkeypatch.setattr(Path, "replace", replaced)


@pytest.mark.parametrize("after", [False, True])
def test_every_state_on_the_disk_resumes_exactly(
    unbroken: Result, tmp_path: Path, after: bool
) -> None:
    """config, then best (when it is), last, metrics, state an epoch: killed at each of them."""
    survived = 0
    for number in range(1, 16):
        run = tmp_path / f"killed-at-{number}"
        with pytest.MonkeyPatch.context() as patch:
            _kill_at(patch, number, after=after)
            try:
                train(TEXT, digits(), run=run, **SETTINGS)
                survived += 1
            except _KilledError:
                pass
        result = resume(run, data=digits())
        assert_same_run(unbroken.folder, run)
        assert result.test_accuracy == unbroken.test_accuracy
        assert {each.name for each in run.iterdir() if each.name.startswith(".")} == {".lock"}
        if survived:
            break
    assert survived == 1
    assert number >= 3 * SETTINGS["epochs"] + 1


def test_a_state_after_every_step_resumes_exactly(
    unbroken: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    run = tmp_path / "run"
    for number in (2, 1, 3, 4, 7):
        with pytest.MonkeyPatch.context() as patch:
            _kill_at(patch, number, after=True)
            begin = partial(resume, run, data=digits())
            if not run.exists():
                begin = partial(train, TEXT, digits(), run=run, **SETTINGS)
            with pytest.raises(_KilledError):
                begin()
    resume(run, data=digits())
    assert_same_run(unbroken.folder, run)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adamw"])
@pytest.mark.parametrize("schedule", ["step", "onecycle"])
def test_every_optimizer_and_schedule_resumes_exactly(
    tmp_path: Path, optimizer: str, schedule: str
) -> None:
    settings = SETTINGS | {
        "optimizer": optimizer,
        "schedule": schedule,
        "learning_rate": 0.01,
        **({"step_epochs": 1} if schedule == "step" else {}),
    }
    whole = train(TEXT, digits(), run=tmp_path / "whole", **settings)

    def die(event: Event) -> None:
        if isinstance(event, EpochRow) and event.epoch == 2:
            raise _KilledError

    with pytest.raises(_KilledError):
        train(TEXT, digits(), run=tmp_path / "killed", on_event=die, **settings)
    assert len(metrics(tmp_path / "killed")) == 2
    resume(tmp_path / "killed", data=digits())
    assert_same_run(whole.folder, tmp_path / "killed")


@pytest.mark.compiler
def test_a_run_with_kernels_resumes_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels forced on a network they suit; the choices of a first process are read again."""
    from striate.fused.conv_pool import available

    if not available("max"):
        pytest.skip("fused kernels are off, or were not built")
    monkeypatch.setenv("STRIATE_FUSED", "require")
    monkeypatch.setattr(loop, "pays", lambda *given, training: True)
    text = "INPUT 1x8x8 -> CONV 6 3x3 same -> RELU -> MAXPOOL 2 -> FC 64 -> RELU -> FC 10"
    whole = train(text, digits(), run=tmp_path / "whole", **SETTINGS)
    again = train(text, digits(), run=tmp_path / "again", **SETTINGS)
    assert_same_run(whole.folder, again.folder)

    def die(event: Event) -> None:
        if isinstance(event, EpochRow) and event.epoch == 2:
            raise _KilledError

    with pytest.raises(_KilledError):
        train(text, digits(), run=tmp_path / "killed", on_event=die, **SETTINGS)
    resume(tmp_path / "killed", data=digits())
    assert_same_run(whole.folder, tmp_path / "killed")


CHILD = """\
import sys
from small import LONG, SETTINGS, TEXT, digits
from striate.training import loop, resume, train
loop.SAVE_EVERY = loop.SIGN_OF_LIFE = 0.01
run, settings = sys.argv[1], SETTINGS | LONG
def tell(event):
    print(type(event).__name__, flush=True)
if sys.argv[2] == "train":
    train(TEXT, digits(), run=run, on_event=tell, **settings)
else:
    resume(run, data=digits(), on_event=tell)
"""


@pytest.fixture
def child() -> Iterator[Callable[[Path, str], subprocess.Popen[str]]]:
    begun: list[subprocess.Popen[str]] = []

    def begin(run: Path, verb: str) -> subprocess.Popen[str]:
        here = Path(__file__).parent
        roots = os.pathsep.join([str(here), str(here.parents[1] / "src")])
        threads = str(torch.get_num_threads())
        made = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(run), verb],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": roots, "OMP_NUM_THREADS": threads},
        )
        begun.append(made)
        return made

    yield begin
    for each in begun:
        each.kill()
        each.wait()
        assert each.stdout is not None
        each.stdout.close()


def _wait_for(child: subprocess.Popen[str], event: str) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == event:
            return
    pytest.fail(f"the run ended before {event}")


def test_sigkill_at_random_moments(
    tmp_path: Path, child: Callable[[Path, str], subprocess.Popen[str]]
) -> None:
    run, rng = tmp_path / "killed", random.Random(11)
    for verb in ("train", "resume"):
        process = child(run, verb)
        _wait_for(process, "Stepped")
        time.sleep(rng.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    reached = metrics(run) if (run / "metrics.csv").exists() else []
    epochs = len(reached) + 2
    _shorten(run, epochs)
    resume(run, data=digits())
    settings = SETTINGS | LONG
    whole = _unbroken_part(tmp_path / "whole", settings, epochs)
    assert_same_run(whole, run)
    assert len(metrics(run)) == epochs


def _shorten(run: Path, epochs: int) -> None:
    """End the resumed run early; `constant` after the warm-up, so that no rate depends on it."""
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("epochs: 400", f"epochs: {epochs}"))


def _unbroken_part(run: Path, settings: dict[str, Any], epochs: int) -> Path:
    return train(TEXT, digits(), run=run, **settings | {"epochs": epochs}).folder


def test_ctrl_c_saves_and_says_how_to_go_on(unbroken: Result, tmp_path: Path) -> None:
    run = tmp_path / "run"
    told: list[Event] = []

    def press(event: Event) -> None:
        told.append(event)
        if isinstance(event, EpochRow) and event.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(InterruptedRunError) as interrupted:
        train(TEXT, digits(), run=run, on_event=press, **SETTINGS)
    assert signal.getsignal(signal.SIGINT) is before
    assert f"striate train --resume {run}" in str(interrupted.value)
    assert len(metrics(run)) == 1
    resume(run, data=digits())
    assert_same_run(unbroken.folder, run)


def test_a_finished_run_is_judged_again_and_not_trained(unbroken: Result, tmp_path: Path) -> None:
    before = (unbroken.folder / "last.safetensors").read_bytes()
    again = resume(unbroken.folder, data=digits())
    assert again.test_accuracy == unbroken.test_accuracy
    assert again.history == unbroken.history
    assert (unbroken.folder / "last.safetensors").read_bytes() == before


def test_a_torn_metrics_file_is_repaired(tmp_path: Path) -> None:
    whole = train(TEXT, digits(), run=tmp_path / "run", **SETTINGS)
    rows = metrics(whole.folder)
    file = whole.folder / "metrics.csv"
    file.write_bytes(file.read_bytes()[:-17])
    resume(whole.folder, data=digits())
    assert metrics(whole.folder) == rows


def test_a_loss_that_is_no_number_says_where_and_what_to_try(tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = SETTINGS | {"optimizer": "sgd", "learning_rate": 1e30, "warmup": 0}
    with pytest.raises(NumbersError) as refused:
        train(TEXT, digits(), run=run, **settings)
    assert "epoch 1" in str(refused.value)
    assert "1e+29" in str(refused.value)
    assert not (run / "best.safetensors").exists()


def test_a_loss_that_is_no_number_keeps_the_last_good_state(
    unbroken: Result, tmp_path: Path
) -> None:
    run, usual = tmp_path / "run", step.rate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "rate", lambda recipe, k, n: 1e30 if k > n else usual(recipe, k, n))
        with pytest.raises(NumbersError, match="epoch 2"):
            train(TEXT, digits(), run=run, **SETTINGS)
    assert len(metrics(run)) == 1
    resume(run, data=digits())
    assert_same_run(unbroken.folder, run)


def test_other_data_is_refused(unbroken: Result) -> None:
    other = digits(train=150)
    changed = type(other)(**{**vars(other), "sha256": "0" * 64})
    with pytest.raises(RunError, match="no longer those"):
        resume(unbroken.folder, data=changed)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: (run / "resume.safetensors").write_bytes(b"torn"),
        lambda run: (run / "resume.safetensors").write_bytes(
            (run / "last.safetensors").read_bytes()
        ),
        lambda run: (run / "config.yaml").write_text("network: ["),
        lambda run: (run / "config.yaml").write_text("a: 1"),
        lambda run: (run / "config.yaml").unlink(),
    ],
)
def test_a_spoiled_folder_is_refused(
    unbroken: Result, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for each in unbroken.folder.iterdir():
        (run / each.name).write_bytes(each.read_bytes())
    spoil(run)
    with pytest.raises(RunError):
        resume(run, data=digits())


def test_two_processes_cannot_train_in_one_folder(unbroken: Result) -> None:
    import fcntl

    with open(unbroken.folder / ".lock", "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another process"):
            resume(unbroken.folder, data=digits())
