from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from support.scenes import disc, portrait
from support.training.data import KINDS, pattern, write_tree

from bgblur.frame import Image
from bgblur.training.augment import clothes, clutter, light, walls
from bgblur.training.augment.examples import Example, Mix, draw_example
from bgblur.training.data.sets import Collection, Picture, Plane
from bgblur.training.data.split import load_collections

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 4).map(lambda n: 32 * n)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


def draw(
    collection: Collection, seed: int, mix: Mix | None = None, size: tuple[int, int] = (64, 96)
) -> Example:
    return draw_example(collection, mix or Mix(), *size, np.random.default_rng(seed))


@settings(max_examples=60, deadline=None)
@given(seed=seeds, height=sides, width=sides)
def test_every_example_is_well_formed(
    collection: Collection, seed: int, height: int, width: int
) -> None:
    example = draw(collection, seed, size=(height, width))
    assert example.image.shape == (height, width, 3)
    assert example.alpha.shape == example.weight.shape == (height, width)
    assert example.image.dtype == np.uint8
    assert example.alpha.dtype == example.weight.dtype == np.float32
    assert example.alpha.min() >= 0
    assert example.alpha.max() <= 1
    assert set(np.unique(example.weight)) <= {0, 1}


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_the_seed_decides_the_example(collection: Collection, seed: int) -> None:
    one, two = draw(collection, seed), draw(collection, seed)
    for plane in ("image", "alpha", "weight"):
        assert np.array_equal(getattr(one, plane), getattr(two, plane))


def test_seeds_differ(collection: Collection) -> None:
    assert len({draw(collection, seed).image.tobytes() for seed in range(20)}) == 20


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_empty_rooms_hold_no_person(collection: Collection, seed: int) -> None:
    example = draw(collection, seed, Mix(composited=0, empty=1))
    assert not example.alpha.any()
    assert example.weight.all()


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_composited_people_are_there(collection: Collection, seed: int) -> None:
    example = draw(collection, seed, Mix(composited=1, empty=0))
    assert (example.alpha > 0.5).mean() > 0.01
    assert example.weight.all()


def test_composited_people_stand_on_the_lower_edge(collection: Collection) -> None:
    mix = Mix(composited=1, empty=0)
    assert all((draw(collection, seed, mix).alpha[-1] > 0.5).any() for seed in range(60))


