from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_shim import on_the_processor
from support.scenes import disc, over, portrait
from support.torch_marks import needs_cuda

from bgblur.frame import Alpha, Image
from bgblur.gpu.kernels import Kernel
from bgblur.imaging.resize import halved
from bgblur.segmentation import edges, edges_cuda, edges_torch, enlarging

SIZE = (640, 360)
LOW = (352, 192)


def on_torch(alpha: Alpha, image: Image, refine: bool = True, feather: float = 0.0) -> Alpha:
    tensors = torch.from_numpy(alpha), torch.from_numpy(image)
    result: Alpha = edges_torch.upsample(*tensors, refine, feather).numpy()
    return result


BOTH = pytest.mark.parametrize("upsample", [edges.upsample, on_torch])


def shrunk(alpha: Alpha, size: tuple[int, int] = LOW) -> Alpha:
    return cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)


def rms(one: Alpha, other: Alpha) -> float:
    return float(np.sqrt(((one - other) ** 2).mean()))


@BOTH
@pytest.mark.parametrize(
    ("low", "closer"),
    [((352, 192), 2.5), ((176, 96), 4)],  # measured: 2.8 and 4.4 times
)
def test_the_guided_filter_follows_the_pictures_edge(
    upsample: Any, low: tuple[int, int], closer: float
) -> None:
    truth = disc(*SIZE, 1)
    room = np.full((*SIZE[::-1], 3), 60, np.uint8)
    image = over(np.array([180, 190, 200], np.float32), truth, room)
    # Sharp at the low resolution, as an estimate there is, and knows nothing of what is between.
    alpha = (shrunk(truth, low) > 0.5).astype(np.float32)
    outline = cv2.dilate(truth, np.ones((9, 9))) - cv2.erode(truth, np.ones((9, 9))) > 0
    guided = upsample(alpha, image)
    plain = upsample(alpha, image, refine=False)
    assert rms(guided[outline], truth[outline]) * closer <= rms(plain[outline], truth[outline])
    assert rms(guided, truth) < 0.01


@BOTH
@pytest.mark.parametrize("value", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize("feather", [0.0, 1.0])
def test_constant_alpha_stays_constant(
    upsample: Any, value: float, refine: bool, feather: float
) -> None:
    """Whatever the picture: its texture must not print itself on alpha."""
    result = upsample(np.full(LOW[::-1], value, np.float32), portrait(*SIZE), refine, feather)
    np.testing.assert_allclose(result, edges.firm(np.array([value]))[0], atol=1e-3)


@BOTH
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    rows=st.sampled_from([32, 64, 96]),
    columns=st.sampled_from([32, 96, 160]),
    refine=st.booleans(),
    feather=st.sampled_from([0.0, 0.01, 0.5, 1.0]),
)
def test_any_size_gives_a_plane_in_range(
    upsample: Any,
    seed: int,
    width: int,
    height: int,
    rows: int,
    columns: int,
    refine: bool,
    feather: float,
) -> None:
    rng = np.random.default_rng(seed)
    alpha = rng.random((rows, columns), np.float32)
    before = alpha.copy()
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    result = upsample(alpha, image, refine, feather)
    assert result.shape == (height, width)
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1
    np.testing.assert_array_equal(alpha, before)  # the smoother still needs it


@BOTH
def test_upsampling_to_the_same_size_does_not_write_to_alpha(upsample: Any) -> None:
    alpha = disc(*LOW)
    before = alpha.copy()
    upsample(alpha, portrait(*LOW), refine=False)
    np.testing.assert_array_equal(alpha, before)


@BOTH
def test_feather_softens_the_outline(upsample: Any) -> None:
    image = np.full((*SIZE[::-1], 3), 90, np.uint8)
    alpha = shrunk(disc(*SIZE, 1))
    soft = [
        int(((result > 0.05) & (result < 0.95)).sum())
        for result in (upsample(alpha, image, False, feather) for feather in (0.0, 0.3, 0.6, 1.0))
    ]
    assert soft == sorted(soft)
    assert soft[-1] > 2 * soft[0]


