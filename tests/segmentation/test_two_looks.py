"""In a dim picture the person is who is found twice: in it, and in its brightened mirror image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bgblur.segmentation.finder import HostFinder
from bgblur.segmentation.finder_torch import TorchFinder
from bgblur.segmentation.two_looks import dim_gain, found
from bgblur.stats import Stats

LEFT, RIGHT = 2, 13  # columns of what is always found, and of what one look finds


class Noisy:
    """Finds the columns at LEFT in every picture, and another in pictures that were not mirrored:
    the picture's first column is darker than its last."""

    device, precision = "cpu", "fp32"

    def __init__(self, tensors: bool = False) -> None:
        self.input_height = 8
        self.seen: list[Any] = []
        self._tensors = tensors

    def upload(self, image: Any) -> Any:
        return torch.from_numpy(image) if self._tensors else image

    def infer(self, pixels: Any) -> Any:
        image = np.asarray(pixels)
        self.seen.append(image)
        alpha = np.zeros(image.shape[:2], np.float32)
        mirrored = image[0, 0, 0] > image[0, -1, 0]
        alpha[:, -1 - LEFT if mirrored else LEFT] = 1
        if not mirrored:
            alpha[:, RIGHT] = 1
        return torch.from_numpy(alpha) if self._tensors else alpha


def picture(mean: int) -> Any:
    image = np.full((8, 16, 3), mean, np.uint8)
    image[:, 0] -= 1
    return image


@pytest.mark.parametrize(
    ("mean", "gain"), [(200, 1), (46, 1), (45, 2), (30, 3), (9, 10), (4, 12), (0, 12)]
)
def test_how_much_a_dim_picture_is_brightened(mean: int, gain: float) -> None:
    assert dim_gain(np.full((64, 64, 3), mean, np.uint8)) == pytest.approx(gain)


@pytest.mark.parametrize("tensors", [False, True], ids=["arrays", "tensors"])
def test_what_one_look_finds_is_not_shown_in_the_dark(tensors: bool) -> None:
    engine = Noisy(tensors)
    dim = picture(20)
    gain = torch.tensor(dim_gain(dim)) if tensors else dim_gain(dim)
    alpha = np.asarray(found(engine, engine.upload(dim), gain))
    assert (alpha[:, LEFT] == 1).all()
    assert (alpha[:, RIGHT] == 0).all()
    brightened = engine.seen[1]
    assert 80 <= brightened.mean() <= 100
    assert brightened.dtype == np.uint8


def test_one_look_is_enough_in_the_light() -> None:
    engine = Noisy()
    light = picture(120)
    alpha = found(engine, light, dim_gain(light))
    assert (alpha[:, RIGHT] == 1).all()
    assert len(engine.seen) == 1


def test_both_finders_look_twice_in_the_dark() -> None:
    for finder, engine in (
        (HostFinder(array := Noisy(), Stats()), array),
        (TorchFinder(tensor := Noisy(tensors=True), Stats(), late=False), tensor),
    ):
        for mean, looks in ((120, 1), (20, 3), (20, 5), (120, 6)):
            image = picture(mean)
            alpha = np.asarray(finder(image, engine.upload(image), 0.9, 1))
            assert len(engine.seen) == looks
            if mean == 20:
                assert (alpha[:, RIGHT] < 0.5).all()


def test_no_alpha_in_the_second_look_stays_none() -> None:
    class Broken(Noisy):
        def infer(self, pixels: Any) -> Any:
            alpha = super().infer(pixels)
            return alpha * np.nan if len(self.seen) == 2 else alpha

    dim = picture(20)
    with pytest.raises(RuntimeError, match="not numbers"):
        HostFinder(Broken(), Stats())(dim, dim, 0.0, 1)
