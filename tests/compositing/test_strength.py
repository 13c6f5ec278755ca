"""What the strengths promise: each hides, more hides more, and equal steps look equal."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import get_args

import numpy as np
import pytest
from support.faults.camera import scene
from support.faults.watermark import LEAK, room, watermark_seen
from support.pipeline_parts import true_alpha
from support.reader import Reader
from support.scenes import disc

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import BlurKind, Look, sigma_of
from bgblur.frame import Alpha

SMALL = [(160, 90), (161, 91), (90, 160), (177, 144), (300, 97), (320, 180), (321, 181)]
COMMON = [(426, 240), (360, 640), (641, 361), (640, 480), (1280, 720), (720, 1280)]
LARGE = [(1281, 723), (1080, 1920), (1920, 1080), (3840, 2160)]
ALL = range(1, 101)
every_blur = pytest.mark.parametrize("blur", get_args(BlurKind))


def nobody(width: int, height: int) -> Alpha:
    return np.zeros((height, width), np.float32)


def seen(size: tuple[int, int], strength: int, blur: BlurKind) -> float:
    look = Look(strength=strength, blur=blur)
    return watermark_seen(CpuCompositor().compose(room(*size), nobody(*size), look))


@every_blur
@pytest.mark.parametrize("size", SMALL)
def test_every_strength_hides(size: tuple[int, int], blur: BlurKind) -> None:
    assert max(seen(size, strength, blur) for strength in ALL) < LEAK / 2


@every_blur
@pytest.mark.parametrize("size", COMMON)
@pytest.mark.parametrize("strength", [1, 5, 10, 11, 15, 25, 40, 70])
def test_every_strength_hides_in_common_sizes(
    size: tuple[int, int], strength: int, blur: BlurKind
) -> None:
    assert seen(size, strength, blur) < LEAK / 2


@every_blur
@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("strength", [1, 10])
def test_every_strength_hides_in_large_frames(
    size: tuple[int, int], strength: int, blur: BlurKind
) -> None:
    assert seen(size, strength, blur) < LEAK / 2


@every_blur
@pytest.mark.parametrize("size", [(177, 144), (320, 180), (641, 361)])
@pytest.mark.parametrize("strength", [1, 5, 12, 30])
def test_every_strength_hides_around_a_person(
    size: tuple[int, int], strength: int, blur: BlurKind
) -> None:
    """There the blur has only one side to average: the room's colours stay a little nearer."""
    look = Look(strength=strength, blur=blur)
    image = scene(3, *size)
    assert watermark_seen(CpuCompositor().compose(image, true_alpha(image), look)) < LEAK / 2
    alpha = disc(*size)
    image = np.where(alpha[..., None] > 0, np.uint8(128), room(*size))
    assert watermark_seen(CpuCompositor().compose(image, alpha, look)) < LEAK


@every_blur
@pytest.mark.parametrize("size", [*SMALL, (641, 361)])
def test_more_strength_never_shows_more(size: tuple[int, int], blur: BlurKind) -> None:
    """The room here has detail of every size: noise, and its contrast is what is left of it."""
    width, height = size
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    left = [
        float(CpuCompositor().compose(noise, nobody(*size), look).std())
        for look in (Look(strength=strength, blur=blur) for strength in ALL)
    ]
    assert all(more <= 1.001 * less for less, more in pairwise(left))
    assert all(more < 0.97 * less for less, more in zip(left, left[10:], strict=False))


def edge_width(size: tuple[int, int], strength: int) -> float:
    """The sigma that the picture really has: that of an upright edge in its middle, in pixels."""
    width, height = size
    edge = np.zeros((height, width, 3), np.uint8)
    edge[:, width // 2 :] = 255
    shown = CpuCompositor().compose(edge, nobody(*size), Look(strength=strength))
    slope = np.diff(shown[..., 0].astype(np.float64).mean(axis=0))
    x = np.arange(len(slope)) - float((slope * np.arange(len(slope))).sum() / slope.sum())
    return float(np.sqrt((slope * x**2).sum() / slope.sum()))


@pytest.mark.parametrize("size", [(320, 180), (641, 361), (1280, 720)])
def test_equal_steps_look_equal(size: tuple[int, int]) -> None:
    """The eye's scale of blur is the logarithm of sigma. A step is 11 strengths; one across which
    the low resolution changes is up to 4 % longer, which is not seen."""
    widths = [edge_width(size, strength) for strength in range(1, 101, 11)]
    even = log(sigma_of(100, 360) / sigma_of(1, 360)) / 9
    steps = [log(more / less) for less, more in pairwise(widths)]
    assert steps == pytest.approx([even] * 9, abs=0.04)
    assert all(step > 0.5 * even for step in steps)
    sigmas = [sigma_of(strength, 360) for strength in ALL]
    assert np.diff(np.log(sigmas)) == pytest.approx(even / 11)


@pytest.mark.parametrize("tall", [20, 29])
def test_no_disc_shows_text_again(tall: int) -> None:
    """A disc's spectrum has rings, where finer detail than its own would come through."""
    reader = Reader(tall)
    for strength in (1, 30, 60):
        assert reader.share_read(sigma_of(strength, 360), 360, edge=sigma_of(1, 360)) < 0.15


@pytest.mark.parametrize("height", [360, 720])
@pytest.mark.parametrize("tall", [20, 29])
def test_text_cannot_be_read_at_strength_1(height: int, tall: int) -> None:
    """``tall`` is the pixels of a line of text at 360 rows: 5.5 % and 8 % of the height."""
    reader = Reader(tall * height / 360)
    assert reader.share_read(0, height) > 0.9
    assert reader.share_read(0.0053 * height, height) > 0.5  # the reader bears some blur
    assert reader.share_read(sigma_of(1, height), height) < 0.15  # a guess is right in 0.04
