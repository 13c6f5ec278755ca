from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from training_data import write_tree

from bgblur.training.augment import Example, Mix, _motion_blur, _video_codec, draw_example
from bgblur.training.data import Collection, Picture, load_collections

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
def test_the_seed_is_the_example(collection: Collection, seed: int) -> None:
    one, two = draw(collection, seed), draw(collection, seed)
    for plane in ("image", "alpha", "weight"):
        assert np.array_equal(getattr(one, plane), getattr(two, plane))


def test_seeds_differ(collection: Collection) -> None:
    assert len({draw(collection, seed).image.tobytes() for seed in range(20)}) == 20


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_empty_rooms_hold_nobody(collection: Collection, seed: int) -> None:
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


def test_a_person_is_where_alpha_says(collection: Collection) -> None:
    # People in the test pictures are bright, rooms dark; light may change, order may not.
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


def test_no_alpha_is_mixed_with_the_unknown(tmp_path: Path) -> None:
    """A person up to an ignored rim: wherever a pixel is judged, its alpha is the mask's."""
    image, mask = tmp_path / "a.jpg", tmp_path / "a.png"
    cv2.imwrite(str(image), np.full((203, 301, 3), 120, np.uint8))
    levels = np.full((203, 301), 255, np.uint8)
    levels[60:67] = 128
    cv2.imwrite(str(mask), levels)
    photos = {"voc_person": [Picture(image, mask, ignore=True)]}
    mix = Mix(composited=0, empty=0)
    for seed in range(40):
        example = draw(Collection(photos, [], []), seed, mix)
        bars = example.alpha == 0  # a letterbox's
        judged = (example.weight > 0) & ~bars
        # Only the bars' own edge, softened by nothing, may lie between 0 and 1.
        assert (example.alpha[judged] > 0.98).all()


def test_sets_that_are_missing_are_not_drawn(collection: Collection) -> None:
    mix = Mix(composited=0, empty=0, set_weights=(("ccp", 1.0), ("eg1800", 1e-9)))
    assert draw(collection, 1, mix).weight.all()  # eg1800 ignores nothing, ccp is not there
    bare = Collection({"eg1800": collection.photos["eg1800"]}, [], [])
    assert draw(bare, 1, Mix(composited=0.5, empty=0.5)).alpha.any()


def test_motion_blur_runs_along_a_line() -> None:
    dot = np.zeros((401, 401, 3), np.uint8)
    dot[200, 200] = 255
    moved = np.asarray(_motion_blur(dot, np.random.default_rng(3)))
    ys, xs = np.nonzero(moved[..., 0])
    spread = np.linalg.eigvalsh(np.cov(np.stack([ys, xs]).astype(float)))
    assert len(ys) >= 9
    assert spread[1] > 4 * spread[0]
    assert abs(int(moved[..., 0].sum()) - 255) < 30  # no light is made or lost


def test_video_codec_spoils_but_keeps_the_picture() -> None:
    image = np.ascontiguousarray(data.astronaut()[:192, :256, ::-1])
    coded = _video_codec(image, np.random.default_rng(1))
    assert coded.shape == image.shape
    assert coded.dtype == np.uint8
    apart = np.abs(coded.astype(float) - image).mean()
    assert 1 < apart < 20
