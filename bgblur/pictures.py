"""Picture files: read upright as BGR, written as PNG."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.errors import OutputError, UsageError
from bgblur.frame import Image


def read_picture(path: Path) -> Image:
    """``uint8`` BGR, turned as its EXIF data says; what is transparent lies on white.

    Raises UsageError for what is not a readable picture.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the name") from error
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)  # 8 bits, three channels, upright
        whole = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:  # an empty file, or a size beyond all measure
        picture = whole = None
    if picture is None or whole is None:
        raise UsageError(
            f"cannot read {path}: it is not a picture, or it is damaged; convert it to PNG or JPEG"
        )
    if whole.ndim == 3 and whole.shape[2] == 4:
        return _on_white(whole)
    return picture.astype(np.uint8, copy=False)


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """BGR ``(H, W, 3)`` or gray ``(H, W)``; the file appears whole or not at all."""
    _, data = cv2.imencode(".png", picture)
    unfinished = path.with_name(f".bgblur-{secrets.token_hex(4)}.png")
    try:
        unfinished.write_bytes(data.tobytes())
        unfinished.replace(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; choose a folder you may write to, with space"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """With its parents, unless it exists. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {path}: {error.strerror}; choose another"
        ) from error


def _on_white(bgra: NDArray[Any]) -> Image:
    largest = {"uint8": 255, "uint16": 65535}.get(bgra.dtype.name, 1)  # else float, 0..1
    scaled = bgra.astype(np.float32) / largest
    color, alpha = scaled[..., :3], scaled[..., 3:]
    return np.rint(255 * (color * alpha + 1 - alpha)).clip(0, 255).astype(np.uint8)
