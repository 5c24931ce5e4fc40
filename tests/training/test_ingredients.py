"""What a recipe may add to plain training: each against its formula, and all of it resumed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import SETTINGS, TEXT, assert_same_run, digits
from torch import Tensor, nn

from striate.data import Augment, Batches
from striate.engine import lower, optimizer
from striate.errors import IdleSettingError, SettingError
from striate.graph import Graph
from striate.model import Model
from striate.notation import parse
from striate.ops import CrossEntropy
from striate.pytorch import loss_function
from striate.training import EpochRow, Event, Recipe, resume, train
from striate.training.average import Average
from striate.training.ending import class_weights, ended
from striate.training.mixing import mixed
from striate.training.resuming import read_config
from striate.training.run_folder import read_yaml
from striate.training.step import TrainingStep

PLAIN = parse("INPUT 1x8x8 -> CONV 3 3x3 -> RELU -> FC 4")
WITH_NORM = parse("INPUT 1x8x8 -> CONV 3 3x3 -> BN -> RELU -> FC 4")


def batch(count: int = 11) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(2)
    x = torch.rand(count, 1, 8, 8, generator=random)
    return x, torch.randint(4, (count,), generator=random)


def moved(graph: Graph, x: Tensor, y: Tensor, step: int = 0, **settings: Any) -> list[Tensor]:
    """What one step of plain descent with a rate of 1 takes off the weights: the gradients."""
    recipe = Recipe(optimizer="sgd", learning_rate=1.0, schedule="constant", **settings)
    module = lower(graph, fused=False).train()
    before = [each.detach().clone() for each in module.parameters()]
    made = optimizer("sgd", module, 1.0)
    TrainingStep(graph, module, made, recipe, lambda x: x, 4)(x, y, step)
    return [a - b.detach() for a, b in zip(before, module.parameters(), strict=True)]


def gradients(graph: Graph, loss: Any) -> list[Tensor]:
    """Of a loss, a function of the module, by autograd."""
    module = lower(graph, fused=False).train()
    return list(torch.autograd.grad(loss(module), [*module.parameters()]))


def assert_close(found: list[Tensor], wanted: list[Tensor]) -> None:
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_longer_gradients_are_shortened_and_shorter_ones_are_not() -> None:
    x, y = batch()
    whole = moved(PLAIN, x, y)
    norm = torch.cat([each.flatten() for each in whole]).norm()
    shortened = moved(PLAIN, x, y, clip=norm.item() / 3)
    assert_close(shortened, [each / 3 for each in whole])
    assert_close(moved(PLAIN, x, y, clip=norm.item() * 3), whole)


@pytest.mark.parametrize("weights", [None, (1.0, 0.0, 5.0, 2.0)])
def test_a_batch_in_parts_has_the_gradients_of_the_whole(weights: Any) -> None:
    x, y = batch()
    graph = ended(PLAIN, Recipe(class_weights="balanced"), weights)
    assert_close(moved(graph, x, y, accumulate=4), moved(graph, x, y))


def test_parts_have_pictures_enough_for_batch_normalization() -> None:
    x, y = batch(5)
    seen: list[int] = []
    module = lower(WITH_NORM, fused=False)
    module.bn1.register_forward_hook(lambda module, inputs, out: seen.append(len(inputs[0])))
    recipe, made = Recipe(accumulate=5), optimizer("sgd", module, 0.1)
    TrainingStep(WITH_NORM, module.train(), made, recipe, lambda x: x, 4)(x, y, 0)
    assert seen == [3, 2]
    assert Recipe(batch_size=40, accumulate=3).part_size(100) == 14
    with pytest.raises(IdleSettingError, match="accumulate is 9"):
        Recipe(accumulate=9, batch_size=8)


def test_an_average_forgets_by_its_decay() -> None:
    module = nn.Linear(1, 1, bias=False)
    values, mean = [3.0, -1.0, 4.0, 1.0], 2.0
    nn.init.constant_(module.weight, mean)
    average = Average(module, 0.2)
    for step, value in enumerate(values):
        nn.init.constant_(module.weight, value)
        average.update(step)
        kept = min(0.2, (1 + step) / (10 + step))
        mean = kept * mean + (1 - kept) * value
    with average.in_place():
        assert module.weight.item() == pytest.approx(mean)
    assert module.weight.item() == 1.0


def test_an_average_of_shared_weights_is_exchanged_once() -> None:
    shared = lower(parse("INPUT 6 -> FC 6 -> RELU -> FC 6 shares=fc1 -> FC 4"), fused=False)
    average = Average(shared, 0.9)
    before = shared.fc1.weight.detach().clone()
    with torch.no_grad():
        shared.fc1.weight.add_(1)
    with average.in_place():
        assert torch.equal(shared.fc1.weight, before)
        assert torch.equal(shared.fc2.weight, before)
    assert torch.equal(shared.fc2.weight, before + 1)


def test_the_average_is_what_is_judged_and_kept(tmp_path: Path) -> None:
    found = {}
    for decay in (0.0, 0.9):
        settings = SETTINGS | {"ema": decay, "epochs": 1}
        done = train(TEXT, digits(), run=tmp_path / str(decay), quiet=True, **settings)
        found[decay] = Model.load(done.folder / "last.safetensors").weights, done.history[0]
    (plain, row), (mean, other) = found.values()
    assert row.train_loss == other.train_loss, "training itself is the same"
    assert row.validation_loss != other.validation_loss
    for key in ("weight", "running_mean"):
        assert (plain["bn1"][key] != mean["bn1"][key]).any()


def test_mixup_is_the_formula() -> None:
    x, y = batch()
    found = mixed(x, y, 0.4, 0.0, [7, 3])
    assert 0.5 <= found.share <= 1
    pairs = {(a, b) for a, b in zip(y.tolist(), found.other.tolist(), strict=True)}
    assert len(pairs) > 1
    rest = (found.x - found.share * x)[:, None] - (1 - found.share) * x
    order = rest.abs().sum((2, 3, 4)).argmin(1)
    torch.testing.assert_close(found.x, found.share * x + (1 - found.share) * x[order])
    assert torch.equal(found.other, y[order])
    loss = loss_function(PLAIN)

    def wanted(module: nn.Module) -> Tensor:
        out = module(found.x)
        mix: Tensor = found.share * loss(out, y) + (1 - found.share) * loss(out, found.other)
        return mix

    step = moved(PLAIN, x, y, step=3, mixup=0.4, seed=7)
    assert_close(step, gradients(PLAIN, wanted))
    assert_close(moved(PLAIN, x, y, step=3, mixup=0.4, seed=7, accumulate=3), step)


def test_cutmix_pastes_a_box_and_counts_its_pixels() -> None:
    x = torch.arange(6.0)[:, None, None, None].expand(6, 2, 9, 7).clone()
    for step in range(20):
        found = mixed(x, torch.arange(6), 0.0, 1.0, [0, step])
        own = found.x == x
        assert torch.equal(found.x[:, 0], found.x[:, 1])
        for k in range(6):
            other = found.other[k].item()
            assert set(found.x[k].unique().tolist()) <= {k, other}
            share = own[k].double().mean().item()
            assert share == pytest.approx(1.0 if other == k else found.share)
            rows, columns = (~own[k, 0]).any(1), (~own[k, 0]).any(0)
            assert (~own[k, 0]).sum() == rows.sum() * columns.sum(), "a box"
    assert torch.equal(found.x, mixed(x, torch.arange(6), 0.0, 1.0, [0, 19]).x)


def test_of_mixup_and_cutmix_each_has_its_turn() -> None:
    x, y = batch()
    ways = Counter(
        bool((mixed(x, y, 1.0, 1.0, [0, step]).x[..., None] == x.flatten()).any(-1).all())
        for step in range(30)
    )
    assert min(ways[True], ways[False]) >= 8


def test_erasing_fills_a_rectangle_with_noise() -> None:
    x = torch.full((400, 3, 20, 17), 7, dtype=torch.uint8)
    augment = Augment(erase=0.25)
    out = augment(x, torch.Generator().manual_seed(0))
    changed = (out != x).any(1)
    share = changed.flatten(1).any(1).double().mean().item()
    assert share == pytest.approx(0.25, abs=0.06)
    areas = changed.flatten(1).double().mean(1)
    assert areas[areas > 0].min() >= 0.01
    assert areas.max() <= 0.36
    for each in changed[changed.flatten(1).any(1)]:
        box = each.any(1).sum() * each.any(0).sum()
        assert each.sum() > 0.9 * box, "noise may be what was there before, rarely"
    assert torch.equal(out, augment(x, torch.Generator().manual_seed(0)))


def test_balanced_sampling_draws_each_class_as_often() -> None:
    whole = digits().train
    lots, few = np.flatnonzero(whole.labels == 0), np.flatnonzero(whole.labels == 1)[:2]
    split = whole.take(np.concatenate([np.tile(lots, 20), few]))
    batches = Batches(split, 32, shuffle=True, seed=5, balanced=True)
    drawn = np.concatenate([y.numpy() for _, y in batches.epoch(0)])
    assert len(drawn) == len(split)
    assert (drawn == 1).mean() == pytest.approx(0.5, abs=0.1)
    assert (batches.order(1) != batches.order(0)).any()
    taken_up = [y for _, y in batches.epoch(0, 2)]
    assert torch.equal(torch.cat(taken_up), torch.from_numpy(drawn[64:]))


def test_balanced_weights_let_every_class_count_the_same() -> None:
    recipe = Recipe(class_weights="balanced")
    weights = np.array(class_weights(recipe, digits()))
    labels = np.asarray(digits().train.labels)
    np.testing.assert_allclose(weights * np.bincount(labels), np.full(10, len(labels) / 10))
    assert class_weights(Recipe(), digits()) is None


def test_weights_of_classes_come_from_a_file_and_stay_with_the_run(tmp_path: Path) -> None:
    file = tmp_path / "weights.yaml"
    file.write_text("\n".join(f"{k}: {k + 0.5}" for k in range(10)))
    settings = SETTINGS | {"class_weights": str(file)}
    whole = train(TEXT, digits(), run=tmp_path / "whole", quiet=True, **settings)
    loss = Model.load(whole.model).graph.nodes[-1].operator
    assert isinstance(loss, CrossEntropy)
    assert loss.class_weights == tuple(k + 0.5 for k in range(10))
    config = tmp_path / "whole" / "config.yaml"
    graph, recipe, _ = read_config(read_yaml(config), config)
    again = train(graph, digits(), recipe, run=tmp_path / "again", quiet=True)
    assert_same_run(whole.folder, again.folder)
    short = train(TEXT, digits(), run=tmp_path / "s", quiet=True, **settings | {"epochs": 2})
    file.unlink()
    resume(short.folder, data=digits(), epochs=3, quiet=True)
    assert Model.load(short.folder).graph.nodes[-1].operator == loss


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("0: 1", "has no weight for 1"),
        ("cat: 1", "has a weight for cat"),
        ("\n".join(f"{k}: 0" for k in range(10)), "every class the weight 0"),
        ("\n".join(f"{k}: -1" for k in range(10)), "gives 0 the weight -1"),
        ("\n".join(f"{k}: many" for k in range(10)), "gives 0 the weight 'many'"),
        ("- 1", "holds no weights by class"),
        (None, "weights.yaml"),
    ],
)
def test_files_that_hold_no_weights_of_classes_are_refused(
    tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "weights.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingError, match=said):
        class_weights(Recipe(class_weights=str(file)), digits())
    with pytest.raises(IdleSettingError, match="class_weights is balanced"):
        train(f"{TEXT} -> MAPLOSS", digits(), run=tmp_path / "r", class_weights="balanced")


EVERYTHING = SETTINGS | {
    "class_weights": "balanced",
    "sampling": "balanced",
    "clip": 1.0,
    "accumulate": 3,
    "ema": 0.9,
    "mixup": 0.4,
    "cutmix": 1.0,
    "erase": 0.3,
}


def test_all_of_it_resumes_exactly(tmp_path: Path) -> None:
    whole = train(TEXT, digits(), run=tmp_path / "whole", quiet=True, **EVERYTHING)

    def die(event: Event) -> None:
        if isinstance(event, EpochRow) and event.epoch == 2:
            raise KeyError

    with pytest.raises(KeyError):
        train(TEXT, digits(), run=tmp_path / "killed", on_event=die, **EVERYTHING)
    again = resume(tmp_path / "killed", data=digits(), quiet=True)
    assert_same_run(whole.folder, tmp_path / "killed")
    assert again.test_accuracy == whole.test_accuracy
