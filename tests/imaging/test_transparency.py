"""Every kind of transparent picture: its opacity is read, its visible colours are straight, and a
colour that the file hides is never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import features
from support.media.small_files import write_png, write_tiff

from bgblur.errors import UsageError
from bgblur.imaging.pictures import read_photo, read_picture

SHADE, HALF, HIDDEN = 90, 120, 200  # gray: opaque, half transparent, and fully transparent


def straight(gray: bool = False) -> Any:
    """Three bands of 8 rows: opaque, half transparent, hidden. RGBA or gray with alpha."""
    shades = np.array([SHADE, HALF, HIDDEN], np.uint8).repeat(8)[:, None].repeat(16, 1)
    cover = np.array([255, 128, 0], np.uint8).repeat(8)[:, None].repeat(16, 1)
    return np.dstack((shades, cover) if gray else (shades, shades, shades, cover))


def associated(gray: bool = False) -> Any:
    whole = straight(gray).astype(int)
    return np.concatenate((whole[..., :-1] * whole[..., -1:] // 255, whole[..., -1:]), 2)


def deep(pixels: Any) -> Any:
    return pixels.astype(np.uint16) * 257


def palette() -> Any:
    picture = Pillow.fromarray(np.arange(3, dtype=np.uint8).repeat(8)[:, None].repeat(16, 1), "P")
    picture.putpalette([SHADE] * 3 + [HALF] * 3 + [HIDDEN] * 3)
    return picture


SAVE: dict[str, Callable[[Path], Any]] = {
    "rgba.png": lambda path: Pillow.fromarray(straight()).save(path),
    "la.png": lambda path: Pillow.fromarray(straight(gray=True), "LA").save(path),
    "palette.png": lambda path: palette().save(path, transparency=bytes([255, 128, 0])),
    "deep.png": lambda path: write_png(path, deep(straight()), 6),
    "straight.tif": lambda path: write_tiff(path, straight(), 2),
    "associated.tif": lambda path: write_tiff(path, associated().astype(np.uint8), 1),
    "gray.tif": lambda path: write_tiff(path, straight(gray=True), 2),
    "deep.tif": lambda path: write_tiff(path, deep(straight()), 2),
    "deep_associated.tif": lambda path: write_tiff(path, deep(associated()), 1),
    "a.webp": lambda path: Pillow.fromarray(straight()).save(path, lossless=True, exact=True),
}
if features.check("avif"):
    SAVE["a.avif"] = lambda path: Pillow.fromarray(straight()).save(path, quality=100)
# One shade, or one colour, is transparent; there is no half.
ONE_SHADE: dict[str, Callable[[Path], Any]] = {
    "gray.png": lambda path: write_png(path, straight()[..., 0], 0, tRNS=bytes([0, HIDDEN])),
    "deep_gray.png": lambda path: write_png(
        path, deep(straight()[..., 0]), 0, tRNS=bytes([HIDDEN, HIDDEN])
    ),
    "color.png": lambda path: write_png(path, straight()[..., :3], 2, tRNS=bytes([0, HIDDEN] * 3)),
    "a.gif": lambda path: palette().save(path, transparency=2),
}


@pytest.mark.parametrize("name", [*SAVE, *ONE_SHADE])
def test_opacity_is_read_and_colours_are_straight(tmp_path: Path, name: str) -> None:
    (SAVE | ONE_SHADE)[name](tmp_path / name)
    photo = read_photo(tmp_path / name)
    assert photo.opacity is not None
    unit = np.iinfo(photo.pixels.dtype).max // 255
    middle = 255 if name in ONE_SHADE else 128
    assert np.abs(photo.opacity[4::8, 8] / unit - [255, middle, 0]).max() <= 1
    shown = photo.pixels[4::8, 8] / unit
    assert np.abs(shown[:2] - [[SHADE] * 3, [HALF] * 3]).max() <= 2
    assert (shown[2] == 255).all()  # nothing of the hidden colour
    over_white = read_picture(tmp_path / name)[4::8, 8].astype(int)
    mixed = HALF if name in ONE_SHADE else 255 + (HALF - 255) * 128 / 255
    assert np.abs(over_white - np.array([[SHADE], [mixed], [255]])).max() <= 2


def test_samples_that_are_no_alpha_hide_nothing(tmp_path: Path) -> None:
    photo = read_photo(write_tiff(tmp_path / "a.tif", straight(), 0))
    assert photo.opacity is None
    assert (photo.pixels[4::8, 8] == np.array([[SHADE], [HALF], [HIDDEN]])).all()


def test_a_kind_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", deep(straight(gray=True)), 2)
    with pytest.raises(UsageError, match="16 bits and transparency is not read; convert it to PNG"):
        read_photo(path)
