"""Reads picture files upright as BGR; writes PNG."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.errors import OutputError, UsageError
from bgblur.files import behind_link, replacing
from bgblur.frame import Alpha, Image
from bgblur.imaging.orientation import Orientation
from bgblur.imaging.plug_ins import decoded, is_heif, jpeg_xl_size, register
from bgblur.imaging.png_tags import COLOUR_CHUNKS, dates_and_lens
from bgblur.imaging.quiet import quiet_libraries
from bgblur.imaging.several import several_pictures
from bgblur.imaging.stored_alpha import png_chunks, too_short, with_stored_alpha

STEP_16 = 257  # 16-bit levels to one of 8 bits: 65535 / 255
PHOTO_ENDINGS = frozenset([
    ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic",
    ".heif", ".hif", ".jxl",
])  # fmt: skip
_RAW = frozenset([
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
    ".srf", ".srw", ".x3f",
])  # fmt: skip
# Formats whose orientation OpenCV ignores with IMREAD_UNCHANGED.
_NOT_TURNED = {"JPEG", "MPO", "PNG", "WEBP", "AVIF"}
_MOST_HEADER = 2**20  # bytes
_ORIENTATION = 0x0112  # EXIF's tag
_LARGEST_FILE = 2**30  # bytes
_MOST_PIXELS = 2**28  # a tiny file's header may claim any number
_PNG_START = 33  # bytes of signature and IHDR, after which a colour profile may stand


@dataclass(frozen=True)
class Photo:
    """``pixels`` are BGR (H, W, 3), ``uint8`` or ``uint16``, upright. ``opacity`` (H, W) has the
    same type; None if the picture is opaque. ``profile`` is the file's ICC profile for RGB.

    ``tags`` are further chunks for a PNG: what a PNG says of its colours, and date and lens.
    ``several`` is a line for a file with more than this one picture, with what to do; else ""."""

    pixels: NDArray[Any]
    opacity: NDArray[Any] | None = None
    profile: bytes | None = None
    tags: tuple[tuple[bytes, bytes], ...] = ()
    several: str = ""


@quiet_libraries()
def read_photo(path: Path) -> Photo:
    """The picture with its depth, opacity and colour profile. Raises UsageError in one line."""
    if path.suffix.lower() in _RAW:  # OpenCV would read its thumbnail
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
    header = _header(path, data)
    stored = decoded(data.tobytes())
    if stored is None:
        stored = _decoded(data, cv2.IMREAD_UNCHANGED)
    if stored is not None and stored.dtype not in (np.uint8, np.uint16):
        stored = _decoded(data, cv2.IMREAD_COLOR)  # floats of a rendering
    if stored is None:
        raise UsageError(f"cannot read {path}: {_why_not(data)}")
    try:
        stored = with_stored_alpha(stored, data.tobytes())
    except UsageError as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    except Exception as error:  # Pillow, where it decodes what OpenCV has passed
        raise UsageError(f"cannot read {path}: {_why_not(data)}") from error
    if stored.ndim == 2:
        stored = cv2.cvtColor(stored, cv2.COLOR_GRAY2BGR)
    stored = _full_range(stored, data)
    pixels, opacity = np.ascontiguousarray(stored[..., :3]), None
    if stored.shape[2] == 4 and not header.opaque:
        pixels, opacity = without_hidden_colour(stored)
    pixels = header.orientation.apply(pixels)
    if opacity is not None:
        opacity = header.orientation.apply(opacity[..., None])[..., 0]
    return Photo(pixels, opacity, header.profile, header.tags, header.several)


def read_picture(path: Path) -> Image:
    """``uint8`` BGR (H, W, 3), upright; transparent parts are composited over white.

    Raises UsageError for a file that is not a readable picture.
    """
    photo = read_photo(path)
    if photo.opacity is None:
        return to_8_bits(photo.pixels)
    return to_8_bits(over_white(photo.pixels, photo.opacity))


def over_white(pixels: NDArray[Any], opacity: NDArray[Any]) -> NDArray[Any]:
    """``pixels`` (H, W, 3) with straight ``opacity`` (H, W), both of one integer type, on white."""
    cover = opacity[..., None] / np.float32(np.iinfo(opacity.dtype).max)
    white = np.float32(np.iinfo(pixels.dtype).max)
    return np.rint(white + (pixels - white) * cover).astype(pixels.dtype)


def write_png(
    path: Path,
    picture: NDArray[Any],
    profile: bytes | None = None,
    tags: Iterable[tuple[bytes, bytes]] = (),
    *,
    overwrite: bool = False,
) -> None:
    """Write BGR or BGRA ``(H, W, 3 or 4)`` or gray ``(H, W)``, 8 or 16 bits, atomically: the
    file is complete or absent. Raises OutputError; UsageError if ``path`` exists, unless
    ``overwrite``."""
    _, encoded = cv2.imencode(".png", picture)
    data = encoded.tobytes()
    if overwrite:
        path = behind_link(path)
    try:
        with replacing(path, overwrite=overwrite) as unfinished, unfinished.open("wb") as file:
            file.write(data[:_PNG_START])
            for kind, content in tags:
                file.write(_chunk(kind, content))
            if profile is not None:
                file.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
            file.write(data[_PNG_START:])
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; choose a folder you may write to, with space"
        ) from error


def make_folder(path: Path) -> None:
    """Create ``path`` and its parents unless it exists. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {path}: {error.strerror}; choose another"
        ) from error