def test_a_person_is_where_alpha_says(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # People in the test pictures are bright, rooms are dark; light may change, the order may not.
    monkeypatch.setattr(clutter, "SHARES", ())
    for module in (clothes, walls):  # they may be of any brightness
        monkeypatch.setattr(module, "SHARE", 0)
    for seed in range(40):
        example = draw(collection, seed, Mix(composited=0, empty=0))
        grey = example.image.mean(-1)
        inside, outside = example.alpha > 0.9, (example.alpha < 0.1) & (example.weight > 0)
        letterbox = (grey == grey[0, 0]) | (grey == grey[-1, -1])
        if inside.any() and (outside & ~letterbox).any():
            assert grey[inside].mean() > grey[outside & ~letterbox].mean()


def test_ignored_regions_survive(collection: Collection) -> None:
    mix = Mix(composited=0, empty=0, set_weights=(("voc_person", 1.0),))
    weights = [draw(collection, seed, mix).weight for seed in range(60)]
    ignored = [float((weight == 0).mean()) for weight in weights]
    assert sum(share > 0.01 for share in ignored) > 20
    assert max(ignored) < 0.5


def test_no_alpha_is_mixed_with_ignored_pixels(tmp_path: Path) -> None:
    """A person with an ignored rim: each judged pixel has the mask's alpha."""
    image, mask = tmp_path / "a.jpg", tmp_path / "a.png"
    cv2.imwrite(str(image), np.full((203, 301, 3), 120, np.uint8))
    levels = np.full((203, 301), 255, np.uint8)
    levels[60:67] = 128
    cv2.imwrite(str(mask), levels)
    photos = {"voc_person": [Picture(image, mask, ignore=True)]}
    mix = Mix(composited=0, empty=0)
    for seed in range(40):
        example = draw(Collection(photos, [], []), seed, mix)
        bars = example.alpha == 0  # of a letterbox
        judged = (example.weight > 0) & ~bars
        # Judged pixels lie inside the person: the edges of bars are not soft.
        assert (example.alpha[judged] > 0.98).all()


def test_missing_sets_are_not_drawn(collection: Collection) -> None:
    mix = Mix(composited=0, empty=0, set_weights=(("ccp", 1.0), ("eg1800", 1e-9)))
    assert draw(collection, 1, mix).weight.all()  # eg1800 ignores no pixels, ccp is missing
    bare = Collection({"eg1800": collection.photos["eg1800"]}, [], [])
    assert draw(bare, 1, Mix(composited=0.5, empty=0.5)).alpha.any()


def test_motion_blur_runs_along_a_line() -> None:
    dot = np.zeros((401, 401, 3), np.uint8)
    dot[200, 200] = 255
    moved = np.asarray(light._motion_blur(dot, np.random.default_rng(3)))
    ys, xs = np.nonzero(moved[..., 0])
    spread = np.linalg.eigvalsh(np.cov(np.stack([ys, xs]).astype(float)))
    assert len(ys) >= 9
    assert spread[1] > 4 * spread[0]
    assert abs(int(moved[..., 0].sum()) - 255) < 30  # the total brightness stays


def test_video_codec_changes_the_picture_only_a_little() -> None:
    image = np.ascontiguousarray(data.astronaut()[:192, :256, ::-1])
    coded = light._video_codec(image, np.random.default_rng(1))
    assert coded.shape == image.shape
    assert coded.dtype == np.uint8
    apart = np.abs(coded.astype(float) - image).mean()
    assert 1 < apart < 20


# ---- other clothes ----

IMAGE, ALPHA = portrait(160, 96), disc(160, 96)
NOBODY = np.full_like(ALPHA, 0.4)  # below 0.5 everywhere
DRAWN = range(80)


def dressed(seed: int, alpha: Plane = ALPHA) -> Image:
    return clothes.dress(IMAGE, alpha, np.random.default_rng(seed))


def neck(seed: int) -> float:
    """The first row that may change."""
    rows = np.flatnonzero((ALPHA > 0.5).any(1))
    share = clothes.Clothes.draw(np.random.default_rng(seed)).neck
    return float(rows[0] + share * (rows[-1] + 1 - rows[0]))


def test_clothes_have_every_pattern_and_differ() -> None:
    drawn = [clothes.Clothes.draw(np.random.default_rng(seed)) for seed in DRAWN]
    assert {pattern(one) for one in drawn} == {*KINDS, "room"}
    colors = np.stack([one.pattern.colors for one in drawn])
    assert 0 <= colors.min() <= colors.max() <= 255
    assert len({dressed(seed).tobytes() for seed in DRAWN}) == len(DRAWN)


def test_clothes_leave_the_head_the_room_and_alpha() -> None:
    before = ALPHA.copy()
    for seed in DRAWN:
        image = dressed(seed)
        assert image.dtype == np.uint8
        assert np.array_equal(image[: int(neck(seed)) + 1], IMAGE[: int(neck(seed)) + 1])
        assert np.array_equal(image[ALPHA == 0], IMAGE[ALPHA == 0])
        assert np.array_equal(dressed(seed), image)
    assert np.array_equal(ALPHA, before)


def test_most_clothes_change_the_body() -> None:
    changed = 0
    for seed in DRAWN:
        body = ALPHA > 0.9
        body[: int(neck(seed) + clothes.SEAM * len(ALPHA)) + 1] = False
        apart = np.abs(dressed(seed).astype(np.float32) - IMAGE)[body]
        changed += bool(apart.mean() > 15)
    assert changed > 0.8 * len(DRAWN)


def test_without_a_person_nothing_changes() -> None:
    for seed in DRAWN:
        for alpha in (np.zeros_like(ALPHA), NOBODY):
            assert dressed(seed, alpha) is IMAGE


def test_some_examples_get_new_clothes(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    mix = Mix(composited=0.5, empty=0)
    monkeypatch.setattr(light, "_CHANGES", ())
    drawn = {}
    for share in (0, clothes.SHARE, 1):
        monkeypatch.setattr(clothes, "SHARE", share)
        drawn[share] = [draw(collection, seed, mix) for seed in range(100)]
    own, some, every = drawn.values()
    others = [
        sum(not np.array_equal(a.image, b.image) for a, b in zip(own, worn, strict=True))
        for worn in (some, every)
    ]
    assert 10 <= others[0] <= 32
    assert others[1] >= 95
    for one, other in zip(own, every, strict=True):
        assert np.array_equal(one.alpha, other.alpha)
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.image[one.alpha == 0], other.image[one.alpha == 0])
