from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, features
from support.media.known_colors import BLUE, GREEN, RED, UPRIGHT, WHITE, corners

from bgblur.errors import UsageError
from bgblur.imaging.pictures import read_photo, read_picture, to_8_bits, write_png


def four(picture: Any) -> Any:
    height, width = picture.shape[:2]
    return [picture[y, x].tolist() for y in (8, height - 8) for x in (8, width - 8)]


def as_pillow() -> Pillow.Image:
    return Pillow.fromarray(np.ascontiguousarray(corners()[..., ::-1]))


SAVE: dict[str, Callable[[Path], None]] = {
    "palette.png": lambda path: as_pillow().convert("P").save(path),
    "palette.gif": lambda path: as_pillow().save(path),
    "cmyk.jpg": lambda path: as_pillow().convert("CMYK").save(path, quality=95),
    "cmyk.tif": lambda path: as_pillow().convert("CMYK").save(path),
    "plain.webp": lambda path: as_pillow().save(path, lossless=True),
    "plain.bmp": lambda path: as_pillow().save(path),
    "opaque.png": lambda path: as_pillow().convert("RGBA").save(path),
    "deep.png": lambda path: write_png(path, corners().astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", SAVE)
def test_every_kind_has_its_colors(tmp_path: Path, name: str) -> None:
    SAVE[name](tmp_path / name)
    photo = read_photo(tmp_path / name)
    assert photo.opacity is None
    assert photo.pixels.dtype == (np.uint16 if name == "deep.png" else np.uint8)
    shown = np.array(four(to_8_bits(photo.pixels)))
    assert np.abs(shown - [RED, GREEN, BLUE, WHITE]).max() <= 3
    assert (read_picture(tmp_path / name) == to_8_bits(photo.pixels)).all()


@pytest.mark.skipif(not features.check("avif"), reason="Pillow cannot write AVIF here")
def test_avif_is_read_upright_or_refused_in_one_line(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    as_pillow().save(tmp_path / "a.avif", exif=exif, quality=95)
    if not cv2.haveImageReader(str(tmp_path / "a.avif")):
        with pytest.raises(UsageError, match="avifdec"):
            read_photo(tmp_path / "a.avif")
        return
    picture = read_photo(tmp_path / "a.avif").pixels
    assert np.abs(np.array(four(picture)) - [BLUE, RED, WHITE, GREEN]).max() <= 12


@pytest.mark.skipif(not cv2.haveImageWriter("a.avif"), reason="OpenCV cannot write AVIF here")
@pytest.mark.parametrize("bits", [10, 12])
def test_deep_avif(tmp_path: Path, bits: int) -> None:
    levels = np.rint(corners() / 255 * (2**bits - 1)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.avif"), levels, [cv2.IMWRITE_AVIF_DEPTH, bits])
    photo = read_photo(tmp_path / "a.avif")
    assert photo.pixels.dtype == np.uint16
    shown = np.array(four(to_8_bits(photo.pixels)))
    assert np.abs(shown - [RED, GREEN, BLUE, WHITE]).max() <= 12


def test_padding_of_a_bmp_is_not_opacity(tmp_path: Path) -> None:
    padded = np.dstack((corners(), np.zeros((48, 64), np.uint8)))[::-1]  # from the bottom up
    masks = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    sizes = struct.pack("<IiiHHIIiiII", 40, 64, 48, 1, 32, 3, padded.size, 0, 0, 0, 0)
    start = struct.pack("<2sIHHI", b"BM", 66 + padded.size, 0, 0, 66)
    (tmp_path / "a.bmp").write_bytes(start + sizes + masks + padded.tobytes())
    photo = read_photo(tmp_path / "a.bmp")
    assert photo.opacity is None
    assert (np.array(four(photo.pixels)) == [RED, GREEN, BLUE, WHITE]).all()


@pytest.mark.parametrize("ending", ["png", "webp", "jpg", "tif"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(tmp_path: Path, orientation: int, ending: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    as_pillow().save(tmp_path / f"a.{ending}", exif=exif, quality=98, lossless=True)
    picture = read_photo(tmp_path / f"a.{ending}").pixels
    assert picture.shape[:2] == ((64, 48) if orientation >= 5 else (48, 64))
    assert np.abs(np.array(four(picture)) - np.array(UPRIGHT[orientation])).max() <= 8


def test_opacity_is_turned_too_and_hides_no_color(tmp_path: Path) -> None:
    rgba = np.dstack((corners()[..., ::-1], np.full((48, 64), 255, np.uint8)))
    rgba[:24, :32, 3], rgba[:24, 32:, 3] = 0, 100
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(rgba).save(tmp_path / "a.png", exif=exif)
    photo = read_photo(tmp_path / "a.png")
    assert photo.opacity is not None
    assert four(photo.opacity) == [255, 0, 255, 100]
    assert four(photo.pixels) == [list(c) for c in (BLUE, WHITE, WHITE, GREEN)]  # red was hidden


def test_16_bits_and_their_opacity_are_kept(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(1, 65536, (5, 7, 4), np.uint16)
    write_png(tmp_path / "a.png", deep)
    photo = read_photo(tmp_path / "a.png")
    assert photo.opacity is not None
    np.testing.assert_array_equal(photo.pixels, deep[..., :3])
    np.testing.assert_array_equal(photo.opacity, deep[..., 3])


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_a_color_profile_goes_from_file_to_file(tmp_path: Path, ending: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    as_pillow().save(tmp_path / f"a.{ending}", icc_profile=profile)
    photo = read_photo(tmp_path / f"a.{ending}")
    assert photo.profile == profile
    write_png(tmp_path / "out.png", photo.pixels, photo.profile)
    with Pillow.open(tmp_path / "out.png") as out:
        out.load()
        assert out.info["icc_profile"] == profile
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out.png")), photo.pixels)


def test_a_profile_that_is_not_for_rgb_is_left_out(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    as_pillow().convert("CMYK").save(tmp_path / "a.jpg", icc_profile=lab)
    assert read_photo(tmp_path / "a.jpg").profile is None


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is damaged"),
        ("a.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "it is damaged"),
        ("a.avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "avifdec"),
        ("a.DNG", b"II*\0 whatever", "darktable"),
        ("a.cr3", b"\0\0\0\x18ftypcrx ", "raw"),
        ("a.png", b"\x89PNG\r\n\x1a\n and then nothing", "not a picture"),
    ],
)
def test_an_unreadable_picture_is_one_line_with_a_fix(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=says) as caught:
        read_photo(tmp_path / name)
    assert str(caught.value).startswith(f"cannot read {tmp_path / name}: ")
    assert "\n" not in str(caught.value)


def test_16_to_8_bits_is_the_nearest() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(to_8_bits(levels), np.rint(levels / 257).astype(np.uint8))
