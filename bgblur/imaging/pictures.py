"""Picture files: read upright as BGR, written as PNG."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.errors import OutputError, UsageError
from bgblur.files import replacing
from bgblur.frame import Alpha, Image
from bgblur.imaging.upright import Turn

STEP_16 = 257  # 16-bit levels to one of 8 bits: 65535 / 255
PHOTO_ENDINGS = frozenset([
    ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic",
    ".heif", ".hif",
])  # fmt: skip
_RAW = frozenset([
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
    ".srf", ".srw", ".x3f",
])  # fmt: skip
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# Where OpenCV leaves the turning to us when it reads a file as it is.
_TURNED_HERE = {"JPEG", "MPO", "PNG", "WEBP", "AVIF"}
_ORIENTATION = 0x0112  # EXIF's tag
_LARGEST_FILE = 2**30  # bytes
_MOST_PIXELS = 2**28  # a tiny file may claim any number of them
_PNG_START = 33  # bytes of signature and IHDR, after which a colour profile may stand


@dataclass(frozen=True)
class Photo:
    """``pixels`` BGR (H, W, 3), ``uint8`` or ``uint16``, upright; ``opacity`` (H, W) of the same
    type if anything is transparent; ``profile`` the file's own ICC profile for RGB."""

    pixels: NDArray[Any]
    opacity: NDArray[Any] | None = None
    profile: bytes | None = None


def read_photo(path: Path) -> Photo:
    """All that the file holds and a result can keep. Raises UsageError in one line."""
    if path.suffix.lower() in _RAW:  # OpenCV would take its thumbnail for the picture
        raise UsageError(
            f"cannot read {path}: camera raw files are not read; develop it into a JPEG, or a "
            "16-bit PNG or TIFF, with darktable or RawTherapee"
        )
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may have no end
            raise UsageError(f"cannot read {path}: it is not a file; check the name")
        if path.stat().st_size > _LARGEST_FILE:
            raise UsageError(f"cannot read {path}: it is too large for a picture; check the name")
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the name") from error
    header = _header(path)
    if header.count > _MOST_PIXELS:
        raise UsageError(
            f"cannot read {path}: it has {header.count / 1e6:.0f} million pixels, and "
            f"{_MOST_PIXELS / 1e6:.0f} are the most; scale it down"
        )
    stored = _decoded(data, cv2.IMREAD_UNCHANGED)
    if stored is not None and stored.dtype not in (np.uint8, np.uint16):
        stored = _decoded(data, cv2.IMREAD_COLOR)  # floats of a rendering
    if stored is None:
        raise UsageError(f"cannot read {path}: {_why_not(data)}")
    if stored.ndim == 2:
        stored = cv2.cvtColor(stored, cv2.COLOR_GRAY2BGR)
    stored = _in_all_of_16_bits(stored, data)
    pixels, opacity = np.ascontiguousarray(stored[..., :3]), None
    if stored.shape[2] == 4 and not header.opaque:
        pixels, opacity = _with_nothing_hidden(stored)
    pixels = header.turn.apply(pixels)
    if opacity is not None:
        opacity = header.turn.apply(opacity[..., None])[..., 0]
    return Photo(pixels, opacity, header.profile)


def read_picture(path: Path) -> Image:
    """``uint8`` BGR, turned as its EXIF data says; what is transparent lies on white.

    Raises UsageError for what is not a readable picture.
    """
    photo = read_photo(path)
    if photo.opacity is None:
        return to_8_bits(photo.pixels)
    cover = photo.opacity[..., None] / np.float32(np.iinfo(photo.opacity.dtype).max)
    white = np.float32(np.iinfo(photo.pixels.dtype).max)
    on_white = np.rint(white + (photo.pixels - white) * cover)
    return to_8_bits(on_white.astype(photo.pixels.dtype))


def write_png(path: Path, picture: NDArray[Any], profile: bytes | None = None) -> None:
    """BGR or BGRA ``(H, W, 3 or 4)`` or gray ``(H, W)``, 8 or 16 bits; the file appears whole or
    not at all. Raises OutputError."""
    _, encoded = cv2.imencode(".png", picture)
    data = encoded.tobytes()
    try:
        with replacing(path) as unfinished, unfinished.open("wb") as file:
            file.write(data[:_PNG_START])
            if profile is not None:
                file.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
            file.write(data[_PNG_START:])
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; choose a folder you may write to, with space"
        ) from error


