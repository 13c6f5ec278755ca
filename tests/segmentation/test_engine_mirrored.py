"""The mirrored average: both views count alike, and what is no alpha stays none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bgblur.segmentation.engine_mirrored import MirroredEngine
from bgblur.segmentation.finder import check_alpha

RAMP = np.linspace(1, 0, 8, dtype=np.float32)  # finds more on the left


class Stub:
    """Calls ``look`` with the picture's blue plane in 0..1, an array or a tensor."""

    device, unit, precision = "cpu", "npu", "int8"

    def __init__(self, look: Callable[[Any, int], Any], tensors: bool) -> None:
        self.input_height = 96
        self.asked = 0
        self._look, self._tensors = look, tensors

    def upload(self, image: Any) -> Any:
        return torch.from_numpy(image) if self._tensors else image

    def infer(self, pixels: Any) -> Any:
        self.asked += 1
        blue = np.asarray(pixels)[..., 0].astype(np.float32) / 255
        alpha = np.asarray(self._look(blue, self.asked), np.float32)
        return torch.from_numpy(alpha) if self._tensors else alpha


def picture() -> Any:
    """Darker to the right, and no two columns alike."""
    image = np.zeros((4, 8, 3), np.uint8)
    image[:] = (255 * RAMP.astype(np.float64) ** 2).astype(np.uint8)[None, :, None]
    return image


both = pytest.mark.parametrize("tensors", [False, True], ids=["arrays", "tensors"])


@both
def test_each_side_is_found_as_the_other(tensors: bool) -> None:
    stub = Stub(lambda blue, _: blue * RAMP, tensors)
    engine = MirroredEngine(stub)
    image = picture()
    before = image.copy()
    found = np.asarray(engine.infer(engine.upload(image)))
    blue = image[..., 0].astype(np.float32) / 255
    np.testing.assert_allclose(found, blue * 0.5, atol=1e-6)  # RAMP and its mirror add up to 1
    assert np.abs(found - blue * RAMP).max() > 0.2
    assert found.dtype == np.float32
    assert stub.asked == 2
    np.testing.assert_array_equal(image, before)


@both
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1.5, -0.5])
@pytest.mark.parametrize("view", [1, 2])
def test_no_alpha_in_one_view_is_none_in_the_mean(tensors: bool, wrong: float, view: int) -> None:
    """Else the mean of 1.5 and 0 would pass for an alpha, though the model is broken."""

    def look(blue: Any, asked: int) -> Any:
        alpha = np.full_like(blue, 0.0 if wrong > 0 else 1.0)
        if asked == view:
            alpha[1, 2] = wrong
        return alpha

    engine = MirroredEngine(Stub(look, tensors))
    found = np.asarray(engine.infer(engine.upload(picture())))
    with pytest.raises(RuntimeError, match=r"the model gave"):
        check_alpha(found)


@both
def test_two_wrong_views_do_not_cancel(tensors: bool) -> None:
    engine = MirroredEngine(Stub(lambda blue, asked: blue * 0 + (1.7, -0.7)[asked - 1], tensors))
    found = np.asarray(engine.infer(engine.upload(picture())))
    with pytest.raises(RuntimeError, match=r"instead of an alpha"):
        check_alpha(found)


@both
def test_shapes_that_do_not_fit_are_errors(tensors: bool) -> None:
    planes = MirroredEngine(Stub(lambda blue, _: np.stack([blue, blue]), tensors))
    assert planes.infer(planes.upload(picture())).ndim == 3  # for the finder to refuse
    other = MirroredEngine(Stub(lambda blue, asked: blue[:, asked:], tensors))
    with pytest.raises(RuntimeError, match="another shape"):
        other.infer(other.upload(picture()))


def test_the_rest_is_the_engine_s_own() -> None:
    stub = Stub(lambda blue, _: blue, False)
    engine = MirroredEngine(stub)
    assert (engine.device, engine.unit, engine.precision) == ("cpu", "npu", "int8")
    engine.input_height = 160
    assert engine.input_height == stub.input_height == 160