@pytest.mark.parametrize("kind", [np.float32, torch.tensor])
def test_firm_saturates_high_and_low_alpha(kind: Any) -> None:
    values = kind([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
    np.testing.assert_allclose(np.asarray(edges.firm(values)), [0, 0, 0, 0.5, 1, 1, 1], atol=1e-6)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Kernel]:
    return on_the_processor(edges_cuda.SOURCE, edges_cuda.NAMES, tmp_path_factory.mktemp("kernels"))


def scene(seed: int, width: int, height: int, detail: float, softness: float) -> Any:
    """(alpha of the size ``LOW``, picture)."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.random((height, width, 3), np.float32), (0, 0), detail)
    image = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    plane = cv2.GaussianBlur(rng.random(LOW[::-1], np.float32), (0, 0), softness)
    return (2 * cv2.normalize(plane, None, 0, 1, cv2.NORM_MINMAX) - 0.5).clip(0, 1), image


SCENES = {
    "seed": st.integers(0, 2**32 - 1),
    "width": st.integers(353, 700),
    "height": st.integers(193, 420),
    "detail": st.floats(0.3, 8),
    "softness": st.floats(0.5, 15),
}


@settings(max_examples=60, deadline=None)
@given(refine=st.booleans(), feather=st.sampled_from([0.0, 0.3, 1.0]), **SCENES)
def test_cpu_and_torch_agree(refine: bool, feather: float, **scenes: Any) -> None:
    alpha, image = scene(**scenes)
    apart = np.abs(
        edges.upsample(alpha, image, refine, feather) - on_torch(alpha, image, refine, feather)
    )
    # One level of luma, where the two round a tie apart, is worth up to 0.035 at the steepest a.
    assert apart.max() <= (0.035 if refine else 1e-4)
    assert apart.mean() <= 2e-4


@settings(max_examples=40, deadline=None)
@given(**SCENES)
def test_the_kernels_agree_with_both(made: list[Kernel], **scenes: Any) -> None:
    alpha, image = scene(**scenes)
    found = edges_cuda.upsample(made, torch.from_numpy(alpha), torch.from_numpy(image)).numpy()
    for wanted in (edges.upsample(alpha, image), on_torch(alpha, image)):
        apart = np.abs(found - wanted)
        assert apart.max() <= 0.035
        assert apart.mean() <= 2e-4


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (100, 31), (1280, 720)])
def test_the_kernels_take_any_size(made: list[Kernel], size: tuple[int, int]) -> None:
    alpha, image = shrunk(disc(*LOW, 6), (64, 32)), portrait(*size)
    upright = np.ascontiguousarray(image.swapaxes(0, 1)).swapaxes(0, 1)  # laid out otherwise
    wanted = on_torch(alpha, image)
    for laid in (image, upright):
        found = edges_cuda.upsample(made, torch.from_numpy(alpha), torch.from_numpy(laid)).numpy()
        assert np.abs(found - wanted).max() <= 0.035


@pytest.mark.gpu
@needs_cuda
def test_cuda_agrees_with_the_cpu() -> None:
    alpha, image = shrunk(disc(*SIZE, 6)), portrait(*SIZE)
    tensors = torch.from_numpy(alpha).cuda(), torch.from_numpy(image).cuda()
    for refine in (True, False):
        apart = np.abs(
            edges.upsample(alpha, image, refine, 0.2)
            - edges_torch.upsample(*tensors, refine, 0.2).cpu().numpy()
        )
        assert apart.max() <= 0.035
        assert apart.mean() <= 1e-3


@pytest.mark.parametrize("size", [(640, 360), (643, 481), (1280, 720), (1001, 613)])
@pytest.mark.parametrize("low", [(384, 224), (288, 160), (160, 96)])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("refine", [True, False])
def test_the_part_that_is_computed_gives_the_same_as_the_whole_frame(
    size: tuple[int, int],
    low: tuple[int, int],
    seed: int,
    refine: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The filter is applied around the people, in a large frame in tiles along their outline."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros(low[::-1], np.float32)
    for _ in range(seed):  # nobody, then more of them, beyond the frame's edges too
        at = rng.integers(-9, low[0], 2)
        cv2.circle(alpha, tuple(map(int, at)), int(rng.integers(1, 30)), 1, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.5)
    image = cv2.resize(rng.integers(0, 256, (30, 50, 3), np.uint8), size)
    found = edges.upsample(alpha, image, refine)
    monkeypatch.setattr(edges, "_NOTHING", -1)
    lines = edges._lines(alpha, image, refine, 0)
    assert lines.part == (slice(0, size[1]), slice(0, size[0]))
    a, b = (cv2.resize(plane, size) for plane in (lines.a, lines.b))
    np.testing.assert_allclose(found, enlarging._applied(a, b, image), atol=1e-5)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("low", [(384, 224), (288, 160), (160, 96)])
def test_the_half_of_a_picture_serves_as_well(size: tuple[int, int], low: tuple[int, int]) -> None:
    alpha, image = shrunk(disc(*size, 3), low), portrait(*size)
    found = np.asarray(edges.tiled(alpha, image, half=halved(image)))
    apart = np.abs(found - edges.upsample(alpha, image))
    assert apart.max() <= 0.035
    assert apart.mean() <= 2e-4


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_what_is_not_a_number_is_no_person(size: tuple[int, int]) -> None:
    alpha = np.full(LOW[::-1], np.nan, np.float32)
    assert not np.asarray(edges.tiled(alpha, portrait(*size))).any()
