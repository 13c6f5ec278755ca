"""Things that people hold: held.py and held_torch.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bgblur.training.augment import held, held_torch
from bgblur.training.augment.held import Thing, given, grip

SEEDS = range(80)


def person() -> tuple[np.ndarray, np.ndarray]:
    """Red before blue, 96x160: shoulders and a head."""
    cover = np.zeros((96, 160), np.float32)
    cover[20:50, 65:95] = 1
    cover[50:, 45:115] = 1
    image = np.full((96, 160, 3), (200, 0, 0), np.float32)
    image[cover > 0] = (0, 0, 200)
    return image, cover


def test_a_held_thing_belongs_to_the_person() -> None:
    image, cover = person()
    grown = []
    for seed in SEEDS:
        shown, alpha = given(image, cover, np.random.default_rng(seed))
        assert (alpha >= cover - 1e-6).all()
        assert alpha.max() <= 1
        changed = (shown != image).any(2)
        assert np.array_equal(changed & (alpha == 0), np.zeros_like(changed))
        new = (alpha > 0.5) & (cover == 0)
        assert (shown[new, 0] < 255).all()
        grown.append(new.sum())
    assert np.mean(np.array(grown) > 0) > 0.5
    assert max(grown) < 0.15 * cover.size


def test_nothing_of_the_old_background_is_left_at_a_things_edge() -> None:
    image, cover = person()
    black = np.zeros((2, 3))
    rng = np.random.default_rng(3)
    thing = Thing.draw(rng)
    thing = replace(thing, pattern=replace(thing.pattern, colors=black))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Thing, "draw", lambda _: thing)
        shown, alpha = given(image, cover, rng)
    edge = (alpha > 0) & (alpha < 1) & (cover == 0)
    assert edge.any()
    assert shown[edge].max() < 1  # blue was behind it


def test_no_thing_is_held_by_the_top_of_a_head_or_by_nobody() -> None:
    image, cover = person()
    for seed in SEEDS:
        center = grip(Thing.draw(np.random.default_rng(seed)), cover)
        assert center is not None
        assert center[0] > 20 + 0.2 * 76
    nobody = np.zeros_like(cover)
    shown, alpha = given(image, nobody, np.random.default_rng(0))
    assert shown is image
    assert alpha is nobody


def test_only_some_people_hold_something() -> None:
    image, cover = person()
    rng = np.random.default_rng(1)
    times = sum(held.hold(image, cover, rng)[1] is not cover for _ in range(400))
    assert 0.4 * held.SHARE < times / 400 <= 1.6 * held.SHARE


def test_torch_gives_the_same_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "SHARE", 1.0)
    image, cover = person()
    images = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].clone()
    covers = torch.from_numpy(cover.copy())[None, None]
    held_torch.hold(images, covers, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    rng.random(1)
    shown, alpha = given(image, cover, rng)
    np.testing.assert_allclose(images[0].permute(1, 2, 0).flip(2).numpy(), shown, atol=1e-3)
    np.testing.assert_allclose(covers[0, 0].numpy(), alpha, atol=1e-6)
    assert (alpha > cover).any()
