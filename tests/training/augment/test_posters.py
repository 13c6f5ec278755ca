"""People on walls and screens: posters.py and posters_torch.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from support.scenes import checkerboard, portrait
from support.training.data import write_tree

from bgblur.training.augment import light, light_torch, posters
from bgblur.training.augment.examples import Mix, draw_example
from bgblur.training.augment.examples_torch import draw_batch
from bgblur.training.augment.posters import Poster, hang, window
from bgblur.training.augment.posters_torch import hang_posters
from bgblur.training.data.resident import load_resident
from bgblur.training.data.sets import Collection
from bgblur.training.data.split import load_collections

ROOM = checkerboard(160, 96)
PHOTO = portrait(120, 150)
PERSON = (20.0, 60.0)  # top and middle
SEEDS = range(60)


def drawn(seed: int) -> Poster:
    return Poster.draw(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


def test_a_poster_changes_only_its_place() -> None:
    before = ROOM.copy()
    shares = []
    for seed in SEEDS:
        poster = drawn(seed)
        whole, inner = poster.boxes(96, 160)
        hung = hang(ROOM, poster, PHOTO, PERSON)
        outside = np.ones(ROOM.shape[:2], bool)
        outside[whole.within(96, 160)] = False
        assert np.array_equal(hung[outside], ROOM[outside])
        shares.append((hung != ROOM).any(2).mean())
        rim = ~outside
        rim[inner.within(96, 160)] = False
        assert (hung[rim] == poster.color).all()
    assert np.array_equal(ROOM, before)
    assert min(shares) > 0.001
    assert 0.02 < np.median(shares) < 0.3


def test_it_shows_the_photo() -> None:
    poster = replace(drawn(0), center=np.array([0.5, 0.5]), height=0.6, border=0.0, gain=1.0)
    _, inner = poster.boxes(96, 160)
    shown = hang(ROOM, poster, PHOTO, PERSON)[inner.within(96, 160)]
    tall, wide = shown.shape[:2]
    top, left, h, w = (round(v) for v in window(150, 120, PERSON, wide / tall))
    truth = PHOTO[top : top + h, left : left + w].mean((0, 1))
    assert np.abs(shown.mean((0, 1)) - truth).max() < 2


@pytest.mark.parametrize("aspect", [0.6, 0.8, 1.8])
@pytest.mark.parametrize("person", [(0.0, 0.0), (20.0, 60.0), (149.0, 120.0)])
def test_a_window_is_within_the_photo(aspect: float, person: tuple[float, float]) -> None:
    top, left, tall, wide = window(150, 120, person, aspect)
    assert wide / tall == pytest.approx(aspect)
    assert top >= 0
    assert left >= 0
    assert top + tall <= 150 + 1e-9
    assert left + wide <= 120 + 1e-9


def test_torch_hangs_what_numpy_hangs(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posters, "SHARE", 1.0)
    bank = load_resident(collection, torch.device("cpu")).photo_bank
    rooms = (
        torch.from_numpy(ROOM[..., ::-1].transpose(2, 0, 1).copy()).float()[None].repeat(8, 1, 1, 1)
    )
    seen: list[tuple[Any, Any]] = []

    def sample(_: Any, indices: Any, frames: Any, *__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        seen.extend(zip(indices, frames, strict=True))
        return torch.full((len(indices), 6, 96, 160), 90.0), torch.ones(1)

    hang_posters(rooms, bank, np.random.default_rng(3), sample)
    rng = np.random.default_rng(3)
    rng.random(8)
    indices = rng.integers(len(bank.sizes), size=8)
    for room, (index, frame), expected in zip(rooms, seen, indices, strict=True):
        assert index == expected
        poster = Poster.draw(rng)
        rows, columns = (int(side) for side in bank.sizes[index])
        grey = np.full((rows, columns, 3), 90, np.uint8)
        truth = hang(ROOM, replace(poster, color=poster.color[::-1]), grey, (0.0, columns / 2))
        assert np.abs(room.numpy().transpose(1, 2, 0)[..., ::-1] - truth).max() <= 1
        _, inner = poster.boxes(96, 160)
        corners = [(inner.left, inner.top, 1), (inner.right, inner.bottom, 1)]
        for x, y, _ in (frame @ np.array(corner, float) for corner in corners):
            assert -1e-6 <= x <= columns + 1e-6
            assert -1e-6 <= y <= rows + 1e-6


def test_whoever_hangs_there_is_no_person(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(share: float) -> tuple[Any, Any]:
        monkeypatch.setattr(posters, "SHARE", share)
        one = draw_example(collection, Mix(0, 1), 96, 160, np.random.default_rng(2))
        batch = draw_batch(
            load_resident(collection, torch.device("cpu")),
            *(Mix(0, 1), 4, 96, 160, np.random.default_rng(2)),
        )
        assert one.alpha.max() == 0
        assert float(batch[1].max()) == 0
        return one.image, batch[0]

    for module in (light, light_torch):
        monkeypatch.setattr(module, "LIGHT", replace(module.LIGHT, tone=0.0))
    with_posters, without = changed(1.0), changed(0.0)
    for hung, bare in zip(with_posters, without, strict=True):
        assert (np.asarray(hung) != np.asarray(bare)).any()
