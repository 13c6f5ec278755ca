"""Walls in rooms: walls.py and walls_torch.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.scenes import checkerboard, portrait
from support.training.data import KINDS, kind, write_tree
from torch import Tensor

from bgblur.frame import Image
from bgblur.training.augment import light, light_torch, walls, walls_torch
from bgblur.training.augment.examples import Example, Mix, draw_example
from bgblur.training.augment.examples_torch import draw_batch
from bgblur.training.augment.walls import Wall
from bgblur.training.data.resident import load_resident
from bgblur.training.data.sets import Collection
from bgblur.training.data.split import load_collections

ROOM = portrait(160, 96)
SEEDS = range(120)
EMPTY = Mix(composited=0, empty=1)


def drawn(seed: int) -> Wall:
    return Wall.draw(np.random.default_rng(seed))


def papered(seed: int, room: Image = ROOM) -> Image:
    return walls.paper(room, np.random.default_rng(seed))


def planes(image: Image) -> Tensor:
    """RGB (3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))).float()


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


def test_walls_have_every_pattern_and_differ() -> None:
    assert {kind(drawn(seed).pattern) for seed in SEEDS} == set(KINDS)
    assert len({papered(seed).tobytes() for seed in SEEDS}) > 0.95 * len(SEEDS)
    whole = sum(drawn(seed).bottom - drawn(seed).top == 1 for seed in SEEDS)
    assert 0.2 * len(SEEDS) < whole < 0.6 * len(SEEDS)


def test_a_wall_changes_only_its_area() -> None:
    before = ROOM.copy()
    changed = 0
    for seed in SEEDS:
        wall, image = drawn(seed), papered(seed)
        assert image.dtype == np.uint8
        rows, columns = ((np.arange(n) + 0.5) / n for n in ROOM.shape[:2])
        inside = ((rows > wall.top) & (rows < wall.bottom))[:, None]
        inside = inside & (columns > wall.left) & (columns < wall.right)
        assert np.array_equal(image[~inside], ROOM[~inside])
        changed += bool(np.abs(image.astype(np.float32) - ROOM)[inside].mean() > 15)
        assert 0 <= wall.top < wall.bottom <= 1
        assert 0 <= wall.left < wall.right <= 1
    assert np.array_equal(ROOM, before)
    assert changed > 0.8 * len(SEEDS)


def test_a_chessboard_changes_colour_at_every_side() -> None:
    """Upright, sharp and unshaded, it equals the squares of a test picture."""
    squares = checkerboard(192, 96)
    side = next(i for i in range(96) if (squares[i, 0] != squares[0, 0]).any())
    chess = drawn(next(s for s in range(500) if kind(drawn(s).pattern) == "chessboard")).pattern
    turn = np.pi * 96 / side
    known = {
        "colors": np.array([[200.0] * 3, [60.0] * 3]),
        "waves": np.array([[turn, 0], [0, turn]]),
        "sharpness": 500.0,
        "shading": 0.0,
    }
    board = type(chess)(**{**vars(chess), **known}).over(squares, np.ones((96, 192), bool))
    inner = np.ones((96, 192), bool)  # except at the edges of squares
    inner[::side] = inner[:, ::side] = False
    shown, wanted = board[inner], squares[inner].astype(np.float32)
    assert min(np.abs(shown - wanted).max(), np.abs(shown - (260 - wanted)).max()) < 1


@pytest.mark.parametrize("wanted", KINDS)
def test_torch_draws_the_same_walls(wanted: str) -> None:
    """One draw gives the same picture, except for rounding; several in one batch."""
    seeds = [seed for seed in range(200) if kind(drawn(seed).pattern) == wanted][:6]
    assert len(seeds) == 6
    rooms = [np.ascontiguousarray(np.roll(ROOM, 13 * i, 1)) for i in range(6)]
    batch = torch.stack([planes(room) for room in rooms])
    given = batch.clone()
    shown = walls_torch.paper(batch, [drawn(seed) for seed in seeds])
    assert torch.equal(batch, given), "the input is unchanged"
    for image, room, seed in zip(shown, rooms, seeds, strict=True):
        expected = papered(seed, room)
        apart = image.permute(1, 2, 0).numpy()[..., ::-1] - expected  # NumPy's result is truncated
        assert -0.1 < apart.min() <= apart.max() < 1.1
        assert np.abs(expected.astype(np.float32) - room).max() > 10


def test_only_rooms_get_walls(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without people, whose alpha does not change; photos never."""
    monkeypatch.setattr(light, "_CHANGES", ())

    def examples(share: float, mix: Mix) -> list[Example]:
        monkeypatch.setattr(walls, "SHARE", share)
        rngs = (np.random.default_rng(seed) for seed in range(60))
        return [draw_example(collection, mix, 64, 96, rng) for rng in rngs]

    def differing(mix: Mix) -> int:
        pairs = zip(examples(0, mix), examples(1, mix), strict=True)
        return sum(not np.array_equal(a.image, b.image) for a, b in pairs)

    assert differing(Mix(composited=0, empty=0)) == 0
    assert differing(EMPTY) >= 54
    assert not any(example.alpha.any() for example in examples(1, EMPTY))
    assert all(example.alpha.max() > 0.5 for example in examples(1, Mix(composited=1, empty=0)))


def test_some_rooms_of_a_batch_get_walls(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = planes(ROOM).repeat(200, 1, 1, 1)
    walls_torch.paper_walls(rooms, np.random.default_rng(1))
    others = (rooms != planes(ROOM)).any(-1).any(-1).any(-1)
    assert 0.15 * 200 <= int(others.sum()) <= 0.35 * 200

    monkeypatch.setattr(light_torch, "_CHANGES", ())
    pictures = load_resident(collection, torch.device("cpu"))
    batches = []
    for share in (0, 1):
        monkeypatch.setattr(walls, "SHARE", share)
        rng = np.random.default_rng(5)
        batches.append(draw_batch(pictures, EMPTY, 20, 64, 96, rng))
    (plain, alpha, _), (every, same, _) = batches
    assert not alpha.any()
    assert not same.any()
    assert int((plain != every).flatten(1).any(1).sum()) >= 18
