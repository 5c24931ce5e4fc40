"""How fast the studio's page is, in Debian's chromium.

    python benchmarks/studio_speed.py [SUBJECT] [--strokes 100] [--json FILE]

Three times: from the command to the first maps on the page; from a stroke of the pad to the maps
of it, as the page sees it (the median of many strokes); and from a click on a factor to its
explanation (the median of a walk). The network is net A of `striate bench` with first weights,
unless another is named; training changes no time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from striate.bench.nets import NETS

CHROMIUM = "/usr/bin/chromium"
LIMITS = {"first_maps_s": 3.0, "stroke_ms": 50.0, "why_ms": 100.0}

WATCH = """() => {
  window.strokes = [];
  const asker = document.querySelector(".striate-asker");
  new MutationObserver(() => window.strokes.push(Number(asker.dataset.ms)))
    .observe(asker, { attributes: true, attributeFilter: ["data-ms"] });
}"""

CLICK = """(selector) => new Promise((done) => {
  const start = performance.now(), answer = document.querySelector(".striate-walk .answer");
  const watcher = new MutationObserver(() => {
    watcher.disconnect();
    done(performance.now() - start);
  });
  watcher.observe(answer, { childList: true });
  document.querySelector(selector).click();
})"""


def strokes(page: Any, count: int) -> list[float]:
    """Milliseconds from each stroke to its maps."""
    page.evaluate(WATCH)
    pad = page.locator(".pad").bounding_box()
    page.mouse.move(pad["x"] + 40, pad["y"] + 40)
    page.mouse.down()
    for k in range(count):
        page.mouse.move(pad["x"] + 40 + k % 140, pad["y"] + 40 + k * 140 / count)
        time.sleep(0.05)
    page.mouse.up()
    time.sleep(0.5)
    return page.evaluate("window.strokes")


def walk(page: Any, rounds: int = 10) -> list[float]:
    """Milliseconds from a click to what it asks for, from the loss towards a pixel."""
    found = []
    for _ in range(rounds):
        selector = ".link[data-what=loss]"
        for _ in range(6):
            found.append(page.evaluate(CLICK, selector))
            selector = ".products tr:first-child button.factor, .argument button.factor"
            if not page.locator(selector).count():
                break
    return found


def measured(subject: str, count: int) -> dict[str, float]:
    """The three times of one start."""
    command = [sys.executable, "-m", "striate", "studio", subject, "--no-browser"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
            assert serving.stdout is not None
            page.goto(serving.stdout.readline().strip())
            page.wait_for_selector(".layer canvas")
            first = time.perf_counter() - start
            drawn, asked = strokes(page, count), walk(page)
            serving.send_signal(2)
        browser.close()
    return {
        "first_maps_s": round(first, 2),
        "strokes": len(drawn),
        "stroke_ms": round(statistics.median(drawn), 1),
        "clicks": len(asked),
        "why_ms": round(statistics.median(asked), 1),
    }


def main() -> int:
    """Measure and compare with the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", nargs="?", default=NETS["A"].text)
    parser.add_argument("--strokes", type=int, default=100)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, Any] = measured(asked.subject, asked.strokes)
    found |= {"limits": LIMITS, "subject": asked.subject, "load": round(os.getloadavg()[0], 1)}
    text = json.dumps(found, indent=1, ensure_ascii=False)
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n", encoding="utf-8")
    return int(any(found[each] > most for each, most in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
