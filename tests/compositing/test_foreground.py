"""The known answer: a person before a green screen, laid over white, has no green rim."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.looks import excess_green
from support.media.clips import composited, with_matte
from support.scenes import GREEN, RED, disc, levels_apart, over

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.foreground import sample, unmix
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Image

ALLOWED = 4  # levels of 255, on average over the soft edge
WHITE = Look("color", color=(255, 255, 255))
BOTH = pytest.mark.parametrize("compositor", [CpuCompositor(), TorchCompositor("cpu")])


def green_rim(picture: Image, person: Image, alpha: Alpha) -> float:
    """How much greener the soft edge is than ``person`` before white would be."""
    soft = (alpha >= 0.2) & (alpha <= 0.8)
    truth = over(person, alpha, np.full_like(person, 255))
    return float((excess_green(picture) - excess_green(truth))[soft].mean())


def before_green(person: Image, alpha: Alpha) -> Image:
    return over(person, alpha, np.broadcast_to(GREEN, person.shape))


@BOTH
def test_no_green_rim_on_clips(data: Path, compositor: Any) -> None:
    for clip in composited(data):
        rims, untreated = [], []
        for person, alpha in islice(with_matte(clip), 0, None, 25):
            frame = before_green(person, alpha)
            rims.append(green_rim(compositor.compose(frame, alpha, WHITE), person, alpha))
            plain = over(frame, alpha, np.full_like(frame, 255))
            untreated.append(green_rim(plain, person, alpha))
        assert np.mean(rims) <= ALLOWED, clip.stem
        assert np.mean(untreated) > 40, clip.stem  # the measure sees the fault it is there for


def test_no_green_rim_on_cut_outs(data: Path) -> None:
    files = sorted((data / "train" / "viton_cutouts").rglob("*.webp"))
    rims = []
    for file in random.Random(0).sample(files, 60):
        cut = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        assert cut is not None
        person = np.ascontiguousarray(cut[..., :3]).astype(np.uint8)
        alpha = np.multiply(cut[..., 3], 1 / 255, dtype=np.float32)
        picture = CpuCompositor().compose(before_green(person, alpha), alpha, WHITE)
        rims.append(green_rim(picture, person, alpha))
    assert max(rims) <= ALLOWED


@BOTH
@pytest.mark.parametrize("size", [(160, 90), (67, 121), (641, 361), (1280, 720)])
@pytest.mark.parametrize("softness", [2, 8])
def test_flat_colours_are_told_apart_exactly(
    compositor: Any, size: tuple[int, int], softness: float
) -> None:
    alpha = disc(*size, softness=softness * min(size) / 180)
    frame = over(RED, alpha, np.broadcast_to(GREEN.astype(np.uint8), (*alpha.shape, 3)))
    picture = compositor.compose(frame, alpha, WHITE)
    truth = over(RED, alpha, np.full_like(frame, 255))
    assert levels_apart(picture, truth).max() <= 2


@BOTH
@pytest.mark.parametrize("shade", [0.3, 0.7])
def test_without_a_certain_side_the_frame_is_unchanged(compositor: Any, shade: float) -> None:
    alpha = np.full((90, 160), shade, np.float32)
    frame = over(RED, disc(160, 90), np.full((90, 160, 3), 80, np.uint8))
    picture = compositor.compose(frame, alpha, WHITE)
    plain = over(frame, alpha, np.full_like(frame, 255))
    assert levels_apart(picture, plain).max() <= 1


@BOTH
def test_blur_keeps_the_frames_own_edge(compositor: Any) -> None:
    """Behind is the same room: what its colour does at the edge is right there."""
    alpha = disc(320, 180, 12)
    frame = before_green(np.broadcast_to(RED, (180, 320, 3)).astype(np.uint8), alpha)
    picture = compositor.compose(frame, alpha, Look("blur", 60))
    plain = over(frame, alpha, np.broadcast_to(GREEN.astype(np.uint8), frame.shape))
    assert levels_apart(picture, plain).max() <= 2


@given(
    st.floats(0, 1),
    *[st.tuples(*[st.floats(0, 255)] * 3).map(lambda c: np.array(c, np.float64))] * 2,
)
def test_exact_estimates_give_the_exact_colour(alpha: float, person: Any, room: Any) -> None:
    mixed = alpha * person + (1 - alpha) * room
    np.testing.assert_allclose(unmix(mixed, alpha, person, room), person, atol=1e-6)


@given(st.integers(0, 999), *[st.integers(1, 40)] * 4)
def test_samples_are_those_of_a_linear_resize(
    seed: int, rows: int, columns: int, height: int, width: int
) -> None:
    planes = np.random.default_rng(seed).random((rows, columns, 3), np.float32)
    height, width = max(rows, height), max(columns, width)
    wanted = cv2.resize(planes, (width, height), interpolation=cv2.INTER_LINEAR)
    got = sample(planes, np.arange(width * height), width, height)
    np.testing.assert_allclose(got, wanted.reshape(-1, 3), atol=1e-4)
