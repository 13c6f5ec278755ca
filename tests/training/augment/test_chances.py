"""NumPy's and torch's augmentation read the same table of chances and ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from support.scenes import portrait
from support.training.data import write_tree

from bgblur.frame import Alpha, Image
from bgblur.training.augment import (
    chances,
    clothes,
    clutter,
    examples_torch,
    light,
    light_torch,
    walls,
)
from bgblur.training.augment import examples as examples_numpy
from bgblur.training.augment.chances import COMPOSITING, FRAMING, LIGHT
from bgblur.training.augment.examples import Mix, draw_example
from bgblur.training.augment.examples_torch import draw_batch
from bgblur.training.data.resident import load_resident
from bgblur.training.data.sets import Collection
from bgblur.training.data.split import load_collections

Drawing = Callable[[Mix], tuple[list[Image], list[Alpha]]]

LIGHT_CHANCES = ("tone", "saturation", "dark", "blur", "motion", "jpeg", "codec")
NONE: dict[str, Any] = dict.fromkeys(LIGHT_CHANCES, 0.0)
NO_LIGHT = replace(LIGHT, **NONE)
COUNT, HEIGHT, WIDTH = 20, 64, 96


READERS = {
    "LIGHT": (light, light_torch),
    "FRAMING": (examples_numpy, examples_torch),
    "COMPOSITING": (examples_numpy, examples_torch),
}


@pytest.mark.parametrize("name", READERS)
def test_both_have_the_same_table(name: str) -> None:
    assert all(vars(module)[name] is vars(chances)[name] for module in READERS[name])


def use(monkeypatch: pytest.MonkeyPatch, name: str, table: object) -> None:
    """Replace one table, such as FRAMING, in both implementations."""
    for module in READERS[name]:
        monkeypatch.setattr(module, name, table)


# ---- light ----


def lit_numpy(image: Image) -> Image:
    return light.change_light(image.copy(), np.random.default_rng(1))


def lit_torch(image: Image) -> Image:
    batch = torch.from_numpy(image.transpose(2, 0, 1).copy()).float()[None]
    light_torch.change_light(batch, np.random.default_rng(1))
    return batch[0].round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("lit", [lit_numpy, lit_torch])
def test_no_chance_leaves_the_light(
    lit: Callable[[Image], Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "LIGHT", NO_LIGHT)
    assert np.array_equal(lit(portrait(96, 64)), portrait(96, 64))


@pytest.mark.parametrize("lit", [lit_numpy, lit_torch])
@pytest.mark.parametrize("name", LIGHT_CHANCES)
def test_each_chance_of_light_is_seen_by_both(
    name: str, lit: Callable[[Image], Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: dict[str, Any] = {name: 1.0}
    use(monkeypatch, "LIGHT", replace(NO_LIGHT, **changed))
    assert not np.array_equal(lit(portrait(96, 64)), portrait(96, 64))


@pytest.mark.parametrize("height", [10, 96, 720])
def test_motion_blur_has_an_odd_length_within_its_range(height: int) -> None:
    rng = np.random.default_rng(1)
    lengths = {LIGHT.draw_motion_length(rng, height) for _ in range(300)}
    low, high = LIGHT.motion_length
    assert all(length % 2 == 1 for length in lengths)
    assert max(3, low * height - 0.5) <= min(lengths) <= max(lengths) <= max(3, high * height + 1.5)


# ---- framing and compositing ----


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


@pytest.fixture(params=["numpy", "torch"])
def draw(
    request: pytest.FixtureRequest, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> Drawing:
    """Draws the same examples at every call; light, clothes, walls and clutter are off."""
    use(monkeypatch, "LIGHT", NO_LIGHT)
    monkeypatch.setattr(clothes, "SHARE", 0)
    monkeypatch.setattr(walls, "SHARE", 0)
    monkeypatch.setattr(clutter, "SHARES", ())

    def draw_numpy(mix: Mix) -> tuple[list[Image], list[Alpha]]:
        drawn = [
            draw_example(collection, mix, HEIGHT, WIDTH, np.random.default_rng(seed))
            for seed in range(COUNT)
        ]
        return [one.image for one in drawn], [one.alpha for one in drawn]

    def draw_torch(mix: Mix) -> tuple[list[Image], list[Alpha]]:
        pictures = load_resident(collection, torch.device("cpu"))
        rng = np.random.default_rng(1)
        image, alpha, _ = draw_batch(pictures, mix, COUNT, HEIGHT, WIDTH, rng)
        bgr = image.permute(0, 2, 3, 1).numpy()[..., ::-1]
        return list(bgr), list(alpha[:, 0].numpy())

    return draw_numpy if request.param == "numpy" else draw_torch


PHOTOS, PEOPLE = Mix(composited=0, empty=0), Mix(composited=1, empty=0)


def test_mirroring_is_seen_by_both(draw: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for chance in (0.0, 1.0):
        use(monkeypatch, "FRAMING", replace(FRAMING, mirrored=chance))
        drawn.append(draw(PHOTOS))
    for plain, mirrored in zip(*(images + alphas for images, alphas in drawn), strict=True):
        assert np.array_equal(plain[:, ::-1], mirrored)


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_letterboxing_is_seen_by_both(
    draw: Drawing, chance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Black bars beside photos that are taller than the frame."""
    framing = replace(FRAMING, letterboxed=chance, colored_bars=0.0, rotated=0.0)
    use(monkeypatch, "FRAMING", framing)
    black = [not image[:, [0, -1]].any((0, 2)).all() for image in draw(PHOTOS)[0]]
    assert black == [chance == 1.0] * COUNT


def test_the_height_of_people_is_seen_by_both(
    draw: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tops = []
    for height in (0.4, 0.8):
        exactly = replace(COMPOSITING, height=(height, height), head=(-1, -1), second_person=0.0)
        use(monkeypatch, "COMPOSITING", exactly)
        rows = [np.flatnonzero((alpha > 0.5).any(1)) for alpha in draw(PEOPLE)[1]]
        tops.append(np.median([HEIGHT - row[0] for row in rows]) / HEIGHT)
    assert tops == pytest.approx([0.4, 0.8], abs=0.06)


def test_feathering_is_seen_by_both(draw: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    soft = []
    for chance in (0.0, 1.0):
        use(monkeypatch, "COMPOSITING", replace(COMPOSITING, feathered=chance))
        alphas = np.stack(draw(PEOPLE)[1])
        soft.append(((alphas > 0.05) & (alphas < 0.95)).mean())
    assert soft[1] > 1.2 * soft[0]
