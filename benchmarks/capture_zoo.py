"""Are the models of torchvision (and timm) captured, natively, and exactly?

    python benchmarks/capture_zoo.py [MODEL ...] [--out FILE]

Each model is drawn, its normalizations given statistics that are not 0 and 1 (and heads of
zeros other numbers), and captured. The
graph is lowered in float64 and compared with the module in float64 on a drawn picture. Nothing is
downloaded; a model whose library is not installed is skipped.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import striate

TORCHVISION = (
    "resnet18",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "densenet121",
    "efficientnet_b0",
    "convnext_tiny",
    "regnet_y_400mf",
    "squeezenet1_1",
    "googlenet",
    "vgg11",
    "vit_b_16",
    "swin_t",
)
SIZE = (3, 224, 224)
HEADINGS = ("model", "nodes", "native nodes", "native work", "parameters", "module's", "folded",
            "unused", "difference", "CPU seconds")  # fmt: skip


def drawn(name: str) -> nn.Module | None:
    """A model by its name, `timm/NAME` for timm's; None where its library is missing."""
    library, _, model = name.rpartition("/")
    try:
        found = importlib.import_module("timm" if library == "timm" else "torchvision.models")
    except ImportError:
        return None
    torch.manual_seed(0)
    if library == "timm":
        made: nn.Module = found.create_model(model, pretrained=False)
    else:
        extra: dict[str, Any] = {"init_weights": True} if model in ("googlenet",) else {}
        made = getattr(found, model)(weights=None, **extra)
    for each in made.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            each.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    for parameter in made.parameters():
        if not parameter.any():  # a head of zeros answers zero, whatever is in front of it
            parameter.data.normal_(0, 0.02)
    return made.eval()


def row(name: str, module: nn.Module) -> tuple[str, ...]:
    """What the capture of a module is like."""
    begun = time.process_time()
    captured = striate.capture(module, SIZE)
    seconds = time.process_time() - begun
    x = torch.randn(2, *SIZE, dtype=torch.float64)
    with torch.no_grad():
        wanted, found = module.double()(x), captured.module().double()(x)
    difference = float((wanted - found).abs().max() / wanted.abs().max())
    module.float()
    native, notes = captured.native, captured.notes
    return (
        name,
        str(len(captured.graph)),
        f"{100 * native['nodes']:.1f} %",
        f"{100 * native['multiply_adds']:.1f} %",
        f"{captured.graph.parameters:,}",
        f"{sum(p.numel() for p in module.parameters()):,}",
        str(len(notes.folded)),
        str(len(notes.unused)),
        f"{difference:.1e}",
        f"{seconds:.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=TORCHVISION)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = [" | ".join(("", *HEADINGS, "")).strip(), "|" + " --- |" * len(HEADINGS)]
    print("\n".join(lines), flush=True)
    for name in given.models:
        module = drawn(name)
        if module is None:
            continue
        try:
            cells = row(name, module)
        except striate.StriateError as error:
            cells = (name, "refused: " + " ".join(str(error).split()))
        lines.append(" | ".join(("", *cells, "")).strip())
        print(lines[-1], flush=True)
    if given.out:
        versions = f"torch {torch.__version__}, {torch.get_num_threads()} thread(s)"
        given.out.write_text(f"# Captured models\n\n{versions}\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
