from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scenes import disc, over, portrait

from bgblur.config.settings import Settings
from bgblur.frame import Alpha, Image
from bgblur.offline.processor import Processor
from bgblur.segmentation import edges, edges_color
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.quality import QUALITIES, Quality, guided_by_color
from bgblur.stats import Stats

SIZE, LOW = (640, 360), (352, 192)
REDDISH, GREENISH = (60, 90, 160), (70, 135, 72)  # BGR, of the same luma


def equal_luma() -> tuple[Image, Alpha, Alpha]:
    """A disc before a wall of another colour and the same brightness, its alpha, and a coarse
    estimate."""
    truth = disc(*SIZE, 1)
    room = np.full((*SIZE[::-1], 3), GREENISH, np.uint8)
    image = over(np.array(REDDISH, np.float32), truth, room)
    low = cv2.resize(truth, LOW, interpolation=cv2.INTER_AREA)
    return image, truth, (low > 0.5).astype(np.float32)


def off(alpha: Alpha, truth: Alpha) -> float:
    return float(np.sqrt(((alpha - truth) ** 2).mean()))


def test_it_follows_an_edge_of_colour_that_luma_does_not_have() -> None:
    image, truth, alpha = equal_luma()
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    assert int(grey.max()) - int(grey.min()) <= 2
    by_luma = edges.upsample(alpha, image).copy()
    assert off(edges_color.upsample(alpha, image), truth) * 3 < off(by_luma, truth)


@pytest.mark.parametrize("value", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("feather", [0.0, 1.0])
def test_constant_alpha_stays_constant(value: float, feather: float) -> None:
    """All room stays room, all person stays person, whatever the picture."""
    plane = np.full(LOW[::-1], value, np.float32)
    result = edges_color.upsample(plane, portrait(*SIZE), feather)
    np.testing.assert_allclose(result, edges.firm(np.array([value]))[0], atol=2e-3)


def test_nothing_is_shown_away_from_the_person() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (360, 640, 3), np.uint8)
    alpha = np.zeros(LOW[::-1], np.float32)
    alpha[40:150, 60:140] = 1
    reach = (2 * edges_color.radius_of(LOW[1]) + 2) * SIZE[0] // LOW[0]
    plane = edges_color.upsample(alpha, image)
    seen = cv2.resize(alpha, SIZE) > 0
    around = cv2.dilate(seen.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    assert plane[~around].max() == 0
    assert plane[seen].mean() > 0.9


def test_it_is_the_filter_of_the_paper() -> None:
    """He, Sun and Tang 2013, equations 19 to 21, with a solver."""
    rng = np.random.default_rng(2)
    colors = cv2.GaussianBlur(rng.random((40, 60, 3), np.float32), (0, 0), 1)
    alpha = rng.random((40, 60), np.float32)
    found = edges_color._coefficients(alpha, colors, 3)

    def mean(plane: Any) -> Any:
        return cv2.blur(plane, (7, 7), borderType=cv2.BORDER_REPLICATE)

    m = mean(colors.astype(np.float64))
    products = colors[..., :, None] * colors[..., None, :].astype(np.float64)
    covariance = mean(products.reshape(40, 60, 9)).reshape(40, 60, 3, 3)
    covariance = covariance - m[..., :, None] * m[..., None, :] + edges_color.EPSILON * np.eye(3)
    alphas = alpha.astype(np.float64)
    right = mean(colors * alphas[..., None]) - m * mean(alphas)[..., None]
    a = np.linalg.solve(covariance, right[..., None])[..., 0]
    b = mean(alphas) - (a * m).sum(2)
    for plane, wanted in zip(found, (*np.moveaxis(a, 2, 0), b), strict=True):
        np.testing.assert_allclose(plane, mean(wanted), atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    rows=st.sampled_from([32, 64]),
    columns=st.sampled_from([32, 96]),
    feather=st.sampled_from([0.0, 0.5]),
)
def test_any_picture_gives_an_alpha_of_its_size(
    seed: int, width: int, height: int, rows: int, columns: int, feather: float
) -> None:
    rng = np.random.default_rng(seed)
    alpha = rng.random((rows, columns), np.float32)
    before = alpha.copy()
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    result = edges_color.upsample(alpha, image, feather)
    assert result.shape == (height, width)
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1
    np.testing.assert_array_equal(alpha, before)


class _Fixed:
    """An engine that finds the same person in every picture."""

    device, precision, input_height = "cpu", "fp32", LOW[1]

    def __init__(self, alpha: Alpha) -> None:
        self._alpha = alpha

    def upload(self, image: Image) -> Image:
        return image

    def infer(self, pixels: Image) -> Alpha:
        return self._alpha.copy()


def test_it_is_for_the_best_photos_and_for_refined_edges() -> None:
    image, truth, alpha = equal_luma()
    matting = Matting(_Fixed(alpha), Stats())

    def error(refine: bool, by_color: bool) -> float:
        options = MaskOptions(refine, smoothing=0.0, by_color=by_color)
        return off(np.array(matting(image, options)[1]), truth)

    assert error(True, True) * 3 < error(True, False)
    assert error(False, True) == error(False, False)
    assert [quality for quality in QUALITIES if guided_by_color(quality)] == ["best"]
    assert not MaskOptions().by_color  # live


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("stills", [True, False])
def test_recordings_are_guided_by_luma(quality: Quality, stills: bool) -> None:
    processor = Processor(Settings(), stills, quality=quality)
    assert processor._mask.by_color is (stills and quality == "best")
