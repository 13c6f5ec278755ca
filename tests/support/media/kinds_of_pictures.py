"""One small picture of every kind that ``image`` reads or refuses, with all that may be in it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image as Pillow
from PIL import ImageCms

from bgblur.imaging.plug_ins import register
from support.media.small_files import write_png, write_tiff

WIDTH, HEIGHT = 64, 48


def _noise(channels: int = 3) -> Any:
    smooth = np.linspace(0, 200, WIDTH)[None, :, None] + np.zeros((HEIGHT, 1, channels))
    rough = np.random.default_rng(0).integers(0, 55, (HEIGHT, WIDTH, channels))
    return (smooth + rough).astype(np.uint8)


def _exif() -> bytes:
    exif = Pillow.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "Camera", 6
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0x829D: 1.8, 0xA434: "Lens"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    return exif.tobytes()


def _plain(mode: str = "RGB") -> Any:
    register()
    return Pillow.fromarray(_noise(4 if mode == "RGBA" else 3)).convert(mode)


def _saved(mode: str = "RGB", **options: Any) -> Callable[[Path], object]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    about = {"exif": _exif(), "icc_profile": profile}
    return lambda path: _plain(mode).save(path, **about, **options)


def _several(**options: Any) -> Callable[[Path], object]:
    def save(path: Path) -> None:
        more = [_plain().rotate(turn) for turn in (90, 180)]
        _plain().save(path, save_all=True, append_images=more, **options)

    return save


def _deep(path: Path) -> None:
    samples = _noise().astype(np.uint16) * 257
    pillow_heif.encode("RGB;16", (WIDTH, HEIGHT), samples.tobytes(), path, exif=_exif())


def _tags(path: Path) -> object:
    profile = b"p\0\0" + zlib.compress(bytes(16) + b"RGB " + bytes(200))
    chunks = {
        "cICP": bytes([9, 16, 0, 1]), "iCCP": profile, "gAMA": struct.pack(">I", 45455),
        "cHRM": bytes(32), "eXIf": _exif().removeprefix(b"Exif\0\0"), "tEXt": b"a\0b",
    }  # fmt: skip
    return write_png(path, _noise().astype(np.uint16) * 257, 2, **chunks)


PICTURES: dict[str, Callable[[Path], object]] = {
    "photo.heic": _saved(),
    "clear.heic": _saved("RGBA"),
    "deep.heic": _deep,
    "several.heic": _several(),
    "stream.jxl": _saved(),
    "clear.jxl": _saved("RGBA", use_container=True),
    "gray.jxl": lambda path: _plain("L").save(path, lossless=True),
    "tags.png": _tags,
    "palette.png": lambda path: _plain("P").save(path, transparency=bytes(range(256))),
    "gray.png": lambda path: write_png(path, _noise()[..., 0], 0, tRNS=bytes([0, 90])),
    "several.png": _several(),
    "several.gif": _several(),
    "several.webp": _several(),
    "photo.webp": _saved("RGBA"),
    "several.avif": _several(),
    "photo.avif": _saved("RGBA"),
    "several.tif": _several(),
    "packed.tif": lambda path: _plain("RGBA").save(path, compression="tiff_lzw"),
    "deep.tif": lambda path: write_tiff(path, _noise(4).astype(np.uint16) * 257, 1),
    "photo.jpg": _saved(),
    "cmyk.jpg": _saved("CMYK"),
    "plain.bmp": lambda path: _plain().save(path),
}


def repaired(data: bytes) -> bytes:
    """A PNG with the check sums of its chunks made right, so that damage within is looked at."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    whole, at = bytearray(data), 8
    while at + 12 <= len(whole):
        (length,) = struct.unpack_from(">I", whole, at)
        if at + 12 + length > len(whole):
            break
        end = at + 8 + length
        struct.pack_into(">I", whole, end, zlib.crc32(whole[at + 4 : end]))
        at = end + 4
    return bytes(whole)