def to_8_bits(pixels: NDArray[Any]) -> Image:
    """``uint16`` rounded to ``uint8``; ``uint8`` is returned unchanged."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / STEP_16), np.uint8)


def alpha_to_gray(alpha: Alpha) -> NDArray[np.uint8]:
    """Alpha 0..1 to ``uint8`` 0..255, rounded."""
    return np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8)


def _decoded(data: NDArray[np.uint8], flags: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(data, flags)
    except cv2.error:  # an empty file, or a size beyond OpenCV's limit
        return None


def _why_not(data: NDArray[np.uint8]) -> str:
    start = data[:32].tobytes()
    kind, brand = start[4:8], start[8:12]
    if kind == b"ftyp" and brand in {b"avif", b"avis"}:
        return (
            "this AVIF picture cannot be read here; convert it to PNG, for example with "
            '"avifdec IN.avif OUT.png"'
        )
    return "it is not a picture, or it is damaged; convert it to PNG or JPEG"


def _full_range(stored: NDArray[Any], data: NDArray[np.uint8]) -> NDArray[Any]:
    """Scales the 10 or 12 bits of an AVIF file, which OpenCV returns unscaled, to 16 bits."""
    start = data[:12].tobytes()
    if stored.dtype != np.uint16 or start[4:8] != b"ftyp" or is_heif(start):
        return stored
    # The third byte of AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding, 2.3.3)
    # has the depth. There may be several records, one of them for opacity. Depths above 8 bits are
    # 10 bits in all records, or 12 in at least one.
    records = re.finditer(rb"av1C..(.)", data.tobytes(), re.DOTALL)
    bits = 12 if any(record[1][0] & 0x20 for record in records) else 10
    scaled = np.rint(stored * np.float32(65535 / (2**bits - 1)))
    return np.minimum(scaled, 65535).astype(np.uint16)


@dataclass(frozen=True)
class _Header:
    """``orientation`` is the one that OpenCV leaves to apply; ``profile`` the colour profile, if it
    is for RGB; ``opaque`` whether a fourth channel is padding; ``tags`` and ``several`` are those
    of Photo."""

    orientation: Orientation = field(default_factory=Orientation)
    profile: bytes | None = None
    opaque: bool = False
    tags: tuple[tuple[bytes, bytes], ...] = ()
    several: str = ""


def _header(path: Path, data: NDArray[np.uint8]) -> _Header:
    """Raises UsageError for too large a picture, before anything is decoded."""
    from PIL import Image as Pillow

    Pillow.MAX_IMAGE_PIXELS = None  # _check_size has a limit for every kind
    register()
    start = data[:_MOST_HEADER].tobytes()
    _check_size(path, jpeg_xl_size(start))  # Pillow's plug-in decodes it where others look
    try:
        opened = Pillow.open(path)
    except Exception:  # damaged headers make Pillow raise any exception
        _check_length(path, data)
        return _Header()
    with opened as header:
        _check_size(path, header.size)
        _check_length(path, data)
        orientation, tags, several = 1, [], ""
        if header.format == "PNG":
            chunks = png_chunks(start)
            tags = [(kind, chunks[kind]) for kind in COLOUR_CHUNKS if kind in chunks]
        with suppress(Exception):  # each part on its own: one may be damaged
            exif = header.getexif()
            orientation = exif.get(_ORIENTATION, 1)
            if (about := dates_and_lens(exif)) is not None:
                tags.append((b"eXIf", about))
        with suppress(Exception):
            several = several_pictures(header)
        profile = header.info.get("icc_profile") or b""
        return _Header(
            Orientation.of_exif(orientation) if header.format in _NOT_TURNED else Orientation(),
            profile if profile[16:20] == b"RGB " else None,
            header.format == "BMP" and "A" not in header.mode,
            tuple(tags),
            several,
        )


def _check_length(path: Path, data: NDArray[np.uint8]) -> None:
    """Saves the memory for what a damaged file only claims to hold."""
    if too_short(data.tobytes()):
        raise UsageError(f"cannot read {path}: {_why_not(data)}")


def _check_size(path: Path, size: tuple[int, int] | None) -> None:
    count = size[0] * size[1] if size else 0
    if count > _MOST_PIXELS:
        raise UsageError(
            f"cannot read {path}: it has {count / 1e6:.0f} million pixels, and "
            f"{_MOST_PIXELS / 1e6:.0f} are the most; scale it down"
        )


def without_hidden_colour(bgra: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(colour, opacity or None). Fully transparent pixels become white, so that resampling does not
    mix their hidden colour into visible pixels."""
    opacity = bgra[..., 3]
    pixels = np.ascontiguousarray(bgra[..., :3])
    largest = np.iinfo(bgra.dtype).max
    if opacity.min() == largest:
        return pixels, None
    pixels[opacity == 0] = largest
    return pixels, np.ascontiguousarray(opacity)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