def make_folder(path: Path) -> None:
    """With its parents, unless it exists. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {path}: {error.strerror}; choose another"
        ) from error


def to_8_bits(pixels: NDArray[Any]) -> Image:
    """``uint16`` to the nearest ``uint8``; ``uint8`` as it is."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / STEP_16), np.uint8)


def alpha_to_gray(alpha: Alpha) -> NDArray[np.uint8]:
    """Alpha 0..1 to ``uint8`` 0..255, rounded."""
    return np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8)


def _decoded(data: NDArray[np.uint8], flags: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(data, flags)
    except cv2.error:  # an empty file, or a size beyond all measure
        return None


def _why_not(data: NDArray[np.uint8]) -> str:
    start = data[:32].tobytes()
    kind, brand = start[4:8], start[8:12]
    if kind == b"ftyp" and brand in _HEIC_BRANDS:
        return (
            "HEIC pictures are not read; convert it to JPEG, for example with "
            '"heif-convert IN.heic OUT.jpg", or let the phone take "Most Compatible" photos'
        )
    if kind == b"ftyp" and brand in {b"avif", b"avis"}:
        return (
            "this AVIF picture cannot be read here; convert it to PNG, for example with "
            '"avifdec IN.avif OUT.png"'
        )
    return "it is not a picture, or it is damaged; convert it to PNG or JPEG"


def _in_all_of_16_bits(stored: NDArray[Any], data: NDArray[np.uint8]) -> NDArray[Any]:
    """Levels of 10 or 12 bits, which OpenCV gives as an AVIF file has them, as those of 16."""
    if stored.dtype != np.uint16 or data[4:8].tobytes() != b"ftyp":
        return stored
    # AV1CodecConfigurationRecord (AV1 in ISO base media files, 2.3.3): its third byte. There may be
    # several, as for the opacity; of those with more than 8 bits one is 12 or all are 10.
    records = re.finditer(rb"av1C..(.)", data.tobytes(), re.DOTALL)
    bits = 12 if any(record[1][0] & 0x20 for record in records) else 10
    scaled = np.rint(stored * np.float32(65535 / (2**bits - 1)))
    return np.minimum(scaled, 65535).astype(np.uint16)


@dataclass(frozen=True)
class _Header:
    """``turn`` is which way is up, where OpenCV does not see to it; ``profile`` the colour profile,
    if it is for RGB; ``count`` how many pixels there are, 0 where that is not to be had; ``opaque``
    whether a fourth channel is padding."""

    turn: Turn = field(default_factory=Turn)
    profile: bytes | None = None
    count: int = 0
    opaque: bool = False


def _header(path: Path) -> _Header:
    from PIL import Image as Pillow

    Pillow.MAX_IMAGE_PIXELS = None  # only headers are read here; OpenCV has a limit of its own
    try:
        with Pillow.open(path) as header:
            orientation = header.getexif().get(_ORIENTATION, 1)
            profile = header.info.get("icc_profile") or b""
            turned_here = header.format in _TURNED_HERE
            count = header.width * header.height
            opaque = header.format == "BMP" and "A" not in header.mode
    except Exception:  # a header Pillow cannot make sense of raises what it likes
        return _Header()
    return _Header(
        Turn.of_exif(orientation) if turned_here else Turn(),
        profile if profile[16:20] == b"RGB " else None,
        count,
        opaque,
    )


def _with_nothing_hidden(bgra: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colour and opacity; what is wholly transparent becomes white, so that no colour kept hidden
    under it is smeared into sight."""
    opacity = bgra[..., 3]
    pixels = np.ascontiguousarray(bgra[..., :3])
    largest = np.iinfo(bgra.dtype).max
    if opacity.min() == largest:
        return pixels, None
    pixels[opacity == 0] = largest
    return pixels, np.ascontiguousarray(opacity)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
