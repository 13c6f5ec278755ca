from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from support.media.clips import composited, with_matte
from support.scenes import disc

from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.finder import check_alpha
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.scales import combined as combined_arrays
from bgblur.segmentation.scales import infer_at_scales as infer_arrays
from bgblur.segmentation.scales_torch import combined, infer_at_scales
from bgblur.stats import Stats
from bgblur.training.evaluate.metrics import iou

CLOSE, FAR = (288, 512), (128, 224)


def plane(value: float, size: tuple[int, int] = CLOSE) -> torch.Tensor:
    return torch.full(size, value)


@pytest.mark.parametrize(
    ("height", "looks"), [(96, [96]), (224, [224]), (256, [115, 256]), (288, [130, 288])]
)
def test_large_inputs_are_inferred_at_two_scales(height: int, looks: list[int]) -> None:
    seen: list[int] = []

    def look(lines: int) -> torch.Tensor:
        seen.append(lines)
        return plane(0.5, (lines, 2 * lines))

    assert infer_at_scales(look, height).shape == (height, 2 * height)
    assert seen == looks


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_alphas_are_unchanged(value: float) -> None:
    result = combined(plane(value), plane(value, FAR))
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, plane(value), atol=1e-3, rtol=0)


def test_a_person_at_one_scale_only_gets_a_low_alpha() -> None:
    assert combined(plane(0.8), plane(0.02, FAR)).max() <= 0.26  # edges makes 0 of up to 0.25
    assert combined(plane(0.2), plane(0.98, FAR)).min() >= 0.74


def test_the_outline_is_that_of_the_large_scale() -> None:
    close = disc(*CLOSE[::-1], 1)
    far = cv2.resize(close, FAR[::-1], interpolation=cv2.INTER_AREA)
    far = cv2.GaussianBlur(np.roll(far, 1, 1), (0, 0), 1)  # as coarse as that, and moved by a cell
    result = combined(*map(torch.from_numpy, (close, far))).numpy()
    assert iou(result, close) > 0.99


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), 4.0, -3.0])
@pytest.mark.parametrize("look", ["close", "far"])
def test_an_invalid_alpha_stays_invalid(wrong: float, look: str) -> None:
    """Else a model that gives logits, or fails, would show the room."""
    looks = {"close": disc(*CLOSE[::-1]), "far": disc(*FAR[::-1])}
    looks[look][20:90, 20:90] = wrong
    result = combined(*(torch.from_numpy(each) for each in looks.values())).numpy()
    with pytest.raises(RuntimeError, match="the model gave"):
        check_alpha(result)
    with pytest.raises(RuntimeError, match="the model gave"):
        check_alpha(combined_arrays(*looks.values()))


def test_arrays_are_combined_as_tensors_are() -> None:
    random = np.random.default_rng(1)
    close, far = (random.random(size, np.float32) for size in (CLOSE, FAR))
    expected = combined(torch.from_numpy(close), torch.from_numpy(far)).numpy()
    found = infer_arrays(lambda rows: {288: close, 130: far}[rows], 288)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    small = np.ones((96, 160), np.float32)
    assert infer_arrays({96: small}.__getitem__, 96) is small


@pytest.mark.slow
def test_a_blanket_is_not_taken_for_a_sleeve(data: Path, record_property: Any) -> None:
    """IoU with the true mattes where one look at 288 lines takes a bed for an arm (0.93)."""
    engine = TorchEngine(device="cpu", input_height=288)
    matting = Matting(engine, Stats())
    [clip] = [clip for clip in composited(data) if clip.stem == "swiz3n"]
    pairs = itertools.islice(with_matte(clip), 30)
    scores = [iou(matting(frame, MaskOptions())[1], truth) for frame, truth in pairs]
    record_property("iou", float(np.mean(scores)))
    assert np.mean(scores) > 0.96
