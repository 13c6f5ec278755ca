from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from support.torch_marks import needs_cuda
from support.training.data import write_tree
from support.training.runs import CutError, fabric, recipe, weights

from bgblur.training.augment.examples import Mix, draw_example
from bgblur.training.data.sets import Collection, DataError
from bgblur.training.data.split import load_collections
from bgblur.training.feed.loader import ExampleDataset, Phase, StepSampler, make_loader
from bgblur.training.fit import loop
from bgblur.training.fit.checkpoint import load_checkpoint, load_network
from bgblur.training.fit.loop import CHECKPOINT, StepReport, schedule, train
from bgblur.training.fit.recipe import Recipe


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


def test_training_lowers_the_loss_and_calls_back(collection: Collection, tmp_path: Path) -> None:
    steps: list[StepReport] = []
    validated: list[tuple[int, bool]] = []
    train(
        recipe(30, validate_every=20),
        collection,
        tmp_path,
        report=steps.append,
        validate=lambda step, network: validated.append((step, network.training)),
        fabric=fabric(),
    )
    losses = [step.loss for step in steps]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert [step.step for step in steps] == list(range(1, 31))
    assert all(step.images_per_second > 0 for step in steps)
    assert validated == [(20, False), (30, False)]
    assert steps[-1].learning_rate == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("augment", ["workers", "device"])
def test_a_resumed_run_ends_as_the_unbroken_one(
    collection: Collection, tmp_path: Path, augment: str
) -> None:
    unbroken = train(recipe(8, augment=augment), collection, tmp_path / "one", fabric=fabric())

    def cut(progress: StepReport) -> None:
        if progress.step == 5:  # after the checkpoint of step 3
            raise CutError

    with pytest.raises(CutError):
        train(recipe(8, augment=augment), collection, tmp_path / "two", report=cut, fabric=fabric())
    assert load_checkpoint(tmp_path / "two" / CHECKPOINT)["step"] == 3
    seen: list[int] = []
    resumed = train(
        recipe(8, augment=augment),
        collection,
        tmp_path / "two",
        report=lambda progress: seen.append(progress.step),
        fabric=fabric(),
    )
    assert seen == [4, 5, 6, 7, 8]
    torch.testing.assert_close(weights(resumed), weights(unbroken))

    # The checkpoint holds the returned network; a finished run does nothing.
    network, first = load_network(tmp_path / "two" / CHECKPOINT)
    torch.testing.assert_close(weights(network), weights(resumed))
    assert first.model is not None
    assert (first.model.encoder, first.model.decoder) == ("resnet18", "unet")
    assert first.model.decoder_channels == (32, 16, 16, 8, 8)
    assert [(stage.start, stage.steps) for stage in first.stages] == [("scratch", 8)]
    assert not network.training
    again = train(recipe(8), collection, tmp_path / "two", fabric=fabric())
    torch.testing.assert_close(weights(again), weights(resumed))

    # A new run can start from those weights, but not from those of another network.
    checkpoint = tmp_path / "two" / CHECKPOINT
    gentle = recipe(1, learning_rate=1e-9)
    tuned = train(gentle, collection, tmp_path / "three", init=checkpoint, fabric=fabric())
    parameters = zip(tuned.parameters(), resumed.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in parameters)
    for _ in range(2):  # the second run resumes, and still knows what it started from
        train(gentle, collection, tmp_path / "three", init=checkpoint, fabric=fabric())
        history = load_network(tmp_path / "three" / CHECKPOINT)[1]
        assert history.stages[:-1] == first.stages
        last = history.stages[-1]
        assert (last.start, last.steps, last.planned_steps) == ("previous", 1, 1)
    other = Recipe.model_validate({**recipe(8).model_dump(), "model": {}})
    with pytest.raises(DataError, match="another network than the recipe"):
        train(other, collection, tmp_path / "four", init=checkpoint, fabric=fabric())


def test_a_run_of_another_kind_is_not_resumed(collection: Collection, tmp_path: Path) -> None:
    run, begun = tmp_path / "run", tmp_path / "begun"
    train(recipe(1), collection, begun, fabric=fabric())
    train(recipe(3), collection, run, init=begun / CHECKPOINT, fabric=fabric())
    train(recipe(1), collection, tmp_path / "else", init=run / CHECKPOINT, fabric=fabric())
    fewer = replace(collection, rooms=collection.rooms[1:])
    for what, where, some, init in (
        ("recipe", recipe(4, learning_rate=2e-3), collection, begun),
        ("model", recipe(4), collection, tmp_path / "else"),
        ("pictures", recipe(4), fewer, begun),
    ):
        with pytest.raises(DataError, match=rf"unfinished run .*another {what}|other {what}"):
            train(where, some, run, init=init / CHECKPOINT, fabric=fabric())
    went_on: list[int] = []
    more = recipe(4, checkpoint_every=1)
    train(more, collection, run, report=lambda step: went_on.append(step.step), fabric=fabric())
    assert went_on == [4]
    assert len(load_network(run / CHECKPOINT)[1].stages) == 2


