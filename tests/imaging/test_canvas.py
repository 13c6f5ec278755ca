"""A finished picture on a canvas of another shape: what is shown where, and what the bars show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bgblur.frame import Image
from bgblur.imaging.canvas import Canvas, Crop, Fit, fitted
from bgblur.imaging.color import from_i420, to_i420

W, H = 320, 180
SIZES = [(320, 180), (180, 320), (640, 482), (160, 90), (90, 160), (240, 240), (322, 180)]


def ramps() -> Image:
    """Blue grows to the right, green downwards, both from 0 to 240; red is 128."""
    image = np.full((H, W, 3), 128, np.uint8)
    image[..., 0] = np.linspace(0, 240, W)
    image[..., 1] = np.linspace(0, 240, H)[:, None]
    return image


def stripes() -> Image:
    """The finest detail that a room can have."""
    image = np.full((H, W, 3), 40, np.uint8)
    image[:, ::4] = image[:, 1::4] = 200
    return image


def made(picture: Image, planar: bool, *rest: object) -> Image:
    result = fitted(to_i420(picture) if planar else picture, *rest)  # type: ignore[arg-type]
    return from_i420(result) if planar else result


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    for picture in (ramps(), to_i420(ramps())):
        assert fitted(picture, W, H, Canvas()) is picture


@pytest.mark.parametrize("planar", [False, True], ids=["BGR", "I420"])
@pytest.mark.parametrize("fit", ["contain", "cover"])
@pytest.mark.parametrize("size", SIZES)
def test_the_shape_of_what_is_shown_stays(size: tuple[int, int], fit: Fit, planar: bool) -> None:
    """At the canvas's centre is the picture's, and one step there is one of the picture, scaled
    alike both ways."""
    width, height = size
    canvas = Canvas(fit=fit)
    shown = made(ramps(), planar, width, height, canvas).astype(float)
    assert shown.shape == (height, width, 3)
    scale = (min if fit == "contain" else max)(width / W, height / H)
    reach = 0.3 * min(width, height)
    for channel, axis, side in ((0, 1, W), (1, 0, H)):
        profile = shown[..., channel].mean(axis=1 - axis) if fit == "cover" else None
        line = shown[height // 2, :, channel] if axis else shown[:, width // 2, channel]
        line = line if profile is None else profile
        middle = len(line) / 2
        reach = min(reach, 0.4 * scale * side)
        a, b = round(middle - reach), round(middle + reach)
        slope = (line[b - 1] - line[a]) / (b - 1 - a)
        step = 240 / (side - 1) / scale
        assert slope == pytest.approx(step, rel=0.05)
        center = line[round(middle - 3) : round(middle + 3)].mean()
        assert center == pytest.approx(120, abs=2 + 1.2 * step), "within about a pixel"


@pytest.mark.parametrize("planar", [False, True], ids=["BGR", "I420"])
@pytest.mark.parametrize("size", [(180, 320), (640, 200), (1000, 180)])
def test_bars_have_nothing_of_the_room(size: tuple[int, int], planar: bool) -> None:
    width, height = size
    shown = made(stripes(), planar, width, height, Canvas()).astype(float)
    if width * H < height * W:
        edge = round((height - width * H / W) / 2) - 2
        bars = shown[:edge], shown[-edge:]
    else:
        edge = round((width - height * W / H) / 2) - 2
        bars = shown[:, :edge], shown[:, -edge:]
    for bar in bars:
        assert bar.size
        assert np.abs(np.diff(bar, axis=0)).max(initial=0) <= 2
        assert np.abs(np.diff(bar, axis=1)).max(initial=0) <= 2
        assert bar.mean() == pytest.approx(120, abs=4), "the room's own brightness"


@pytest.mark.parametrize("planar", [False, True], ids=["BGR", "I420"])
def test_bars_of_a_colour(planar: bool) -> None:
    shown = made(ramps(), planar, 180, 320, Canvas(bars=(10, 120, 200)))
    for bar in (shown[:108], shown[-108:]):
        assert np.abs(bar.astype(int) - (10, 120, 200)).max() <= 3
    assert np.abs(shown[112:208, :, 2].astype(int) - 128).max() <= 3


def test_nearly_the_same_shape_has_no_bars() -> None:
    shown = fitted(np.full((480, 854, 3), 200, np.uint8), 1280, 720, Canvas(bars=(0, 0, 0)))
    assert shown.min() == 200


@pytest.mark.parametrize("planar", [False, True], ids=["BGR", "I420"])
def test_a_crop_keeps_its_place_to_a_fraction_of_a_pixel(planar: bool) -> None:
    """A slow move in whole pixels would go in steps."""
    waves = np.full((H, W, 3), 120, np.uint8)
    waves[:] = (120 + 100 * np.sin(np.arange(W) * 2 * np.pi / 32))[None, :, None]
    places = []
    for step in range(9):
        crop = Crop(0.2 + step / 8 / W, 0.3, 0.5, 0.5)
        shown = made(waves, planar, W, H, Canvas(), crop).astype(float)
        line = shown[40:140, :, 0].mean(axis=0)
        places.append(np.angle(np.sum(line * np.exp(-2j * np.pi * np.arange(W) / 64))))
    moved = np.diff(np.unwrap(places)) / (2 * np.pi) * 32
    assert np.abs(moved - 1 / 8).max() < 0.04, "an eighth of a pixel each"
    whole = made(ramps(), planar, W, H, Canvas(), Crop(0.25, 0.25, 0.5, 0.5))
    expected = cv2.resize(ramps()[45:135, 80:240], (W, H), interpolation=cv2.INTER_LINEAR)
    assert np.abs(whole.astype(int) - expected).max() <= 4


def test_a_crop_that_reaches_over_the_edge_repeats_it() -> None:
    shown = fitted(ramps(), W, H, Canvas(), Crop(0.7, 0.7, 0.5, 0.5))
    assert shown.shape == (H, W, 3)
    assert shown[..., 0].min() > 100


@pytest.mark.parametrize(
    ("canvas", "size"),
    [
        (Canvas(), (642, 480)),
        (Canvas(1280, 720), (1280, 720)),
        (Canvas(1280), (1280, 720)),
        (Canvas(height=720), (1280, 720)),
        (Canvas(height=480), (854, 480)),
        (Canvas(720, 1280), (720, 1280)),
    ],
)
def test_the_size(canvas: Canvas, size: tuple[int, int]) -> None:
    assert canvas.size(641, 480) == size
