"""Alphas that live matting carries to every second frame by optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.live_matting import SHARP, Bright, Remembering, every_second, iou
from support.media.clips import composited, with_matte

from bgblur.frame import Image
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.matting import Matting
from bgblur.stats import Stats


def square(x: int, y: int) -> Image:
    texture = np.random.default_rng(1).integers(0, 120, (45, 80), dtype=np.uint8)
    room = cv2.resize(texture, (640, 360), interpolation=cv2.INTER_CUBIC)
    image = np.repeat(room[..., None], 3, axis=2)
    image[y : y + 160, x : x + 160] = 255
    return image


def test_every_second_frame_is_carried_and_never_two_in_a_row() -> None:
    engine = Bright()
    matting = every_second(engine)
    seen = []
    for i in range(12):
        before = engine.calls
        matting(square(200 + 6 * i, 100 + 2 * i), SHARP)
        seen.append(engine.calls > before)
    assert seen == [True, False] * 6
    assert (matting.effort.inferred, matting.effort.carried) == (6, 6)


def test_a_carried_alpha_moves_with_the_picture() -> None:
    matting = every_second(Bright())
    matting(square(200, 100), SHARP)
    moved = matting(square(214, 106), SHARP)[1]
    truth = np.zeros((360, 640), np.float32)
    truth[106:266, 214:374] = 1
    assert matting.effort.carried == 1
    assert iou(moved, truth) > 0.9  # 0.78 where they were before
    assert (moved[truth == 0] > 0.5).mean() < 0.004


def test_an_unreliable_flow_leads_to_inference() -> None:
    """The person is gone in the next frame, and the room is seen in their place."""
    matting = every_second(Bright())
    matting(square(200, 100), SHARP)
    room = square(700, 100)
    gone = matting(room, SHARP)[1]
    assert matting.effort.carried == 0  # the flow knows that it does not: inferred instead
    assert gone.max() == 0


def test_a_part_with_unreliable_flow_is_hidden() -> None:
    """A tenth of the person is gone in the next frame."""
    matting = every_second(Bright())
    matting(square(200, 100), SHARP)
    less = square(700, 100)
    less[100:260, 216:360] = 255  # the left tenth shows the room
    alpha = matting(less, SHARP)[1]
    assert matting.effort.carried == 1
    assert (alpha[100:260, 200:212] > 0.5).mean() < 0.1


def test_no_alpha_is_carried_across_a_failure() -> None:
    engine = Bright()
    matting = every_second(engine)
    matting(square(200, 100), SHARP)
    matting(square(206, 100), SHARP)
    engine.fails = True
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no memory"):
            matting(square(212, 100), SHARP)


@pytest.mark.slow
def test_carried_alphas_on_talking_heads(data: Path, record_property: Any) -> None:
    """Compared with inference of the same frames: as accurate, and showing no more room."""
    engine = TorchEngine(device="cpu", input_height=96)
    alike, more_room = [], []
    for clip in composited(data):
        remembers = Remembering(engine)
        carries, every = every_second(remembers), Matting(remembers, Stats())
        for image, truth in list(with_matte(clip))[20:28]:
            before = carries.effort.carried
            wanted, given = every(image, SHARP)[1].copy(), carries(image, SHARP)[1]
            if carries.effort.carried > before:
                alike.append(iou(wanted, given))
                room = truth < 0.05
                more_room.append(given[room].mean() - wanted[room].mean())
    record_property("iou", float(np.mean(alike)))
    assert len(alike) == 20
    assert np.mean(alike) > 0.985
    assert min(alike) > 0.94
    assert np.mean(more_room) < 0.001
    assert max(more_room) < 0.01
