"""The network and recipe of to_99.py in plain PyTorch, as one writes it: nothing of Striate here.

python benchmarks/plain_mnist.py FOLDER_WITH_IDX_FILES [--seed 0]
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def read(folder: Path, name: str) -> np.ndarray:
    """The bytes of one IDX file behind its header."""
    data = gzip.decompress((folder / f"{name}-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=16 if "images" in name else 8)


def dataset(folder: Path, part: str) -> TensorDataset:
    """Pictures (N, 1, 28, 28) from 0 to 1, and labels (N,)."""
    pictures = read(folder, f"{part}-images-idx3").reshape(-1, 1, 28, 28)
    labels = read(folder, f"{part}-labels-idx1")
    return TensorDataset(
        torch.from_numpy(pictures.astype(np.float32) / 255),
        torch.from_numpy(labels.astype(np.int64)),
    )


def normalize(training: TensorDataset, test: TensorDataset) -> None:
    """Mean 0 and deviation 1 of the training pictures."""
    mean, std = training.tensors[0].mean(), training.tensors[0].std()
    for each in (training, test):
        each.tensors = ((each.tensors[0] - mean) / std, each.tensors[1])


def network() -> nn.Sequential:
    """Two convolutions, two dense layers."""
    return nn.Sequential(
        *(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)),
    )


def main() -> None:
    """Train and test."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    training, test = dataset(given.folder, "train"), dataset(given.folder, "t10k")
    normalize(training, test)
    loader = DataLoader(training, given.batch_size, shuffle=True, drop_last=True)
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        given.learning_rate,
        epochs=given.epochs,
        steps_per_epoch=len(loader),
        cycle_momentum=False,
    )
    loss_function = nn.CrossEntropyLoss()
    for _ in range(given.epochs):
        model.train()
        for x, target in loader:
            optimizer.zero_grad()
            loss = loss_function(model(x), target)
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    right = 0
    with torch.no_grad():
        for x, target in DataLoader(test, 1000):
            right += int((model(x).argmax(1) == target).sum())
    print(json.dumps({"test_accuracy": right / len(test)}))


if __name__ == "__main__":
    main()
