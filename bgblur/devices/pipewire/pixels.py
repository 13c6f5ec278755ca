"""Pictures as PipeWire's cameras lay them out, made BGR."""

from __future__ import annotations

import cv2
import numpy as np

from bgblur.devices.pipewire.formats import MJPG, VideoFormat
from bgblur.frame import Image

# Bytes a pixel of one row, rows a row of the picture, and OpenCV's conversion.
_LAYOUTS: dict[str, tuple[int, float, int | None]] = {
    "I420": (1, 1.5, cv2.COLOR_YUV2BGR_I420),
    "YV12": (1, 1.5, cv2.COLOR_YUV2BGR_YV12),
    "NV12": (1, 1.5, cv2.COLOR_YUV2BGR_NV12),
    "NV21": (1, 1.5, cv2.COLOR_YUV2BGR_NV21),
    "YUY2": (2, 1, cv2.COLOR_YUV2BGR_YUY2),
    "UYVY": (2, 1, cv2.COLOR_YUV2BGR_UYVY),
    "YVYU": (2, 1, cv2.COLOR_YUV2BGR_YVYU),
    "RGBx": (4, 1, cv2.COLOR_RGBA2BGR),
    "RGBA": (4, 1, cv2.COLOR_RGBA2BGR),
    "BGRx": (4, 1, cv2.COLOR_BGRA2BGR),
    "BGRA": (4, 1, cv2.COLOR_BGRA2BGR),
    "RGB": (3, 1, cv2.COLOR_RGB2BGR),
    "BGR": (3, 1, None),
    "GRAY8": (1, 1, cv2.COLOR_GRAY2BGR),
}


def size_of(video: VideoFormat, stride: int) -> int:
    """Bytes of a picture with rows of ``stride`` bytes."""
    per_pixel, rows, _ = _LAYOUTS[video.pixels]
    return int(max(stride, video.width * per_pixel) * video.height * rows)


def to_bgr(data: bytes, video: VideoFormat, stride: int) -> Image | None:
    """BGR ``uint8`` (H, W, 3), or None where ``data`` is no whole picture."""
    if video.pixels == MJPG:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        fits = decoded is not None and decoded.shape[:2] == (video.height, video.width)
        return np.asarray(decoded, np.uint8) if fits else None
    per_pixel, rows, conversion = _LAYOUTS[video.pixels]
    width, height = video.width, video.height
    stride = max(stride, width * per_pixel)
    if len(data) < size_of(video, stride):
        return None
    flat = np.frombuffer(data, np.uint8)[: size_of(video, stride)]
    if rows == 1:
        packed = flat.reshape(height, stride)[:, : width * per_pixel]
        picture = np.ascontiguousarray(packed).reshape(height, width, per_pixel)
    else:
        picture = _planar(flat, video, stride)
    if conversion is None:
        return picture.copy()
    return np.asarray(cv2.cvtColor(picture, conversion), np.uint8)


def _planar(flat: Image, video: VideoFormat, stride: int) -> Image:
    """Without the rests of longer rows: of three planes, the colour's rows are half as long."""
    width, height = video.width, video.height
    if stride == width:
        return flat.reshape(height * 3 // 2, width)
    luma, chroma = flat[: stride * height], flat[stride * height :]
    halves = 1 if video.pixels.startswith("NV") else 2
    rows = chroma.reshape(-1, stride // halves)[:, : width // halves]
    whole = [luma.reshape(height, stride)[:, :width].ravel(), rows.ravel()]
    return np.concatenate(whole).reshape(height * 3 // 2, width)
