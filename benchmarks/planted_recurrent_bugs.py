"""Bugs of `planted_bugs` in recurrent layers: (what, file, right text, wrong text)."""

from __future__ import annotations

GRU, LSTM = "ops/recurrent/gru.py", "ops/recurrent/lstm.py"
RECURRENCE, RELATIONS = "ops/recurrent/recurrence.py", "ops/recurrent/relations.py"

RECURRENT_BUGS = (
    (
        "gru: update gate and its opposite swapped",
        GRU,
        '"hidden": (1 - z) * n + z * h,',
        '"hidden": z * n + (1 - z) * h,',
    ),
    (
        "gru: rows of reset and update gate swapped",
        GRU,
        'gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")',
        'gates: ClassVar[tuple[str, ...]] = ("update", "reset", "candidate")',
    ),
    (
        "gru: reset before the product of its own unit only",
        GRU,
        '"ut" if self.reset == "after" else "kt"',
        '"ut"',
    ),
    (
        "gru: the state's bias is not reset in the gradient",
        GRU,
        'product + weights["bias_hh"][2 * self.units :] if self.bias else product',
        "product",
    ),
    (
        "lstm: input and forget gate swapped in the cell",
        LSTM,
        'c = f * before["cell"] + i * g',
        'c = i * before["cell"] + f * g',
    ),
    (
        "lstm: the output gate peeps at the cell before",
        LSTM,
        'weights["weight_co"] * c\n',
        'weights["weight_co"] * before["cell"]\n',
    ),
    (
        "lstm: the error of the cell is not handed back",
        LSTM,
        '{"weight_hh": sums.T @ h}, c * f',
        '{"weight_hh": sums.T @ h}, 0 * c',
    ),
    (
        "recurrence: both directions walk from the first step",
        RECURRENCE,
        "range(way.steps - 1, -1, -1) if way.reverse else range(way.steps)",
        "range(way.steps)",
    ),
    (
        "recurrence: the reverse direction's last state is taken at the wrong end",
        RECURRENCE,
        "zip(hidden, (-1, 0), strict=False)",
        "zip(hidden, (-1, -1), strict=False)",
    ),
    (
        "recurrence: the bias of the features left out",
        RECURRENCE,
        'entering + weights["bias_ih"] if self.bias else entering',
        "entering",
    ),
    (
        "recurrence: given states of the two directions swapped",
        RECURRENCE,
        "part = slice(self.units * way.reverse, self.units * (1 + way.reverse))\n        nothing",
        "part = slice(-self.units, self.units * way.reverse or None)\n        nothing",
    ),
    (
        "recurrence: the error of a step is forgotten on the way back",
        RECURRENCE,
        'states["hidden"] = states["hidden"] + arriving',
        'states["hidden"] = arriving',
    ),
    (
        "recurrence: an output sees the steps after it",
        RECURRENCE,
        "Window(steps, before=steps - 1)",
        "Window(steps)",
    ),
    (
        "relations: the step before is the step itself",
        RELATIONS,
        'at["p"] = at["t"] + (1 if self.reverse else -1)',
        'at["p"] = at["t"]',
    ),
    (
        "relations: a number goes into the step before instead of the next",
        RELATIONS,
        '"p": n + (-1 if self.reverse else 1)',
        '"p": n + (1 if self.reverse else -1)',
    ),
    (
        "relations: every gate reads the first rows",
        RELATIONS,
        'at["r"] = self.rows.get(name, 0) + at["u"]',
        'at["r"] = at["u"]',
    ),
)
