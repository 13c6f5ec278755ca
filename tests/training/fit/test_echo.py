from __future__ import annotations

import copy
from pathlib import Path

import lightning as L
import pytest
import torch
from support.training.data import write_tree
from support.training.runs import CutError, fabric, recipe, weights
from torch import Tensor, nn

from bgblur.training.data.split import load_collections
from bgblur.training.feed.loader import BatchTensors, StepSampler
from bgblur.training.fit import echo
from bgblur.training.fit.echo import Answer, EchoedBatch, echoed
from bgblur.training.fit.loop import StepReport, train
from bgblur.training.fit.recipe import RunSettings
from bgblur.training.fit.step import Stepper


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "_APART", 2)


def numbered(sampler: StepSampler) -> list[BatchTensors]:
    """Batches whose tensors hold the number of the draw."""
    return [(torch.tensor(step[0].seed[1]),) * 3 for step in sampler]


def taken(times: int, steps: int, done: int = 0) -> list[tuple[int, bool]]:
    batches = echoed(numbered, recipe(steps, echo=times), done)
    return [(int(batch.images), batch.mirrored) for batch in batches]


def test_a_batch_returns_mirrored_after_others() -> None:
    first = [(0, False), (1, False), (0, True), (1, True), (0, False), (1, False)]
    assert taken(3, 8) == [*first, (2, False), (2, True)]
    assert taken(1, 3) == [(0, False), (1, False), (2, False)]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_resumed_run_takes_the_steps_that_are_left(times: int) -> None:
    whole = taken(times, 11)
    assert len(whole) == 11
    for done in range(12):
        assert taken(times, 11, done) == whole[done:]


def test_the_teacher_is_asked_once_about_a_drawn_batch() -> None:
    asked: list[Tensor] = []

    def teacher(inputs: Tensor) -> Answer:
        asked.append(inputs)
        return Answer(inputs[:, :1])

    network = nn.Conv2d(3, 1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    model, optimizer = fabric().setup(network, optimizer)
    run = RunSettings(steps=4, distillation=1.0)
    take = Stepper(fabric(), model, optimizer, run, teacher, recorded=False)
    images = torch.arange(2 * 3 * 32 * 32).view(2, 3, 32, 32).to(torch.uint8)
    alpha = (images[:, :1] > 128).float()
    batch = EchoedBatch(images, alpha, torch.ones_like(alpha))
    plain = take(batch, 1)
    batch.mirrored = True
    # Everything is mirrored alike: the loss of a network of single pixels stays the same.
    assert take(batch, 2) == pytest.approx(plain, rel=1e-5)
    assert len(asked) == 1
    batch.alpha = batch.alpha.flip(-1)
    assert take(batch, 3) != pytest.approx(plain, rel=1e-5)


def test_a_resumed_run_ends_as_the_unbroken_one(tmp_path: Path) -> None:
    pictures = load_collections(write_tree(tmp_path / "data"))[0]
    start = tmp_path / "start" / "last.ckpt"
    train(recipe(1), pictures, start.parent, fabric=fabric())
    settings = recipe(8, echo=3, distillation=1.0, checkpoint_every=5)
    unbroken = train(settings, pictures, tmp_path / "one", init=start, fabric=fabric())

    def cut(progress: StepReport) -> None:
        if progress.step == 6:
            raise CutError

    with pytest.raises(CutError):
        train(settings, pictures, tmp_path / "two", init=start, report=cut, fabric=fabric())
    resumed = train(settings, pictures, tmp_path / "two", init=start, fabric=fabric())
    torch.testing.assert_close(weights(resumed), weights(unbroken))


def test_a_step_keeps_depthwise_convolutions_out_of_mixed_precision() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 5, 2, 2, groups=8), nn.Conv2d(8, 1, 1)
    )
    before, names = copy.deepcopy(network), network.state_dict().keys()
    mixed = L.Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    model, optimizer = mixed.setup(network, torch.optim.SGD(network.parameters(), lr=0.0))
    Stepper(mixed, model, optimizer, RunSettings(steps=4), None, recorded=False)
    images = torch.rand(2, 3, 32, 32)
    seen: list[torch.dtype] = []
    for layer in network:
        layer.register_forward_hook(lambda _layer, _given, made: seen.append(made.dtype))
    mixed.backward(model(images).float().square().mean())
    assert seen == [torch.bfloat16, torch.float32, torch.bfloat16]
    before(images).square().mean().backward()
    for here, there in zip(network.parameters(), before.parameters(), strict=True):
        assert here.dtype == torch.float32
        torch.testing.assert_close(here.grad, there.grad, rtol=0.05, atol=0.01)
    assert network.state_dict().keys() == names
