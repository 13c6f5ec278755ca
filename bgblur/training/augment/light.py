"""Simulates light and cameras: tone, noise, blur and codecs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.training.augment.chances import LIGHT, Light
from bgblur.training.augment.patterns import Generator


def change_light(image: Image, rng: Generator) -> Image:
    """Apply each of ``_CHANGES`` at its chance. ``image``: BGR ``uint8`` (H, W, 3), even sides."""
    for chance, change in _CHANGES:
        if rng.random() < chance(LIGHT):
            image = change(image, rng)
    return image


def _tone(image: Image, rng: Generator) -> Image:
    """Exposure, contrast, gamma and white balance in one look-up table per channel."""
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    levels = np.repeat(levels ** float(rng.uniform(*LIGHT.gamma)), 3, axis=1)
    contrast = float(rng.uniform(*LIGHT.contrast))
    levels = (levels - 0.5) * contrast + 0.5 + float(rng.uniform(*LIGHT.brightness))
    levels *= rng.uniform(*LIGHT.balance, 3)
    table = np.clip(levels * 255, 0, 255).astype(np.uint8)
    return cv2.LUT(image, np.ascontiguousarray(table[None]))


def _saturation(image: Image, rng: Generator) -> Image:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    keep = 0.0 if rng.random() < LIGHT.grey else float(rng.uniform(*LIGHT.saturation_gain))
    return cv2.addWeighted(image, keep, grey, 1 - keep, 0)


def _dark_and_noisy(image: Image, rng: Generator) -> Image:
    dimmed = image.astype(np.float32) * float(LIGHT.draw_dim(rng, 1)[0])
    sigma = float(rng.uniform(*LIGHT.noise_sigma))
    noise = rng.standard_normal(image.shape, dtype=np.float32) * sigma
    return np.clip(dimmed + noise, 0, 255).astype(np.uint8)


def _blur(image: Image, rng: Generator) -> Image:
    return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(*LIGHT.blur_sigma)))


def _motion_blur(image: Image, rng: Generator) -> Image:
    """Movement while the shutter is open: the mean along a line in a random direction."""
    length = LIGHT.draw_motion_length(rng, image.shape[0])
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    centre = ((length - 1) / 2, (length - 1) / 2)
    turn = cv2.getRotationMatrix2D(centre, float(rng.uniform(*LIGHT.motion_angle)), 1.0)
    line = np.asarray(cv2.warpAffine(line, turn, (length, length)), np.float32)
    return np.asarray(cv2.filter2D(image, -1, line / line.sum()), np.uint8)


def _video_codec(image: Image, rng: Generator) -> Image:
    """Artefacts of H.264 at a low bit rate. Rows and columns must be even."""
    import av  # here: training on a GPU does not need it

    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = image.shape[:2]
    encoder.pix_fmt, encoder.time_base, encoder.thread_count = "yuv420p", Fraction(1, 30), 1
    encoder.options = {"preset": "ultrafast", "crf": str(int(rng.integers(*LIGHT.codec_crf)))}
    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
    packets = encoder.encode(frame.reformat(format="yuv420p")) + encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1  # several threads would delay the picture
    decoded = [picture for packet in packets for picture in decoder.decode(packet)]
    decoded += decoder.decode(None)
    return np.ascontiguousarray(decoded[0].to_ndarray(format="bgr24"))


def _jpeg(image: Image, rng: Generator) -> Image:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*LIGHT.jpeg_quality))]
    encoded = cv2.imencode(".jpg", image, quality)[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


_CHANGES: tuple[tuple[Callable[[Light], float], Callable[[Image, Generator], Image]], ...] = (
    (lambda light: light.tone, _tone),
    (lambda light: light.saturation, _saturation),
    (lambda light: light.dark, _dark_and_noisy),
    (lambda light: light.blur, _blur),
    (lambda light: light.motion, _motion_blur),
    (lambda light: light.jpeg, _jpeg),
    (lambda light: light.codec, _video_codec),
)
