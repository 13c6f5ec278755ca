from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from support.looks import detail
from support.scenes import checkerboard, disc, levels_apart, over, portrait

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.look import Look, Mode, sigma_of
from bgblur.frame import Image
from bgblur.imaging.cover import cover

WIDTH, HEIGHT = 640, 360
NOBODY = np.zeros((HEIGHT, WIDTH), np.float32)
BOTH = pytest.mark.parametrize("compositor", [CpuCompositor(), TorchCompositor("cpu")])


def numbered_corners(width: int, height: int) -> Image:
    """Every quarter of another colour: any flip or turn shows."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (0, 0, 250)
    picture[: height // 2, width // 2 :] = (0, 250, 0)
    picture[height // 2 :, : width // 2] = (250, 0, 0)
    picture[height // 2 :, width // 2 :] = (250, 250, 250)
    return picture


@BOTH
@pytest.mark.parametrize("mode", ["blur", "image", "color"])
def test_person_is_untouched(compositor: Any, mode: Mode) -> None:
    frame, alpha = portrait(WIDTH, HEIGHT), disc(WIDTH, HEIGHT, 5)
    look = Look(mode, 100, picture=numbered_corners(50, 50))
    picture = compositor.compose(frame, alpha, look)
    np.testing.assert_array_equal(picture[alpha == 1], frame[alpha == 1])
    assert levels_apart(picture, frame)[alpha == 0].max() > 30


@BOTH
@pytest.mark.parametrize("look", [Look("none", 80), Look("blur", 0)])
def test_raw_by_choice(compositor: Any, look: Look) -> None:
    frame = portrait(WIDTH, HEIGHT)
    assert look.raw
    np.testing.assert_array_equal(compositor.compose(frame, NOBODY, look), frame)
    mirrored = Look(look.mode, look.strength, mirror=True)
    np.testing.assert_array_equal(compositor.compose(frame, NOBODY, mirrored), frame[:, ::-1])


@BOTH
def test_mirror_flips_the_finished_picture(compositor: Any) -> None:
    frame, alpha = portrait(WIDTH, HEIGHT), disc(WIDTH, HEIGHT, 5)
    plain = compositor.compose(frame, alpha, Look("blur", 40))
    flipped = compositor.compose(frame, alpha, Look("blur", 40, mirror=True))
    np.testing.assert_array_equal(flipped, plain[:, ::-1])


@BOTH
def test_a_background_picture_reads_right_even_when_mirrored(compositor: Any) -> None:
    background = numbered_corners(WIDTH, HEIGHT)
    frame = portrait(WIDTH, HEIGHT)
    for mirror in (False, True):
        look = Look("image", picture=background, mirror=mirror)
        np.testing.assert_array_equal(compositor.compose(frame, NOBODY, look), background)
        np.testing.assert_array_equal(compositor.obscure(frame, look), background)


@BOTH
def test_a_new_look_or_size_replaces_the_background_at_once(compositor: Any) -> None:
    frame = portrait(WIDTH, HEIGHT)
    for color in ((1, 2, 3), (200, 100, 0)):
        look = Look("color", color=color)
        assert (compositor.compose(frame, NOBODY, look) == color).all()
        assert (compositor.compose(frame[:90, :80], NOBODY[:90, :80], look) == color).all()
        assert (compositor.obscure(frame, look) == color).all()


class Slides:
    """A clip of one colour for each second, none before the first."""

    problem: str | None = None

    def __init__(self) -> None:
        self.pictures: dict[tuple[int, int, int], Image] = {}

    def at(self, seconds: float, width: int, height: int) -> Image | None:
        second = int(seconds)
        made = np.full((height, width, 3), 10 * second, np.uint8)
        return self.pictures.setdefault((second, width, height), made) if second else None

    def close(self) -> None:
        self.pictures.clear()


@BOTH
@pytest.mark.parametrize("mirror", [False, True])
def test_a_clip_goes_with_the_frames_time(compositor: Any, mirror: bool) -> None:
    frame = portrait(WIDTH, HEIGHT)
    look = Look("image", mirror=mirror, light_wrap=0.5, clip=Slides())
    for second in (1, 2, 2, 7, 3):
        assert (compositor.compose(frame, NOBODY, look, second) == 10 * second).all()
        assert (compositor.obscure(frame, look, second) == 10 * second).all()


@BOTH
def test_without_a_picture_the_room_is_blurred_at_full_strength(compositor: Any) -> None:
    """A clip that has nothing to show yet must not uncover the room, whatever the strength."""
    frame, alpha = portrait(WIDTH, HEIGHT), disc(WIDTH, HEIGHT, 5)
    strongest = Look("blur", 100)
    for look in (Look("image", 1, clip=Slides()), Look("image", 0)):
        np.testing.assert_array_equal(
            compositor.compose(frame, alpha, look), compositor.compose(frame, alpha, strongest)
        )
        np.testing.assert_array_equal(
            compositor.obscure(frame, look), compositor.obscure(frame, strongest)
        )


@BOTH
@pytest.mark.parametrize("strength", [1, 40, 60])
def test_a_blur_is_a_gaussian_of_its_sigma(compositor: Any, strength: int) -> None:
    frame = portrait(WIDTH, HEIGHT)
    wanted = cv2.GaussianBlur(frame, (0, 0), sigma_of(strength, HEIGHT))
    apart = levels_apart(compositor.compose(frame, NOBODY, Look("blur", strength)), wanted)
    # The border is continued in another way there, which is not what the number says.
    assert apart[30:-30, 30:-30].max() <= 4
    assert apart.mean() <= 1


@BOTH
@pytest.mark.parametrize(("strength", "apart"), [(10, 12), (30, 6), (60, 5), (100, 5)])
def test_same_look_at_360_and_at_1080_lines(compositor: Any, strength: int, apart: int) -> None:
    alpha = disc(1920, 1080, 9)
    large = over(portrait(1920, 1080)[::-1], alpha, portrait(1920, 1080))
    small = [cv2.resize(p, (640, 360), interpolation=cv2.INTER_AREA) for p in (large, alpha)]
    look = Look("blur", strength)
    shrunk = cv2.resize(
        compositor.compose(large, alpha, look), (640, 360), interpolation=cv2.INTER_AREA
    )
    difference = levels_apart(shrunk, compositor.compose(*small, look))
    assert np.percentile(difference, 99) <= 2
    assert difference.max() <= apart


@BOTH
@pytest.mark.parametrize("room", [checkerboard, portrait])
def test_strength_60_leaves_no_detail_of_the_room(compositor: Any, room: Any) -> None:
    frame = room(WIDTH, HEIGHT)
    blurred = compositor.compose(frame, NOBODY, Look("blur", 60))
    assert detail(blurred).sum() < 0.1 * detail(frame).sum()


@BOTH
def test_more_strength_means_less_detail(compositor: Any) -> None:
    frame = portrait(WIDTH, HEIGHT)
    left = [
        float(detail(compositor.compose(frame, NOBODY, Look("blur", strength))).sum())
        for strength in range(0, 101, 10)
    ]
    assert all(stronger < 0.9 * weaker for weaker, stronger in pairwise(left))


@BOTH
@pytest.mark.parametrize("mode", ["blur", "none"])
def test_obscure_hides_all_whatever_the_strength(compositor: Any, mode: Mode) -> None:
    frame = portrait(WIDTH, HEIGHT)
    weakest = compositor.obscure(frame, Look(mode, 0))
    np.testing.assert_array_equal(weakest, compositor.obscure(frame, Look("blur", 100)))
    assert detail(weakest).sum() < 0.01 * detail(frame).sum()


@BOTH
def test_inputs_are_not_written_to(compositor: Any) -> None:
    frame, alpha = portrait(160, 90), disc(160, 90)
    before = frame.copy(), alpha.copy()
    for look in (Look("blur", 60), Look("none"), Look("color", mirror=True)):
        compositor.compose(frame, alpha, look)
        compositor.obscure(frame, look)
    np.testing.assert_array_equal(frame, before[0])
    np.testing.assert_array_equal(alpha, before[1])


def test_cover_fills_and_crops_evenly() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 255  # a square in the middle is what a square frame shows
    for side in (50, 100, 200):
        shown = cover(picture, side, side)
        assert shown.shape == (side, side, 3)
        assert shown[:, 2:-2].min() == 255
    tall = cover(np.ascontiguousarray(picture.transpose(1, 0, 2)), 60, 60)
    assert tall.shape == (60, 60, 3)
    assert tall[2:-2].min() == 255


def test_a_strip_covers_a_frame_by_its_middle() -> None:
    strip = np.arange(4001, dtype=np.float64)[:, None, None] / 4000 * np.full(3, 255.0)
    shown = cover(np.rint(strip).astype(np.uint8), 1280, 720)  # in whole some 20 GB
    assert shown.shape == (720, 1280, 3)
    assert 126 <= shown.min() <= shown.max() <= 129


@pytest.mark.parametrize("size", [(1, 1), (1, 640), (640, 3), (3, 640), (333, 777)])
def test_cover_gives_the_size_asked_for(size: tuple[int, int]) -> None:
    assert cover(numbered_corners(37, 91), *size).shape == (size[1], size[0], 3)


def test_sigma_follows_height_and_strength() -> None:
    assert sigma_of(1, 360) == pytest.approx(6.48)
    assert sigma_of(60, 360) == pytest.approx(12.3, abs=0.01)
    assert sigma_of(60, 1080) == pytest.approx(3 * sigma_of(60, 360))
    assert sigma_of(100, 360) == pytest.approx(19)
    assert sigma_of(0, 720) == 0
