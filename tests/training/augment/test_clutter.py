"""Lumps of cloth in rooms: clutter.py and clutter_torch.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.scenes import portrait
from support.training.data import write_tree
from torch import Tensor

from bgblur.frame import Image
from bgblur.training.augment import clutter, clutter_torch, light, light_torch
from bgblur.training.augment.clutter import Lump
from bgblur.training.augment.examples import Example, Mix, draw_example
from bgblur.training.augment.examples_torch import draw_batch
from bgblur.training.data.resident import load_resident
from bgblur.training.data.sets import Collection
from bgblur.training.data.split import load_collections

ROOM = portrait(160, 96)
CLOTHES = np.random.default_rng(0).integers(0, 256, ROOM.shape, np.uint8)
SEEDS = range(120)
EMPTY = Mix(composited=0, empty=1)


def drawn(seed: int) -> Lump:
    return Lump.draw(np.random.default_rng(seed))


def planes(image: Image) -> Tensor:
    """RGB (3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))).float()


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


def test_lumps_differ_and_change_only_their_area() -> None:
    before = ROOM.copy()
    covers = [drawn(seed).cover(96, 160) for seed in SEEDS]
    assert len({cover.tobytes() for cover in covers}) == len(SEEDS)
    shares = [float(cover.mean()) for cover in covers]
    assert max(shares) < 0.6
    assert sum(share > 0.02 for share in shares) > 0.7 * len(SEEDS)
    for seed, cover in zip(SEEDS, covers, strict=True):
        assert 0 <= cover.min() <= cover.max() <= 1
        image = clutter.put(ROOM, drawn(seed), CLOTHES)
        assert image.dtype == np.uint8
        assert np.array_equal(image[cover == 0], ROOM[cover == 0])
    assert np.array_equal(ROOM, before)


def test_a_lump_shows_clothes_or_a_pattern() -> None:
    patterned = 0
    for seed in SEEDS:
        lump = drawn(seed)
        inside = lump.cover(96, 160) >= 1
        image = clutter.put(ROOM, lump, CLOTHES)
        same = np.abs(image[inside].astype(int) - CLOTHES[inside]).max(initial=0) <= 1
        patterned += lump.pattern is not None
        if inside.sum() > 20:
            assert same == (lump.pattern is None)
    assert 0.35 * len(SEEDS) < patterned < 0.65 * len(SEEDS)


def test_without_clothes_the_room_is_unchanged() -> None:
    worn = next(lump for lump in map(drawn, SEEDS) if lump.pattern is None)
    assert clutter.put(ROOM, worn, None) is ROOM


def test_a_lump_is_one_piece_with_a_smooth_outline() -> None:
    import cv2

    for seed in SEEDS:
        cover = drawn(seed).cover(192, 320)
        count = cv2.connectedComponents((cover > 0.3).astype(np.uint8))[0] - 1
        assert count <= 2  # the picture's edge may cut off a tip


@pytest.mark.parametrize("patterned", [True, False])
def test_torch_draws_the_same_lumps(patterned: bool) -> None:
    """One draw gives the same picture, except for rounding; several in one batch."""
    lumps = [lump for lump in map(drawn, SEEDS) if (lump.pattern is not None) == patterned][:8]
    lumps = [lump for lump in lumps if (lump.cover(96, 160) > 0).any()]
    assert len(lumps) >= 6
    rooms = [np.ascontiguousarray(np.roll(ROOM, 13 * i, 1)) for i in range(len(lumps))]
    batch = torch.stack([planes(room) for room in rooms])
    given = batch.clone()
    worn = None if patterned else planes(CLOTHES).repeat(len(lumps), 1, 1, 1)
    shown = clutter_torch.put(batch, lumps, worn)
    assert torch.equal(batch, given), "the input is unchanged"
    for image, room, lump in zip(shown, rooms, lumps, strict=True):
        expected = clutter.put(room, lump, CLOTHES)
        apart = image.permute(1, 2, 0).numpy()[..., ::-1] - expected  # NumPy's result is truncated
        assert -0.2 < apart.min() <= apart.max() < 1.2
        assert np.abs(expected.astype(np.float32) - room).max() > 10


def test_only_rooms_get_clutter(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without people, whose alpha does not change; photos never."""
    monkeypatch.setattr(light, "_CHANGES", ())

    def examples(shares: tuple[float, float], mix: Mix) -> list[Example]:
        monkeypatch.setattr(clutter, "SHARES", shares)
        rngs = (np.random.default_rng(seed) for seed in range(60))
        return [draw_example(collection, mix, 64, 96, rng) for rng in rngs]

    def differing(mix: Mix) -> int:
        pairs = zip(examples((0, 0), mix), examples((1, 0), mix), strict=True)
        return sum(not np.array_equal(a.image, b.image) for a, b in pairs)

    assert differing(Mix(composited=0, empty=0)) == 0
    assert differing(EMPTY) >= 50
    assert not any(example.alpha.any() for example in examples((1, 1), EMPTY))
    people = examples((1, 1), Mix(composited=1, empty=0))
    assert all(example.alpha.max() > 0.5 for example in people)


def test_some_rooms_of_a_batch_get_clutter(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = planes(ROOM).repeat(300, 1, 1, 1)
    asked: list[int] = []

    def clothes(count: int) -> Tensor:
        asked.append(count)
        return planes(CLOTHES).repeat(count, 1, 1, 1)

    clutter_torch.put_clutter(rooms, np.random.default_rng(1), clothes)
    changed = int((rooms != planes(ROOM)).flatten(1).any(1).sum())
    assert 0.28 * 300 <= changed <= 0.48 * 300  # shares of 0.3 and 0.15, drawn independently
    assert 0.1 * 300 <= sum(asked) <= 0.35 * 300

    monkeypatch.setattr(light_torch, "_CHANGES", ())
    pictures = load_resident(collection, torch.device("cpu"))
    batches = []
    for share in (0, 1):
        monkeypatch.setattr(clutter, "SHARES", (share,))
        batches.append(draw_batch(pictures, EMPTY, 20, 64, 96, np.random.default_rng(5)))
    (plain, alpha, _), (every, same, _) = batches
    assert not alpha.any()
    assert not same.any()
    assert int((plain != every).flatten(1).any(1).sum()) >= 16
