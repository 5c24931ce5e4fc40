"""What the Winograd benchmarks share: networks, real pictures, the machine's description."""

from __future__ import annotations

import datetime
import io
import os
import platform
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from striate.fused import build, winograd

ARCHIVE = Path("cifar10") / "cifar10-jpeg.tar.gz"
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class WinogradConv(nn.Conv2d):
    """A 3x3 convolution, stride 1, that runs `winograd.conv3x3` in all three passes."""

    def forward(self, x: Tensor) -> Tensor:
        return winograd.conv3x3(x, self.weight, self.bias, self.padding)


def with_winograd(net: nn.Module, least_channels: int = 8) -> nn.Module:
    """The same network, its 3x3 stride-1 convolutions exchanged where they can be."""
    for each in net.modules():
        plain = isinstance(each, nn.Conv2d) and each.stride == (1, 1) and each.groups == 1
        if plain and each.kernel_size == (3, 3) and each.in_channels >= least_channels:
            each.__class__ = WinogradConv
    return net


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2015, arXiv 1512.03385, figure 2)."""

    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet(widths: tuple[int, ...] = (64, 128, 256, 512), blocks: int = 2) -> nn.Module:
    """ResNet for 32x32 pictures; the default is ResNet-18."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, widths[0], 3, padding=1, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
    ]
    channels = widths[0]
    for stage, outputs in enumerate(widths):
        for block in range(blocks):
            layers.append(Block(channels, outputs, 2 if stage and not block else 1))
            channels = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers)


def cifar10(part: str, per_class: int) -> tuple[Tensor, Tensor]:
    """The first `per_class` pictures of each class folder, normalized, in a mixed order.

    Returns:
        pictures (10 per_class, 3, 32, 32) and labels (10 per_class,).
    """
    archive = Path(os.environ["STRIATE_DATA"]) / ARCHIVE
    found: dict[str, list[bytes]] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name).parts
            if member.isfile() and part in parts:
                kept = found.setdefault(parts[-2], [])
                if len(kept) < per_class:
                    kept.append(tar.extractfile(member).read())  # type: ignore[union-attr]
    pixels, labels = [], []
    for label, name in enumerate(sorted(found)):
        pixels += [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in found[name]]
        labels += [label] * len(found[name])
    x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    x = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order].contiguous(), torch.tensor(labels)[order]


def machine() -> dict[str, object]:
    """The processor, its vectors, the versions: what a figure means nothing without."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    version = subprocess.run(
        [*build.compiler(), "--version"], capture_output=True, text=True, check=False
    ).stdout
    return {
        "processor": facts.get("model name", platform.processor()),
        "family": facts.get("cpu family"),
        "model": facts.get("model"),
        "avx512": "avx512f" in facts.get("flags", ""),
        "torch_vectors": torch.backends.cpu.get_cpu_capability(),
        "onednn_limit": os.environ.get("ONEDNN_MAX_CPU_ISA", "none"),
        "winograd_lanes": build.library("winograd").winograd_lanes(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "compiler": (version.splitlines() or ["unknown"])[0],
        "system": platform.system(),
    }