def test_a_run_from_a_gpu_resumes_on_a_processor(collection: Collection, tmp_path: Path) -> None:
    train(recipe(3), collection, tmp_path, fabric=fabric())
    path = tmp_path / CHECKPOINT
    state = load_checkpoint(path)
    for group in state["optimizer"]["param_groups"]:  # as a recorded run leaves it
        group |= {key: torch.tensor(group[key]) for key in ("lr", "initial_lr")}
        group["capturable"] = True
    rates = [torch.tensor(rate) for rate in state["scheduler"]["base_lrs"]]
    state["scheduler"] |= {"base_lrs": rates, "_last_lr": rates}
    torch.save(state, path)
    rate: list[float] = []
    train(
        recipe(6),
        collection,
        tmp_path,
        report=lambda step: rate.append(step.learning_rate),
        fabric=fabric(),
    )
    assert rate == [pytest.approx(1e-3 * schedule(i, 6, 2), abs=1e-9) for i in (4, 5, 6)]
    saved = load_checkpoint(path)
    assert [type(group["lr"]) for group in saved["optimizer"]["param_groups"]] == [float]


@pytest.mark.parametrize("content", [None, b"", b"\x80\x02nonsense", b"root:x:0:0:root"])
def test_no_checkpoint(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "last.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"last\.ckpt") as raised:
        load_network(path)
    assert "\n" not in str(raised.value)


def test_another_torch_file_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 1}, tmp_path / "other.pt")
    with pytest.raises(DataError, match="not a checkpoint of"):
        load_network(tmp_path / "other.pt")


def test_schedule_warms_up_and_falls_to_zero() -> None:
    factors = [schedule(step, 100, 10) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == pytest.approx(1)
    assert factors[100] == pytest.approx(0)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert schedule(0, 100, 0) == 1


PHASES = (Phase(0.5, 2, ((32, 32), (32, 64))), Phase(1.0, 3, ((64, 64),)))


def test_a_resumed_run_knows_its_loss_scale(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only 16-mixed on a GPU has one."""
    scaled, loaded = fabric(), list[dict[str, float]]()
    precision = scaled.strategy.precision
    monkeypatch.setattr(precision, "state_dict", lambda: {"scale": 512.0})
    monkeypatch.setattr(precision, "load_state_dict", loaded.append)
    for steps in (1, 2):
        train(recipe(steps), collection, tmp_path, fabric=scaled)
    assert loaded == [{"scale": 512.0}]
    assert load_checkpoint(tmp_path / CHECKPOINT)["step"] == 2


def test_a_resumed_sampler_continues_the_sequence() -> None:
    draws = list(StepSampler(PHASES, 0, 10, seed=4))
    assert list(StepSampler(PHASES, 6, 10, seed=4)) == draws[6:]
    assert [len(batch) for batch in draws] == [2] * 5 + [3] * 5
    assert all((d.height, d.width) == (64, 64) for batch in draws[5:] for d in batch)


def test_processes_draw_different_examples() -> None:
    seeds = {
        rank: {d.seed for b in StepSampler(PHASES, 0, 10, 4, rank) for d in b} for rank in (0, 1)
    }
    assert not seeds[0] & seeds[1]


def test_processes_draw_batches_of_one_size() -> None:
    """Otherwise the process with the smaller pictures would wait at every step."""
    sizes = [
        [(d.height, d.width) for b in StepSampler(PHASES, 0, 40, 4, rank) for d in b]
        for rank in (0, 1)
    ]
    assert sizes[0] == sizes[1]
    assert len(set(sizes[0])) == 3


def test_batches_are_rgb_tensors(collection: Collection) -> None:
    sampler = StepSampler(PHASES, 0, 2, seed=4)
    images, alpha, weight = next(iter(make_loader(collection, Mix(), sampler, workers=0)))
    assert images.dtype == torch.uint8
    assert alpha.dtype == weight.dtype == torch.float32
    height, width = images.shape[-2:]
    assert images.shape == (2, 3, height, width)
    assert alpha.shape == weight.shape == (2, 1, height, width)


def test_channels_are_turned_to_rgb(collection: Collection) -> None:
    draw = next(iter(StepSampler(PHASES, 0, 1, seed=4)))[0]
    rng = np.random.default_rng(draw.seed)
    example = draw_example(collection, Mix(), draw.height, draw.width, rng)
    image = ExampleDataset(collection, Mix())[draw][0].permute(1, 2, 0).numpy()
    assert np.array_equal(image, example.image[..., ::-1])
    assert not np.array_equal(image, example.image)


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("teacher", [None, "unet-lite"])
def test_recorded_steps_equal_unrecorded_ones(
    collection: Collection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    teacher: str | None,
) -> None:
    losses: dict[bool, list[float]] = {}
    for recorded in (True, False):
        if not recorded:
            monkeypatch.setattr(loop, "records", lambda *_: False)
        run = {"learning_rate": 1e-3, "laplacian": 0.05, "teacher": teacher, "teach_from": 0.3}
        run |= {"distillation": 0.5, "similarity": 0.5} if teacher else {}
        reports: list[StepReport] = []
        gpu = L.Fabric(accelerator="cuda", devices=1, precision="32-true")
        train(
            recipe(30, **run),
            collection,
            tmp_path / str(recorded),
            report=reports.append,
            fabric=gpu,
        )
        losses[recorded] = [progress.loss for progress in reports]
        rates = [progress.learning_rate for progress in reports]
        assert rates == [pytest.approx(1e-3 * schedule(i, 30, 2), abs=1e-9) for i in range(1, 31)]
    assert "cannot be recorded" not in caplog.text
    # Sums in another order: the difference grows with every step.
    np.testing.assert_allclose(losses[True][:10], losses[False][:10], rtol=0.01)
    np.testing.assert_allclose(losses[True], losses[False], rtol=0.2)
