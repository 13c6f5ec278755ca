"""Features of two networks compared, and teachers that answer together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.training.data import write_tree
from support.training.runs import fabric, recipe
from torch import Tensor

from bgblur.training.data.sets import Collection
from bgblur.training.data.split import load_collections
from bgblur.training.fit.checkpoint import load_network
from bgblur.training.fit.echo import Answer, EchoedBatch
from bgblur.training.fit.features import EncoderFeatures, similarity_loss
from bgblur.training.fit.loop import CHECKPOINT, StepReport, train


def planes(channels: int, seed: int, batch: int = 6) -> Tensor:
    return torch.randn(batch, channels, 5, 9, generator=torch.Generator().manual_seed(seed))


def loss(ours: Tensor, theirs: Tensor) -> float:
    return float(similarity_loss([ours.detach()], [theirs]))


def test_features_that_say_the_same_have_no_loss() -> None:
    first = planes(8, 1)
    turn, _ = torch.linalg.qr(torch.randn(12, 8, generator=torch.Generator().manual_seed(2)))
    wider = torch.einsum("dc,nchw->ndhw", turn, 3 * first) + torch.arange(12)[:, None, None]
    assert loss(first, first) == pytest.approx(0, abs=1e-5)
    assert loss(first, wider) == pytest.approx(0, abs=1e-5)
    assert loss(first, wider.bfloat16()) == pytest.approx(0, abs=1e-2)


def test_the_loss_grows_with_what_is_not_shared() -> None:
    first, other = planes(8, 1, batch=40), planes(8, 3, batch=40)
    losses = [loss(first, (1 - share) * first + share * other) for share in (0, 0.3, 0.6, 1)]
    assert losses == sorted(losses)
    assert losses[-1] > 0.95  # nothing is shared
    assert loss(first, first.flip(-1)) > 0.9


def test_the_loss_is_the_mean_of_the_stages() -> None:
    a, b, c = planes(4, 1), planes(5, 2), planes(6, 3)
    both = float(similarity_loss([a, a], [b, c]))
    assert both == pytest.approx((loss(a, b) + loss(a, c)) / 2)
    with pytest.raises(ValueError, match="zip"):
        similarity_loss([a, a], [b])


def test_even_features_have_a_gradient_without_nan() -> None:
    even = torch.ones(2, 4, 3, 3, requires_grad=True)
    similarity_loss([even], [planes(5, 1, 2)[..., :3, :3]]).backward()
    assert even.grad is not None
    assert torch.isfinite(even.grad).all()


def test_descending_makes_features_alike() -> None:
    theirs, ours = planes(12, 1), planes(8, 2).requires_grad_(True)
    optimizer = torch.optim.Adam([ours], lr=0.05)
    before = loss(ours, theirs)
    for _ in range(60):
        optimizer.zero_grad()
        similarity_loss([ours], [theirs]).backward()
        optimizer.step()
    assert loss(ours, theirs) < 0.5 * before


def test_the_deepest_features_of_the_last_pass_are_kept() -> None:
    network = recipe(1).model.build()
    features = EncoderFeatures(network)
    network(torch.zeros(1, 3, 64, 64))
    network(torch.zeros(2, 3, 64, 96))
    assert [tuple(f.shape) for f in features.last] == [(2, 256, 4, 6), (2, 512, 2, 3)]


def test_an_answer_is_mirrored_whole() -> None:
    logits, features = planes(1, 1), planes(3, 2)
    batch = EchoedBatch(logits, logits, logits, Answer(logits, (features,)), mirrored=True)
    heard = batch.heard()
    assert heard is not None
    torch.testing.assert_close(heard.logits, logits.flip(-1))
    torch.testing.assert_close(heard.features[0], features.flip(-1))
    batch.answer = None
    assert batch.heard() is None


# ---- in a run ----


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


@pytest.fixture(scope="module")
def teachers(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A trained network, and one that says the opposite."""
    folder = tmp_path_factory.mktemp("teachers")
    train(recipe(2), collection, folder / "one", fabric=fabric())
    one = folder / "one" / CHECKPOINT
    state = torch.load(one, weights_only=False)
    for name in [name for name in state["average"] if name.startswith("segmentation_head")]:
        state["average"][name] = -state["average"][name]
    (folder / "two").mkdir()
    torch.save(state, folder / "two" / CHECKPOINT)
    return str(one), str(folder / "two" / CHECKPOINT)


def first_loss(collection: Collection, folder: Path, **run: object) -> float:
    losses: list[StepReport] = []
    train(recipe(1, **run), collection, folder, report=losses.append, fabric=fabric())
    return losses[0].loss


def test_teachers_answer_with_their_mean(
    collection: Collection, teachers: tuple[str, str], tmp_path: Path
) -> None:
    one, two = teachers
    alone = first_loss(collection, tmp_path / "alone")
    taught = {
        name: first_loss(collection, tmp_path / name, distillation=1.0, teacher=names) - alone
        for name, names in {"one": one, "twice": [one, one], "both": [one, two]}.items()
    }
    assert taught["twice"] == pytest.approx(taught["one"], rel=1e-4)
    assert taught["both"] != pytest.approx(taught["one"], rel=1e-4)
    (stage,) = load_network(tmp_path / "both" / CHECKPOINT)[1].stages
    assert stage.teacher == f"{one} and {two}"


def test_features_follow_the_first_teacher(
    collection: Collection, teachers: tuple[str, str], tmp_path: Path
) -> None:
    alone = first_loss(collection, tmp_path / "alone")
    weighed = [
        first_loss(collection, tmp_path / str(i), similarity=weight, teacher=names) - alone
        for i, (weight, names) in enumerate([(0.5, teachers[0]), (1.0, list(teachers))])
    ]
    assert 0 < weighed[0] < 0.5
    assert weighed[1] == pytest.approx(2 * weighed[0], rel=1e-4)
    (stage,) = load_network(tmp_path / "0" / CHECKPOINT)[1].stages
    assert (stage.losses, stage.teacher) == ({"similarity": 0.5}, teachers[0])
