"""The known answer: a red person before a grey room must leave no red in it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from support.scenes import RED, checkerboard, disc, over

from bgblur.compositing import blur, blur_torch
from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.look import Look, sigma_of
from bgblur.frame import Alpha, Image

ALLOWED = 3  # levels of 255
SIZES = [(160, 90), (67, 121), (640, 360), (641, 361), (1280, 720)]
STRENGTHS = [1, 10, 30, 60, 100]


def excess_red(picture: Any) -> Any:
    """How far red exceeds the other channels; a grey room has none of it."""
    channels = np.asarray(picture, np.float32)
    return channels[..., 2] - channels[..., :2].max(axis=2)


def cpu_plane(frame: Image, alpha: Alpha, strength: int) -> Any:
    return blur.blurred_room(frame, alpha, sigma_of(strength, len(frame)))


def torch_plane(frame: Image, alpha: Alpha, strength: int) -> Any:
    planes = torch.from_numpy(frame).permute(2, 0, 1).float()
    sigma = sigma_of(strength, len(frame))
    return blur_torch.blurred_room(planes, torch.from_numpy(alpha), sigma).permute(1, 2, 0)


def cpu_lens(frame: Image, alpha: Alpha, strength: int) -> Any:
    return blur.blurred_room(
        frame, alpha, sigma_of(strength, len(frame)), edge=sigma_of(1, len(frame))
    )


def torch_lens(frame: Image, alpha: Alpha, strength: int) -> Any:
    planes = torch.from_numpy(frame).permute(2, 0, 1).float()
    sigma = sigma_of(strength, len(frame))
    room = blur_torch.blurred_room(planes, torch.from_numpy(alpha), sigma, sigma_of(1, len(frame)))
    return room.permute(1, 2, 0)


@pytest.mark.parametrize("softness", [1, 4, 12])
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("plane", [cpu_plane, torch_plane, cpu_lens, torch_lens])
def test_blurred_room_holds_none_of_the_person(
    plane: Any, size: tuple[int, int], strength: int, softness: float
) -> None:
    alpha = disc(*size, softness)
    frame = over(RED, alpha, checkerboard(*size))
    assert excess_red(plane(frame, alpha, strength)).max() <= ALLOWED


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("compositor", [CpuCompositor(), TorchCompositor("cpu")])
def test_composed_picture_has_red_only_where_the_person_is(
    compositor: CpuCompositor | TorchCompositor, size: tuple[int, int], strength: int
) -> None:
    alpha = disc(*size, softness=4)
    frame = over(RED, alpha, checkerboard(*size))
    picture = compositor.compose(frame, alpha, Look("blur", strength))
    assert excess_red(picture)[alpha == 0].max() <= ALLOWED
    # On the soft outline too, nothing but the person's own share of the frame is red.
    from_room = picture - frame * alpha[..., None]
    assert excess_red(from_room).max() <= ALLOWED


@pytest.mark.parametrize("strength", [30, 60, 100])
@pytest.mark.parametrize("size", SIZES)
def test_blurring_the_whole_frame_does_bleed(size: tuple[int, int], strength: int) -> None:
    """The measure above sees the fault it is there for: the red "shadow" of the naive method."""
    alpha = disc(*size)
    frame = over(RED, alpha, checkerboard(*size))
    naive = cv2.GaussianBlur(frame, (0, 0), sigma_of(strength, size[1]))
    assert excess_red(naive)[alpha == 0].max() > 20 * ALLOWED


@pytest.mark.parametrize("compositor", [CpuCompositor(), TorchCompositor("cpu")])
def test_a_frame_full_of_person_does_not_colour_the_room(
    compositor: CpuCompositor | TorchCompositor,
) -> None:
    """One visible cell of room in a corner: all of the plane takes its colour or grey."""
    alpha = np.ones((120, 160), np.float32)
    alpha[:30, :30] = 0
    frame = over(RED, alpha, checkerboard(160, 120))
    half = np.where(alpha == 1, np.float32(0.5), alpha)
    picture = compositor.compose(frame, half, Look("blur", 60))
    assert excess_red(picture - frame * half[..., None]).max() <= ALLOWED


@pytest.mark.parametrize(("alpha", "weight"), [(0.0, 1.0), (0.025, 0.5), (0.05, 0.0), (0.08, 0.0)])
def test_what_is_a_twentieth_person_has_no_weight(alpha: float, weight: float) -> None:
    assert blur.room_weight(np.full((5, 5), alpha, np.float32)) == pytest.approx(weight, abs=1e-6)


def test_one_pixel_on_each_side_of_the_person_has_no_weight() -> None:
    alpha = np.zeros((7, 7), np.float32)
    alpha[3, 3] = 1
    expected = np.ones((7, 7), np.float32)
    expected[2:5, 2:5] = 0
    np.testing.assert_array_equal(blur.room_weight(alpha), expected)


def test_a_room_of_one_colour_keeps_it() -> None:
    room = np.full((90, 160, 3), (60, 90, 120), np.uint8)
    blurred = cpu_plane(room, disc(160, 90, 4), 60).astype(int)
    assert np.abs(blurred - room).max() <= ALLOWED
