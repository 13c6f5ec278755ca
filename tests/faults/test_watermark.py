"""Tests of the detector on which all of these tests rely."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest
from support.faults.camera import SIZES, scene
from support.faults.watermark import LEAK, room, watermark_seen
from support.pipeline_parts import true_alpha

from bgblur.compositing.blur import blurred_room
from bgblur.compositing.card import card
from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import BlurKind, Look, sigma_of
from bgblur.frame import Image
from bgblur.pipeline.words import ALL_CARDS

every_size = pytest.mark.parametrize("size", SIZES)
STRENGTHS = (1, 25, 60, 100)


def blurred(size: tuple[int, int], strength: int) -> Image:
    image = scene(3, *size)
    return CpuCompositor().compose(image, true_alpha(image), Look(strength=strength))


@every_size
def test_a_raw_frame_is_found(size: tuple[int, int]) -> None:
    assert watermark_seen(room(*size)) == pytest.approx(1, abs=0.2)
    assert watermark_seen(scene(3, *size)) > 0.8
    assert watermark_seen(cv2.flip(scene(3, *size), 1)) > 0.8


@every_size
@pytest.mark.parametrize("share", [0.0005, 0.0026, 0.0053, 0.0079])
def test_a_lightly_blurred_room_is_found(size: tuple[int, int], share: float) -> None:
    """``share`` of the height is sigma: less than any strength blurs."""
    image, sigma = scene(3, *size), share * size[1]
    assert sigma < sigma_of(1, size[1]) / 2
    assert watermark_seen(blurred_room(image, true_alpha(image), sigma)) > LEAK
    assert watermark_seen(cv2.GaussianBlur(room(*size), (0, 0), sigma)) > LEAK


@every_size
@pytest.mark.parametrize("share", [0.15, 0.3, 0.6])
def test_a_half_transparent_leak_is_found(size: tuple[int, int], share: float) -> None:
    leaking = cv2.addWeighted(scene(3, *size), share, blurred(size, 60), 1 - share, 0)
    assert watermark_seen(leaking) > LEAK


@every_size
def test_a_small_leak_is_found_wherever_it_is(size: tuple[int, int]) -> None:
    """A patch of a fifth of the frame's height, as where the person was a moment before."""
    side = size[1] // 5
    for y in range(0, size[1] - side, 13):
        for x in range(0, size[0] - side, 17):
            leaking = blurred(size, 60).copy()
            leaking[y : y + side, x : x + side] = room(*size)[y : y + side, x : x + side]
            assert watermark_seen(leaking) > LEAK, (x, y)


@pytest.mark.parametrize("target", [(160, 90), (320, 240), (640, 360), (1280, 720)])
@pytest.mark.parametrize("way", [cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_a_scaled_and_mirrored_frame_is_found(target: tuple[int, int], way: int) -> None:
    scaled = cv2.resize(scene(3, 320, 180), target, interpolation=way)
    assert watermark_seen(scaled) > LEAK
    assert watermark_seen(scaled[:, ::-1]) > LEAK
    assert watermark_seen(scaled[: target[1] * 2 // 3]) > LEAK  # cut


def test_a_frame_that_went_through_i420_is_found() -> None:
    there = cv2.cvtColor(scene(3, 320, 180), cv2.COLOR_BGR2YUV_I420)
    assert watermark_seen(cv2.cvtColor(there, cv2.COLOR_YUV2BGR_I420)) > 0.5


@every_size
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("blur", get_args(BlurKind))
def test_a_properly_blurred_room_is_not_found(
    size: tuple[int, int], strength: int, blur: BlurKind
) -> None:
    for index in range(0, 30, 7):
        image = scene(index, *size)
        compositor = CpuCompositor()
        own = compositor.compose(image, true_alpha(image), Look(strength=strength, blur=blur))
        assert watermark_seen(own) < LEAK / 2
        whole = compositor.obscure(image, Look(strength=1, blur=blur))
        assert watermark_seen(whole) < LEAK / 2
        there = cv2.cvtColor(own, cv2.COLOR_BGR2YUV_I420)
        assert watermark_seen(cv2.cvtColor(there, cv2.COLOR_YUV2BGR_I420)) < LEAK / 2


@every_size
def test_cards_and_plain_backgrounds_are_not_found(size: tuple[int, int]) -> None:
    for text in ALL_CARDS:
        shown = card(*size, text)
        assert watermark_seen(shown) < LEAK / 2
        there = cv2.cvtColor(shown, cv2.COLOR_BGR2YUV_I420)
        assert watermark_seen(cv2.cvtColor(there, cv2.COLOR_YUV2BGR_I420)) < LEAK / 2
    image = scene(3, *size)
    for color in ((90, 90, 90), (64, 177, 64)):
        look = Look(mode="color", color=color)
        assert watermark_seen(CpuCompositor().compose(image, true_alpha(image), look)) < LEAK / 2
    assert watermark_seen(np.zeros((180, 320, 3), np.uint8)) == 0
