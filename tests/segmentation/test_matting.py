from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.media.clips import composited, with_matte
from support.scenes import disc, portrait

from bgblur.frame import Image
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.finder import check_alpha
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats


class Fixed:
    """An engine that returns the given alphas."""

    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self, *alphas: Any) -> None:
        self._alphas = list(alphas)

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Any) -> Any:
        return self._alphas.pop(0)


def test_alpha_has_the_frames_size_and_every_stage_is_timed() -> None:
    stats = Stats()
    image = portrait(641, 361)
    pixels, alpha = Matting(Fixed(disc(160, 96)), stats)(image, MaskOptions())
    assert pixels is image
    assert alpha.shape == (361, 641)
    stages = stats.snapshot()["stages_ms"]
    assert isinstance(stages, dict)
    assert stages.keys() == {"upload", "inference", "smoothing", "edges"}


def test_smoothing_is_forgotten_on_reset() -> None:
    options = MaskOptions(refine_edges=False, smoothing=1.0)
    image = portrait(160, 96)
    first, second = (np.full((96, 160), value, np.float32) for value in (0.50, 0.54))
    first[0, 0] = second[0, 0] = 1  # somebody is there for certain
    matting = Matting(Fixed(first, second, first, second), Stats())
    matting(image, options)
    assert matting(image, options)[1][48, 80] < 0.51
    matting.reset()
    matting(image, options)
    matting.reset()
    assert matting(image, options)[1][48, 80] > 0.54


def test_an_alpha_without_a_certain_pixel_is_zero() -> None:
    matting = Matting(Fixed(disc(160, 96) * 0.9), Stats())
    assert matting(portrait(160, 96), MaskOptions())[1].max() == 0


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    "alpha",
    [
        np.full((4, 4), np.nan, np.float32),
        np.array([[0.5, np.inf]], np.float32),
        np.array([[np.inf, -np.inf]], np.float32),
        np.zeros((0, 4), np.float32),
        np.zeros((4, 4, 1), np.float32),
        np.zeros(4, np.float32),
    ],
)
def test_an_invalid_alpha_is_refused(alpha: Any) -> None:
    """Were it composited, a NaN would show the room."""
    with pytest.raises(RuntimeError, match="the model gave"):
        check_alpha(alpha)
    with pytest.raises(RuntimeError, match="the model gave"):
        Matting(Fixed(alpha), Stats())(portrait(64, 48), MaskOptions())


def test_a_refused_alpha_does_not_stay_in_the_mean() -> None:
    good = disc(160, 96)
    matting = Matting(Fixed(good, np.full_like(good, np.nan), good), Stats())
    image, options = portrait(160, 96), MaskOptions(smoothing=1.0)
    wanted = matting(image, options)[1]
    with pytest.raises(RuntimeError, match="not numbers"):
        matting(image, options)
    np.testing.assert_allclose(matting(image, options)[1], wanted, atol=1e-5)


@pytest.mark.slow
def test_shipped_model_on_talking_heads(data: Path, record_property: Any) -> None:
    """As the daemon runs it on a processor: mean IoU with the true mattes of five clips."""
    engine = TorchEngine(device="cpu")
    matting = Matting(engine, Stats())
    by_clip = {}
    for clip in composited(data):
        matting.reset()
        scores = []
        for frame, truth in with_matte(clip):
            person, wanted = matting(frame, MaskOptions())[1] > 0.5, truth > 0.5
            scores.append((person & wanted).sum() / (person | wanted).sum())
        by_clip[clip.stem] = float(np.mean(scores))
    mean = float(np.mean(list(by_clip.values())))
    record_property("iou", mean)
    print(by_clip)
    assert mean >= 0.94, by_clip
