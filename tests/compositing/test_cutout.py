"""The cut-out's colours and alpha, against a scene whose person, room and matte are known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from bgblur.compositing.cutout import cut_out

PERSON, ROOM = (60, 110, 170), (230, 200, 40)


def scene(dtype: Any = np.uint8) -> tuple[Any, Any]:
    """(picture, its true matte): a soft disc of PERSON over ROOM."""
    disc = np.zeros((180, 240), np.float32)
    cv2.circle(disc, (120, 90), 50, 1, -1)
    alpha = cv2.GaussianBlur(disc, (0, 0), 4).clip(0, 1)
    alpha[alpha < 1 / 256], alpha[alpha > 255 / 256] = 0, 1
    mixed = alpha[..., None] * np.array(PERSON) + (1 - alpha[..., None]) * np.array(ROOM)
    return np.rint(mixed * (np.iinfo(dtype).max // 255)).astype(dtype), alpha


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_and_alpha_are_the_known_ones(dtype: Any) -> None:
    picture, alpha = scene(dtype)
    found = cut_out(picture, alpha)
    unit = np.iinfo(dtype).max / 255
    assert (found.dtype, found.shape) == (dtype, (180, 240, 4))
    assert np.abs(found[..., 3] / unit / 255 - alpha).max() <= 1 / 255
    error = np.abs(found[..., :3] / unit - PERSON).max(2)
    assert error.max() <= 10  # 170 levels are between the person and the room
    assert (found[alpha == 1, :3] == picture[alpha == 1]).all()
    black = found[..., :3] / unit * (found[..., 3:] / unit / 255)  # over another ground: no rim
    assert np.abs(black - alpha[..., None] * np.array(PERSON)).max() <= 4


def test_nothing_of_the_room_is_left_under_alpha_0() -> None:
    picture, alpha = scene()
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    other = np.where(alpha[..., None] == 0, noise, picture)
    found = cut_out(other, alpha)
    assert np.abs(found[alpha == 0, :3].astype(int) - PERSON).max() <= 12


@pytest.mark.parametrize("level", [0.0, 0.02, 0.5])
def test_a_frame_without_a_certain_person_shows_nothing_of_the_room(level: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    found = cut_out(noise, np.full((90, 120), level, np.float32))
    assert len(np.unique(found[..., :3].reshape(-1, 3), axis=0)) == 1


def test_the_pictures_own_opacity_counts() -> None:
    picture, alpha = scene()
    opacity = np.full(alpha.shape, 128, np.uint8)
    opacity[:90] = 0
    found = cut_out(picture, alpha, opacity)
    assert (found[:90, :, 3] == 0).all()
    assert np.abs(found[90:, :, 3] - 128 * alpha[90:]).max() <= 1
