"""Quality measures of alpha mattes. All take ``float32`` alpha (H, W) in 0..1.

``valid``: the pixels that count; all by default.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha

_TOLERANCE = 0.006  # of an outline, as a share of the diagonal
_SURE = 0.95  # a higher alpha is the person, one below 1 - _SURE is the room

_BELL = cv2.getGaussianKernel(11, 1.4)
_SLOPE = _BELL * np.arange(-5, 6)[:, None] / 1.4**2  # its derivative, for correlation

Chosen = NDArray[np.bool_]  # (H, W), the pixels that count


def iou(alpha: Alpha, truth: Alpha, valid: Chosen | None = None) -> float:
    """Intersection over union at threshold 0.5; 1 if both are empty."""
    a, b = alpha > 0.5, truth > 0.5
    if valid is not None:
        a, b = a & valid, b & valid
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0


def mad(alpha: Alpha, truth: Alpha, valid: Chosen | None = None) -> float:
    """Mean absolute difference."""
    difference = np.abs(alpha - truth)
    if valid is not None:
        difference = difference[valid]
    return float(difference.mean()) if difference.size else 0.0


def band_mad(alpha: Alpha, truth: Alpha, valid: Chosen | None = None) -> float:
    """MAD in the unknown band of the trimap: where the truth is neither 0 nor 1, and at outlines,
    widened by 0.6 % of the diagonal (Rhemann et al. 2009 judge mattes in such a band)."""
    return mad(alpha, truth, _band(truth, valid))


def band_gradient(alpha: Alpha, truth: Alpha, valid: Chosen | None = None) -> float:
    """The gradient error of Rhemann et al. 2009 in the band of ``band_mad``, so that strands count:
    1000 times the mean square of the difference of the gradients' lengths, which are of Gaussian
    derivatives with a sigma of 1.4 pixels. Ignored pixels count as background in both."""
    band = _band(truth, valid)
    if not band.any():
        return 0.0
    if valid is not None:
        alpha, truth = alpha * valid, truth * valid
    return 1000 * float(np.mean((_steepness(alpha) - _steepness(truth))[band] ** 2))


def boundary_f(
    alpha: Alpha,
    truth: Alpha,
    valid: Chosen | None = None,
    tolerance: float = _TOLERANCE,
) -> float:
    """F-measure of the two outlines (Csurka et al. 2013), tolerance as a share of the diagonal.

    Ignored pixels count as background in both, as in ``iou``. Dropping only the outlines inside
    them would count a true outline within an ignored rim as an error.
    """
    kernel = _disc(tolerance, alpha)
    person, true_person = alpha > 0.5, truth > 0.5
    if valid is not None:
        person, true_person = person & valid, true_person & valid
    a, b = _outline(person), _outline(true_person)
    if not a.any() and not b.any():
        return 1.0
    precision = float((a & cv2.dilate(b, kernel)).sum()) / max(1, int(a.sum()))
    recall = float((b & cv2.dilate(a, kernel)).sum()) / max(1, int(b.sum()))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _band(truth: Alpha, valid: Chosen | None) -> Chosen:
    soft = ((truth >= 1 - _SURE) & (truth <= _SURE)).astype(np.uint8)
    kernel = _disc(_TOLERANCE, truth)
    band = np.asarray(cv2.dilate(np.maximum(soft, _outline(truth > 0.5)), kernel)) > 0
    return band if valid is None else band & valid


def _steepness(plane: Alpha) -> Alpha:
    across, down = (
        cv2.sepFilter2D(plane, cv2.CV_32F, *kernels, borderType=cv2.BORDER_REPLICATE)
        for kernels in ((_SLOPE, _BELL), (_BELL, _SLOPE))
    )
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _disc(tolerance: float, plane: Alpha) -> NDArray[np.uint8]:
    """A disc whose radius is ``tolerance`` of the plane's diagonal."""
    pixels = max(1, round(tolerance * float(np.hypot(*plane.shape))))
    side = 2 * pixels + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _outline(mask: Chosen) -> NDArray[np.uint8]:
    bits = mask.astype(np.uint8)
    return bits - cv2.erode(bits, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)


def dtssd(alphas: Sequence[Alpha], truths: Sequence[Alpha]) -> float:
    """Flicker (Erofeev et al. 2015): how much alpha and truth change differently between frames.

    100 times the mean over frames of the RMS difference between the two changes.
    """
    frames = [
        float(np.sqrt(np.mean(((alphas[t] - alphas[t - 1]) - (truths[t] - truths[t - 1])) ** 2)))
        for t in range(1, len(alphas))
    ]
    return 100 * float(np.mean(frames)) if frames else 0.0
