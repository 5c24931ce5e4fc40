"""Bugs of `planted_bugs` in diagnosing and serving: (what, file, right text, wrong text)."""

from __future__ import annotations

DIAGNOSIS_BUGS = (
    (
        "diagnosis: units that are dead for one picture taken for dead",
        "diagnosis/of_values.py",
        "fires = np.any(value > 0, axis",
        "fires = np.all(value > 0, axis",
    ),
    (
        "diagnosis: the field along the branch that sees most",
        "diagnosis/of_network.py",
        "found[node.name] = min(ways",
        "found[node.name] = max(ways",
    ),
    (
        "diagnosis: a picture taken for its own neighbor",
        "diagnosis/of_pictures.py",
        "    distances[distances < 1e-3] = np.inf  # equal pictures, and the picture itself\n"
        "    np.fill_diagonal(distances, np.inf)\n",
        "",
    ),
    (
        "service: an upload that is not bounded as it arrives",
        "serve/service.py",
        "self.check(self.size + len(part))",
        "self.check(len(part))",
    ),
    (
        "service: pictures that are answered still counted as waiting",
        "serve/service.py",
        "            self._waiting -= count\n",
        "            pass\n",
    ),
    (
        "service: answers in the order of another batch",
        "serve/batching.py",
        "in zip(batch, rows, strict=True):",
        "in zip(batch, rows[::-1], strict=True):",
    ),
)
