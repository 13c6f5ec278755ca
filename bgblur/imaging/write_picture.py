"""Writes a result as PNG, JPEG, WebP, AVIF, HEIC or JPEG XL."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.errors import OutputError
from bgblur.files import replacing
from bgblur.imaging.pictures import Photo, over_white, to_8_bits, write_png
from bgblur.imaging.plug_ins import register

Format = Literal["png", "jpeg", "webp", "avif", "heic", "jxl"]
ENDINGS: dict[Format, str] = {
    "png": ".png", "jpeg": ".jpg", "webp": ".webp", "avif": ".avif", "heic": ".heic", "jxl": ".jxl",
}  # fmt: skip
_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95},
    "avif": {"quality": 90},
    "heic": {"format": "HEIF", "quality": 90},
    "jxl": {"quality": 95},
}


def write_picture(
    path: Path, picture: NDArray[Any], photo: Photo, kind: Format, *, overwrite: bool
) -> None:
    """``picture``, BGR or BGRA (H, W, 3 or 4), made of ``photo``, with its profile, dates and lens.

    A PNG keeps 16 bits; the others get 8. A JPEG has no transparency and gets white there. The
    file is complete or absent. Raises OutputError; UsageError if ``path`` exists, unless
    ``overwrite``.
    """
    if kind == "png":
        write_png(path, picture, photo.profile, photo.tags, overwrite=overwrite)
        return
    from PIL import Image as Pillow

    register()
    pixels = to_8_bits(picture)
    if kind == "jpeg" and pixels.shape[2] == 4:
        pixels = over_white(pixels[..., :3], pixels[..., 3])
    way = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    about: dict[str, Any] = {"icc_profile": photo.profile} if photo.profile else {}
    exif = dict(photo.tags).get(b"eXIf")
    if exif:
        about["exif"] = b"Exif\0\0" + exif
    options = {"format": kind.upper(), **_OPTIONS[kind], **about}
    try:
        with replacing(path, overwrite=overwrite) as unfinished, unfinished.open("wb") as file:
            Pillow.fromarray(np.asarray(cv2.cvtColor(pixels, way))).save(file, **options)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {path}: {reason}; choose a folder you may write to, with space, or "
            "--format png"
        ) from error
