"""HEIC, JPEG XL, animations and pages; what a result says of the photo that it was made from."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow
from support.media.known_colors import BLUE, GREEN, RED, WHITE, corners
from support.media.small_files import write_png as png_of_chunks

from bgblur.errors import UsageError
from bgblur.frame import Alpha, Image
from bgblur.imaging.pictures import read_photo, read_picture
from bgblur.imaging.plug_ins import register
from bgblur.imaging.stored_alpha import png_chunks
from bgblur.imaging.write_picture import ENDINGS, Format
from bgblur.offline.images import ImageReport, blur_images


def as_pillow(mode: str = "RGB") -> Any:
    register()
    return Pillow.fromarray(np.ascontiguousarray(corners()[..., ::-1])).convert(mode)


def four(picture: Any) -> Any:
    height, width = picture.shape[:2]
    return np.array([picture[y, x] for y in (8, height - 8) for x in (8, width - 8)], int)


def kept(*paths: Path, out: Path) -> ImageReport:
    def process(picture: Image) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    return blur_images(paths, out, frozenset({"composite"}), process)


@pytest.mark.parametrize("name", ["a.heic", "a.heif", "a.jxl"])
def test_phones_pictures_are_read_with_their_opacity(tmp_path: Path, name: str) -> None:
    as_pillow().save(tmp_path / name, quality=95)
    assert np.abs(four(read_picture(tmp_path / name)) - [RED, GREEN, BLUE, WHITE]).max() <= 12
    clear = as_pillow("RGBA")
    clear.putalpha(Pillow.fromarray(np.full((48, 64), 128, np.uint8)))
    clear.save(tmp_path / f"clear{name}", quality=95)
    opacity = read_photo(tmp_path / f"clear{name}").opacity
    assert opacity is not None
    assert abs(int(opacity[20, 20]) - 128) <= 2


def test_a_turned_heic_is_upright_once(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    as_pillow().save(tmp_path / "a.heic", exif=exif.tobytes(), quality=95)
    picture = read_picture(tmp_path / "a.heic")
    with Pillow.open(tmp_path / "a.heic") as file:
        assert picture.shape[1::-1] == file.size
    assert np.abs(four(picture) - [BLUE, RED, WHITE, GREEN]).max() <= 12


def test_a_deep_heic_has_16_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None].repeat(64, 0).repeat(3, 2)
    pillow_heif.encode("RGB;16", (256, 64), ramp.tobytes(), tmp_path / "a.heic", quality=-1)
    pixels = read_photo(tmp_path / "a.heic").pixels
    assert pixels.dtype == np.uint16
    assert len(np.unique(pixels[32, :, 1])) > 200
    assert np.abs(pixels[32].astype(int) - ramp[32]).max() < 700  # one percent


def exif_with_place() -> Any:
    exif = Pillow.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "Camera", 1
    exif.get_ifd(0x8769).update(
        {0x9003: "2024:05:06 07:08:09", 0x829D: 1.8, 0xA434: "Lens", 0x927C: b"NOTE 48.1N"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    return exif


@pytest.mark.parametrize("name", ["a.jpg", "a.heic", "a.webp", "a.png"])
def test_date_and_lens_are_kept_and_the_place_is_not(tmp_path: Path, name: str) -> None:
    as_pillow().save(tmp_path / name, exif=exif_with_place().tobytes())
    assert kept(tmp_path / name, out=tmp_path / "out").problems == []
    data = (tmp_path / "out" / "a.png").read_bytes()
    with Pillow.open(tmp_path / "out" / "a.png") as file:
        exif = file.getexif()
    details = exif.get_ifd(0x8769)
    assert (exif[0x010F], exif[0x0110]) == ("Maker", "Camera")
    assert (details[0x9003], details[0xA434]) == ("2024:05:06 07:08:09", "Lens")
    assert dict(exif.get_ifd(0x8825)) == {}
    assert b"NOTE" not in data
    assert 0x0112 not in exif


def test_colour_tags_of_a_png_are_kept(tmp_path: Path) -> None:
    tags = {"cICP": bytes([12, 13, 0, 1]), "gAMA": struct.pack(">I", 45455), "cHRM": bytes(32)}
    path = png_of_chunks(tmp_path / "a.png", corners(), 2, **tags)
    assert kept(path, out=tmp_path / "out").problems == []
    chunks = png_chunks((tmp_path / "out" / "a.png").read_bytes())
    assert {name: chunks[name.encode()] for name in tags} == tags


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("a.gif", "bgblur-cam video"),
        ("a.png", "bgblur-cam video"),
        ("a.webp", "convert it to GIF or APNG"),
        ("a.tif", "split it into its pages"),
    ],
)
def test_several_pictures_are_one_line(tmp_path: Path, name: str, fix: str) -> None:
    shades = [Pillow.new("RGB", (64, 48), (shade, 0, 0)) for shade in (50, 100, 200)]
    shades[0].save(tmp_path / name, save_all=True, append_images=shades[1:])
    (problem,) = kept(tmp_path / name, out=tmp_path / "out").problems
    assert "it has 3 pictures, not one" in problem
    assert fix in problem
    assert list((tmp_path / "out").iterdir()) == []
    assert read_picture(tmp_path / name).shape == (48, 64, 3)  # as a background, its first


def test_a_preview_within_a_tiff_is_no_second_page(tmp_path: Path) -> None:
    whole, small = as_pillow(), as_pillow().resize((16, 12))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    whole.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    with Pillow.open(tmp_path / "a.tif") as file:
        assert getattr(file, "n_frames", 1) == 2
    assert kept(tmp_path / "a.tif", out=tmp_path / "out").problems == []


@pytest.mark.parametrize("kind", ENDINGS)
def test_results_in_every_format(tmp_path: Path, kind: Format) -> None:
    clear = as_pillow("RGBA")
    clear.putalpha(Pillow.fromarray(np.full((48, 64), 128, np.uint8)))
    clear.save(tmp_path / "a.png", exif=exif_with_place().tobytes())

    def process(picture: Image) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    out = tmp_path / "out"
    report = blur_images([tmp_path / "a.png"], out, frozenset({"composite"}), process, kind=kind)
    assert report.written == [out / f"a{ENDINGS[kind]}"]
    register()
    with Pillow.open(report.written[0]) as file:
        assert file.format == {"heic": "HEIF"}.get(kind, kind.upper())
        assert file.getexif().get_ifd(0x8769)[0xA434] == "Lens"
        assert dict(file.getexif().get_ifd(0x8825)) == {}
    photo = read_photo(report.written[0])
    if kind == "jpeg":
        white = [[round((c + 255) / 2) for c in color] for color in (RED, GREEN, BLUE, WHITE)]
        assert np.abs(four(photo.pixels) - white).max() <= 4
        assert photo.opacity is None
        return
    assert np.abs(four(photo.pixels) - [RED, GREEN, BLUE, WHITE]).max() <= 14
    assert photo.opacity is not None
    assert abs(int(photo.opacity[20, 20]) - 128) <= 2


def test_a_jpeg_cannot_be_a_cut_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a JPEG has no transparency"):
        blur_images([tmp_path / "a.png"], tmp_path, frozenset({"cutout"}), lambda p: p, kind="jpeg")  # type: ignore[arg-type,return-value]
