"""Does `striate serve` hold many clients at once, with no answer but 200 and 429, and no growth?

Starts the service as a program, lets clients post test pictures without a pause, each the next one
as soon as the last is answered, and looks at the memory of the service (Linux).

    python benchmarks/serve_load.py MODEL [clients] [seconds]    500 clients, 60 seconds

Exit code 0: every answer was 200 or 429, and memory grew by less than 5 % after the first third.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
from PIL import Image

from striate.lookup import model_of
from striate.model_data import data_of


def pictures(model: str) -> list[bytes]:
    """Test pictures of the model's own data, as PNG files."""
    images = data_of(model_of(model), "", None).split("test").images[:200]
    found = []
    for image in images:
        out = io.BytesIO()
        Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(out, "PNG")
        found.append(out.getvalue())
    return found


def resident(program: int) -> float:
    """Megabytes of memory that a program has."""
    status = Path(f"/proc/{program}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


async def client(
    asking: httpx.AsyncClient, number: int, files: list[bytes], end: float, seen: Counter[str]
) -> None:
    """Ask again and again until the end."""
    while time.monotonic() < end:
        number += 1
        try:
            answer = await asking.post("/predict", content=files[number % len(files)])
            seen[str(answer.status_code)] += 1
            if answer.status_code == 429:
                await asyncio.sleep(0.05)
        except httpx.HTTPError as error:
            seen[type(error).__name__] += 1


async def load(url: str, program: int, files: list[bytes], clients: int, seconds: float) -> float:
    """Print what came back; the growth of memory after the first third, as a share."""
    seen: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as asking:
        end = time.monotonic() + seconds
        tasks = [
            asyncio.create_task(client(asking, k * 7, files, end, seen)) for k in range(clients)
        ]
        await asyncio.sleep(seconds / 3)
        before = resident(program)
        await asyncio.gather(*tasks)
        after = resident(program)
    total = sum(seen.values())
    print(f"{clients} clients, {seconds:g} s: {total:,} answers, {total / seconds:,.0f} a second")
    print(f"by status: {dict(seen)}; memory {before:.0f} MB, at the end {after:.0f} MB")
    return 1.0 if set(seen) - {"200", "429"} else after / before - 1


def main() -> int:
    """Start the service, load it, and end it by Ctrl-C."""
    model, *rest = sys.argv[1:]
    clients, seconds = int(rest[0]) if rest else 500, float(rest[1]) if len(rest) > 1 else 60.0
    words = [sys.executable, "-m", "striate", "serve", model, "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as program:
        assert program.stdout is not None
        url = json.loads(program.stdout.readline())["url"]
        try:
            grown = asyncio.run(load(url, program.pid, pictures(model), clients, seconds))
        finally:
            program.send_signal(signal.SIGINT)
            print(program.communicate(timeout=60)[0].strip())
    return 1 if grown > 0.05 or program.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
