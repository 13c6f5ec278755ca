"""How much of an empty room is taken for a person in little light.

A webcam in the dark gives a dim picture full of noise. Its sensor is simulated on the 8-bit levels:
shot noise, whose variance grows with the light, and read noise, which the camera's gain raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bgblur.frame import Image
from bgblur.segmentation.engine import Engine
from bgblur.training.data.sets import Picture, Plane, read_photo
from bgblur.training.evaluate.evaluation import LEAK
from bgblur.training.evaluate.predictors import still_predictor


@dataclass(frozen=True)
class Light:
    """``gain`` of the levels, ``read`` noise in levels, ``shot`` variance for each level."""

    name: str
    gain: float
    read: float
    shot: float


LIGHTS = (
    Light("day", 1.0, 0.5, 0.02),
    Light("lamp", 0.5, 2.0, 0.1),
    Light("dusk", 0.25, 4.0, 0.3),
    Light("screen", 0.12, 6.0, 0.5),
    Light("dark", 0.06, 8.0, 0.5),
)


def in_light(image: Image, light: Light, seed: int) -> Image:
    """``image`` (H, W, 3) as a camera sees it in that light."""
    levels = light.gain * image.astype(np.float32)
    sigma = np.sqrt(light.read**2 + light.shot * levels)
    noise = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
    return np.clip(np.rint(levels + sigma * noise), 0, 255).astype(np.uint8)


def taken_for_a_person(engine: Engine, rooms: Sequence[Picture]) -> dict[str, Plane]:
    """The share of each room's pixels with an alpha above LEAK, (rooms,), by light."""
    predict = still_predictor(engine)
    images = [read_photo(room)[0] for room in rooms]
    return {
        light.name: np.array(
            [(predict(in_light(image, light, i)) > LEAK).mean() for i, image in enumerate(images)],
            np.float32,
        )
        for light in LIGHTS
    }
