"""One command in several processes, started and watched by the launcher of torchrun."""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid

from striate.cli import INTERRUPTED, WRONG
from striate.errors import RankError


def launch(processes: int, words: list[str]) -> int:
    """Run `striate WORDS` once a rank on this machine; the exit code of the rank that ended first.

    Raises:
        RankError: a signal ended a rank.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # rank 0 has said it
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun does
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "striate", *words)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode >= 0:
            return failure.exitcode or WRONG
        name = signal.Signals(-failure.exitcode).name
        raise RankError(
            f"rank {rank} of {processes} was ended by {name}",
            remedy="Go on with: striate train --resume RUN, with as many --processes as you like",
        ) from None
    except (SignalException, KeyboardInterrupt):
        return INTERRUPTED
    return 0
