"""Bugs of `planted_bugs` in figures: (what, file, right text, wrong text)."""

from __future__ import annotations

DRAWING_BUGS = (
    (
        "figure of a network: nodes of the blocks that repeat left out",
        "drawing/blocks.py",
        "for body in (item.body, *item.others):",
        "for body in (item.body,):",
    ),
    (
        "figure of a network: blocks of other shapes taken for equal",
        "drawing/blocks.py",
        "    parameters: int\n    is_fed",
        "    parameters: int = field(compare=False)\n    is_fed",
    ),
    (
        "figure of a network: branches as wide as their last",
        "drawing/layout.py",
        "    across = sum(w for w, _ in sizes) + BESIDE * (len(sizes) - 1)\n",
        "    across = sizes[-1][0] + BESIDE * (len(sizes) - 1)\n",
    ),
    (
        "figure of maps: a scale without its negative half",
        "drawing/panels.py",
        "np.abs(each.cells[np.isfinite(each.cells)])",
        "(each.cells[np.isfinite(each.cells)])",
    ),
    (
        "figure of why: the products of the first channels drawn, not the largest",
        "drawing/why.py",
        "key=lambda each: -abs(exact_sum([t.value for t in tiles[each]]))",
        "key=lambda each: each",
    ),
    (
        "figure of why: what is not drawn left out of the sum",
        "drawing/why.py",
        "    if left_out:\n",
        "    if False:\n",
    ),
    (
        "figure of a field: columns where rows are",
        "drawing/field.py",
        "corner[1] + rows.start * scale",
        "corner[1] + columns.start * scale",
    ),
    (
        "figure of a confusion: shares of the answer, not of the true class",
        "drawing/learned.py",
        "counts[chosen].sum(axis=1, keepdims=True)",
        "counts[:, chosen].sum(axis=0, keepdims=True)",
    ),
    (
        "heat: integrated gradients at the end of the way alone",
        "analysis/heat_methods.py",
        "way = (np.arange(count) + 0.5) / count",
        "way = np.ones(count)",
    ),
    (
        "heat: layer-cam with gradients of both signs",
        "analysis/heat_methods.py",
        "np.maximum(slope.gradient[0], 0) * slope.value[0]",
        "slope.gradient[0] * slope.value[0]",
    ),
    (
        "heat: occlusion of every other square",
        "analysis/heat_methods.py",
        "row * side : (row + 1) * side, column",
        "row * side : row * side + side // 2, column",
    ),
    (
        "figure of heat: a scale without its negative half",
        "drawing/heat.py",
        "largest = float(np.abs(answer.cells).max())",
        "largest = float(answer.cells.max())",
    ),
    (
        "figure of a field: gradients of two signs cancel in the effective one",
        "analysis/effective_field.py",
        "sizes = np.abs(gradient).sum(axis=0)",
        "sizes = np.abs(gradient.sum(axis=0).clip(0))",
    ),
    (
        "figure of several runs: settings that all agree in are said, others not",
        "drawing/compare.py",
        "for each in found}) > 1]",
        "for each in found}) == 1]",
    ),
    (
        "invariance: the change by the size of the moved picture's value",
        "analysis/invariance.py",
        "/ (size or 1.0)",
        "/ (float(np.linalg.norm(part[name][k])) or 1.0)",
    ),
    (
        "invariance: angles taken for slants",
        "analysis/invariance.py",
        '"rotate": "angle", "scale": "zoom", "shear": "shear"',
        '"rotate": "shear", "scale": "zoom", "shear": "angle"',
    ),
    (
        "figure of a graph: edges over several rows without lanes",
        "drawing/layered.py",
        "for row in range(depth[source] + 1, depth[name]):",
        "for row in range(0):",
    ),
    (
        "figure of a graph: what is read through nodes that are not drawn left out",
        "drawing/graph.py",
        "([name] if name in drawn else found[name])",
        "([name] if name in drawn else [])",
    ),
    (
        "figure of a graph: gradients where values are",
        "analysis/expression.py",
        "name: value[0] for name, value in backward.nodes.items()",
        "name: value[0] for name, value in trace.values.items()",
    ),
    (
        "report of a run: its recipe as markup",
        "html_report.py",
        "<pre>{escape(said)}</pre>",
        "<pre>{said}</pre>",
    ),
    (
        "report of a run: what is missing not said",
        "html_report.py",
        'found.append(f"<p><em>{escape(str(error))}</em></p>")',
        "found.clear()",
    ),
    (
        "studio: a request from another site let in",
        "studio/access.py",
        'if origin is not None and origin != f"http://{host}":',
        "if origin is not None and not origin:",
    ),
    (
        "studio: zero as another color than the middle one",
        "studio/tiles.py",
        "* 127 + 128",
        "* 127 + 127",
    ),
)
