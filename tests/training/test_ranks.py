"""Several processes of one run: the same numbers as one, and clear words when one is gone."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from striate.data import Batches
from striate.data.dataset import Split
from striate.data.distort import Augment
from striate.exchange.arrays import read_arrays
from striate.training.ranks import Ranks

NETWORK = "INPUT 1x8x8 -> CONV 4 3x3 same -> RELU -> MAXPOOL 2 -> FC 10"


def command(folder, *words, processes=1):
    first = ["--resume", str(folder)] if "--resume" in words else [NETWORK, "--run", str(folder)]
    rest = [word for word in words if word != "--resume"]
    own = [] if "--resume" in words else ["--data", "digits", "--batch-size", "30"]
    count = ["--processes", str(processes)]
    return [sys.executable, "-m", "striate", "train", *first, *own, *rest, *count]


def trained(folder, *words, processes=1):
    done = subprocess.run(
        command(folder, *words, processes=processes), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, read_arrays(folder / "last.safetensors")[0]


def ranks_of(launcher):
    children = f"/proc/{launcher}/task/{launcher}/children"
    with open(children) as file:
        pids = [int(each) for each in file.read().split()]
    found = {}
    for pid in pids:
        with open(f"/proc/{pid}/environ", "rb") as file:
            given = dict(each.split(b"=", 1) for each in file.read().split(b"\0") if b"=" in each)
        if b"RANK" in given:
            found[int(given[b"RANK"])] = pid
    return found


def broken(folder, rank, number, processes=2):
    """What is said when a rank gets a signal after its first epoch."""
    words = ["--epochs", "2000", "--optimizer", "sgd"]
    environment = {**os.environ, "STRIATE_RANK_TIMEOUT": "3"}
    with subprocess.Popen(
        command(folder, *words, processes=processes),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as running:
        for _ in range(600):
            if (folder / "metrics.csv").exists():
                break
            time.sleep(0.1)
        os.kill(ranks_of(running.pid)[rank], number)
        _, said = running.communicate(timeout=100)
    return running.returncode, said


@pytest.mark.parametrize("augment", [None, Augment(shift=1)])
def test_ranks_see_each_picture_of_a_batch_once_and_as_one_process_sees_it(augment):
    images = np.random.default_rng(0).integers(0, 255, (23, 1, 5, 5), dtype=np.uint8)
    split = Split(images, np.arange(23))
    whole, *parts = (
        [*Batches(split, 11, shuffle=True, seed=3, augment=augment, rows=rows).epoch(1)]
        for rows in (None, *(Ranks(rank, 4).rows for rank in range(4)))
    )
    for each, *shares in zip(whole, *parts, strict=True):
        for one, together in zip(each, map(torch.cat, zip(*shares, strict=True)), strict=True):
            assert torch.equal(one, together)


def test_two_processes_end_with_the_numbers_of_one_as_rounded(tmp_path):
    said, one = trained(tmp_path / "one", "--epochs", "2", "--shift", "1")
    assert said.count("test accuracy") == 1
    said, two = trained(tmp_path / "two", "--epochs", "2", "--shift", "1", processes=2)
    assert said.count("test accuracy") == 1
    for key, value in one.items():
        np.testing.assert_allclose(two[key], value, atol=1e-6)


def test_a_killed_rank_is_named_with_how_to_go_on(tmp_path):
    code, said = broken(tmp_path / "run", 1, signal.SIGKILL)
    assert code == 2
    assert "rank 1 of 2" in said
    assert "--resume" in said
    assert "Traceback" not in said
    assert (tmp_path / "run" / "resume.safetensors").exists()


def test_a_batch_too_small_for_its_ranks_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "striate", "train", "--batch-size", "1", "--processes", "2"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 2
    assert done.stderr.count("too few pictures for 2 processes") == 1
