"""Does `why` add up on captured modules? 200 random numbers of each of twelve kinds of networks.

    python benchmarks/capture_adds_up.py [KIND ...] [--count 200] [--save]

The modules are torchvision's and timm's, small, with first weights (a kind whose library is missing
is skipped), and a U-Net that is written here. Numbers are drawn, and residuals are computed, as in
`why_adds_up.py`: values of nodes, and gradients by nodes and weights. The exit code is 1 when a
reference residual is 1e-10 or more, or a stored one (against PyTorch in float32) 1e-4 or more.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from why_adds_up import BOUNDS, drawn, residuals

import striate
from striate.analysis.why.inquiry import Inquiry
from striate.passes.attach_loss import with_loss

RESULT = Path(__file__).parent / "results" / "capture_adds_up.json"


class UNet(nn.Module):
    """Two steps down, two up, with what was on the way down put beside; a map of 3 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([self.block(3, 8), self.block(8, 12)])
        self.bottom = self.block(12, 16)
        self.up = nn.ModuleList([nn.ConvTranspose2d(16, 12, 2, 2), nn.ConvTranspose2d(12, 8, 2, 2)])
        self.beside = nn.ModuleList([self.block(24, 12), self.block(16, 8)])
        self.head = nn.Conv2d(8, 3, 1)

    @staticmethod
    def block(inputs: int, outputs: int) -> nn.Module:
        conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, block in zip(self.up, self.beside, strict=True):
            x = block(torch.cat([up(x), kept.pop()], dim=1))
        found: Tensor = self.head(x)
        return found


def _timm(name: str, **settings: Any) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        import timm

        module: nn.Module = timm.create_model(name, pretrained=False, num_classes=10, **settings)
        return module

    return made


def _swin() -> nn.Module:
    from torchvision.models import SwinTransformer

    module: nn.Module = SwinTransformer([4, 4], 24, [2, 2], [2, 4], [4, 4], num_classes=10)
    return module


def _shufflenet() -> nn.Module:
    from torchvision.models import shufflenet_v2_x0_5

    return shufflenet_v2_x0_5(num_classes=10)


def _efficientnet() -> nn.Module:
    from torchvision.models import efficientnet_b0

    return efficientnet_b0(num_classes=10)


KINDS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "unet": (UNet, 16),
    "vit": (_timm("vit_tiny_patch16_224", img_size=64), 64),
    "convnext": (_timm("convnext_atto"), 64),
    "efficientnet": (_efficientnet, 64),
    "mobilenetv3": (_timm("mobilenetv3_small_050"), 64),
    "swin": (_swin, 32),
    "shufflenet": (_shufflenet, 64),
    "regnet": (_timm("regnety_002"), 64),
    "ghostnet": (_timm("ghostnet_050"), 64),
    "mobilevit": (_timm("mobilevit_xxs"), 64),
    "xcit": (_timm("xcit_nano_12_p16_224"), 64),
    "inceptionnext": (_timm("inception_next_atto"), 64),
}


def module_of(make: Callable[[], nn.Module]) -> nn.Module:
    """A module with statistics, and heads, that no layer begins with."""
    torch.manual_seed(0)
    module = make().eval()
    for each in module.modules():
        if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d) and each.running_mean is not None:
            each.running_mean.normal_(0, 0.1)
            each.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    for parameter in module.parameters():
        if not parameter.any():
            parameter.data.normal_(0, 0.02)
    return module


def figures(make: Callable[[], nn.Module], side: int, count: int) -> dict[str, Any]:
    """The residuals of `count` numbers of a captured module."""
    captured = striate.capture(module_of(make), (3, side, side))
    random = np.random.default_rng(0)
    picture = random.standard_normal((1, 3, side, side))
    scores = captured.graph.specs[captured.graph.scores.name]
    with torch.no_grad():
        answer = captured.module()(torch.from_numpy(picture).float())
    target: Any = int(answer.argmin())  # not the predicted class: see why_adds_up
    if scores.spatial:  # a map has no loss until one is named
        captured = replace(captured, graph=with_loss(captured.graph))
        target = random.integers(scores.channels, size=scores.spatial)
    begun = time.process_time()
    inquiry = Inquiry(captured, picture, target)
    found = [inquiry.why(drawn(inquiry, random)) for _ in range(count)]
    largest = {kind: float(residuals(found)[kind].max()) for kind in BOUNDS}
    worst = {kind: found[int(residuals(found)[kind].argmax())].what for kind in BOUNDS}
    return {
        "nodes": len(captured.graph),
        "native": captured.native["nodes"],
        "forward": sum(not each.what.endswith(".grad") for each in found),
        "backward": sum(each.what.endswith(".grad") for each in found),
        "products": sum(len(each.terms) for each in found),
        "largest": largest,
        "worst": worst,
        "seconds": round(time.process_time() - begun, 1),
        "ok": all(largest[kind] < bound for kind, bound in BOUNDS.items()),
    }


def main() -> int:
    """Print the figures of each kind; 1 when one misses the bounds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--save", action="store_true", help=f"write results/{RESULT.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = {}
    for kind in options.kinds or KINDS:
        try:
            found[kind] = figures(*KINDS[kind], options.count)
        except ImportError as error:
            print(f"{kind:14} skipped: {error}")
            continue
        each = found[kind]
        sizes = ", ".join(f"{name} {each['largest'][name]:.1e}" for name in BOUNDS)
        asked = f"{kind:14} {each['nodes']:4} nodes, {each['products']:9,} products"
        misses = "" if each["ok"] else f"  NOT within {BOUNDS}: {each['worst']}"
        print(f"{asked}, {sizes}, {each['seconds']} s{misses}", flush=True)
    if options.save:
        RESULT.write_text(json.dumps({"torch": torch.__version__, "kinds": found}, indent=1) + "\n")
    return 0 if all(each["ok"] for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
