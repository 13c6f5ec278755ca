"""What cameras and light do to a picture, in five severities.

After ImageNet-C (Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019), with what webcams meet in place of frost and snow. Each
is made from a seed: the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.training.data.sets import Picture, Plane, read_photo
from bgblur.training.evaluate.metrics import Chosen, iou
from bgblur.training.evaluate.predictors import Predictor, letterboxed

SEVERITIES = (1, 2, 3, 4, 5)
CLEAN = "clean"

_GAIN = (0.6, 0.4, 0.25, 0.15, 0.08)  # of the light, in darkness
_READ = (1.5, 3, 5, 7, 9)  # noise of the sensor in levels, as its own gain grows
_SHOT = 0.3  # variance for each level
_BACK = (0.15, 0.3, 0.45, 0.6, 0.75)  # share of the person's light that a bright back takes
_GLARE = (60, 110, 160, 210, 255)  # levels that a window adds at its middle
_MOVED = (0.01, 0.02, 0.035, 0.05, 0.08)  # length of a motion, share of the height
_QUALITY = (30, 20, 13, 8, 5)  # of JPEG
_FLAT = (0.9, 0.75, 0.6, 0.45, 0.3)  # contrast that an infrared camera leaves
_BENT = (0.08, 0.16, 0.25, 0.35, 0.5)  # radial distortion at the corners


@dataclass(frozen=True)
class Sample:
    """``image`` BGR ``uint8`` (H, W, 3), its true alpha (H, W), the pixels that count (H, W)."""

    image: Image
    truth: Plane
    valid: Chosen


Corruption = Callable[[Sample, int, np.random.Generator], Sample]  # index of the severity, 0..4


def _seen(change: Callable[[Image, int, np.random.Generator], Plane]) -> Corruption:
    """A corruption of the image alone; ``change`` gives levels, of which those outside 0..255 are
    cut off."""

    def corrupt(sample: Sample, severity: int, rng: np.random.Generator) -> Sample:
        levels = np.rint(change(sample.image, severity, rng))
        return Sample(np.clip(levels, 0, 255).astype(np.uint8), sample.truth, sample.valid)

    return corrupt


def _darkness(image: Image, severity: int, rng: np.random.Generator) -> Plane:
    levels = image.astype(np.float32) * np.float32(_GAIN[severity])
    sigma = np.sqrt(_READ[severity] ** 2 + _SHOT * levels)
    return levels + sigma * rng.standard_normal(image.shape, dtype=np.float32)


def _backlight(sample: Sample, severity: int, rng: np.random.Generator) -> Sample:
    """The person is in the shade of what is behind, which the exposure makes too bright."""
    del rng
    taken = np.float32(_BACK[severity])
    soft = cv2.GaussianBlur(sample.truth, (0, 0), sample.truth.shape[0] / 100)[..., None]
    gain = (1 + taken) * (1 - soft) + (1 - taken) * soft
    levels = np.clip(np.rint(sample.image * gain), 0, 255)
    return Sample(levels.astype(np.uint8), sample.truth, sample.valid)


def _window(image: Image, severity: int, rng: np.random.Generator) -> Plane:
    """A window whose glare spreads over a part of the picture."""
    height, width = image.shape[:2]
    across, down = float(rng.choice((0.0, 1.0))) * width, float(rng.uniform(0, 0.5)) * height
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    distance = np.hypot(x - across, y - down) / (0.6 * height)
    glare = np.float32(_GLARE[severity]) * np.exp(-(distance**2))
    return np.asarray(image + glare[..., None], np.float32)


def _motion(image: Image, severity: int, rng: np.random.Generator) -> Plane:
    length = max(3, round(_MOVED[severity] * image.shape[0])) | 1
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    middle = (length - 1) / 2, (length - 1) / 2
    turn = cv2.getRotationMatrix2D(middle, float(rng.uniform(0, 180)), 1.0)
    line = np.asarray(cv2.warpAffine(line, turn, (length, length)), np.float32)
    moved = cv2.filter2D(image, cv2.CV_32F, line / line.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _blocks(image: Image, severity: int, rng: np.random.Generator) -> Plane:
    del rng
    quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY[severity]]
    coded = cv2.imencode(".jpg", image, quality)[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.float32)


def _infrared(image: Image, severity: int, rng: np.random.Generator) -> Plane:
    """Grey, flat, lit from the camera and noisy."""
    height, width = image.shape[:2]
    grey = image[..., 2].astype(np.float32)  # the red of skin and cloth is nearest to infrared
    flat = _FLAT[severity] * (grey - 110) + 110
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
    lit = flat * (1 - 0.12 * (severity + 1) * np.minimum(x**2 + y**2, 1))
    noise = (1 + severity) * rng.standard_normal((height, width))
    return np.repeat((lit + noise).astype(np.float32)[..., None], 3, axis=2)


def _fisheye(sample: Sample, severity: int, rng: np.random.Generator) -> Sample:
    """Barrel distortion, r' = r (1 + k r^2); what is beyond the picture is black and not judged."""
    del rng
    height, width = sample.truth.shape
    half = np.hypot(height, width) / 2
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / half
    y = ((np.arange(height, dtype=np.float32) - (height - 1) / 2) / half)[:, None]
    bent = (1 + _BENT[severity] * (x**2 + y**2)).astype(np.float32)
    across = (x * bent * half + (width - 1) / 2).astype(np.float32)
    down = (y * bent * half + (height - 1) / 2).astype(np.float32)

    def moved(plane: Plane | Image, how: int) -> Plane:
        return np.asarray(cv2.remap(plane, across, down, how, borderValue=0))

    judged = moved(sample.valid.astype(np.uint8), cv2.INTER_NEAREST) > 0
    image = moved(sample.image, cv2.INTER_LINEAR).astype(np.uint8)
    return Sample(image, moved(sample.truth, cv2.INTER_LINEAR), judged)


CORRUPTIONS: dict[str, Corruption] = {
    "darkness and noise": _seen(_darkness),
    "backlight": _backlight,
    "overexposed window": _seen(_window),
    "motion blur": _seen(_motion),
    "JPEG blocks": _seen(_blocks),
    "infrared grey": _seen(_infrared),
    "fisheye": _fisheye,
}


def corrupted(sample: Sample, name: str, severity: int, seed: int) -> Sample:
    """``sample`` with the corruption ``name`` of ``severity`` 1..5."""
    return CORRUPTIONS[name](sample, severity - 1, np.random.default_rng(seed))


def iou_by_severity(predict: Predictor, pictures: Sequence[Picture]) -> dict[str, dict[str, float]]:
    """Mean IoU of ``pictures``, letterboxed to 16:9: a row for each corruption, whose columns are
    the severities, and ``clean``."""
    samples = []
    for picture in pictures:
        image, truth, weight = read_photo(picture)
        samples.append(Sample(image, truth, weight > 0))
    clean = _mean_iou(predict, samples)
    rows = {}
    for name in CORRUPTIONS:
        rows[name] = {CLEAN: clean}
        for severity in SEVERITIES:
            changed = (corrupted(s, name, severity, seed) for seed, s in enumerate(samples))
            rows[name][str(severity)] = _mean_iou(predict, changed)
    return rows


def _mean_iou(predict: Predictor, samples: Iterable[Sample]) -> float:
    return float(np.mean([iou(letterboxed(predict, s.image), s.truth, s.valid) for s in samples]))
