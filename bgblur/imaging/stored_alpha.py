"""Transparency that OpenCV drops or premultiplies: PNG's transparent gray, TIFF's extra samples."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.errors import UsageError
from bgblur.imaging.orientation import Orientation

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {2: 3, 4: 2, 6: 4}  # by colour type
_MOST_DEFLATED = 1032  # bytes that one byte of Deflate (RFC 1951) can stand for
_MOST_MISSING = 2**26  # bytes of a chunk that may be cut off
_BITS, _SAMPLES, _EXTRA = 258, 277, 338  # TIFF tags: BitsPerSample, SamplesPerPixel, ExtraSamples
_ORIENTATION = 274
_ASSOCIATED = 1


def with_stored_alpha(stored: NDArray[Any], data: bytes) -> NDArray[Any]:
    """``stored`` as OpenCV decoded it from ``data``, with the file's own opacity and straight
    colours: (H, W), (H, W, 3) or (H, W, 4). Raises UsageError for a kind that cannot be read."""
    if data.startswith(_PNG):
        return _with_png_gray(stored, png_chunks(data))
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _with_tiff_alpha(stored, data)
    return stored


def png_chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG that stand before its pixels (PNG specification, 3rd edition, 5.3)."""
    found: dict[bytes, bytes] = {}
    at = len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            break
        found.setdefault(kind, data[at + 8 : at + 8 + length])
        at += length + 12
    return found


def too_short(data: bytes) -> bool:
    """Whether ``data`` is a PNG with far too few bytes for its chunks or pixels, for which memory
    would be taken."""
    if not data.startswith(_PNG) or len(data) < 26:
        return False
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    at = len(_PNG)
    while at + 8 <= len(data):
        at += int.from_bytes(data[at : at + 4]) + 12
    if at > len(data) + _MOST_MISSING:
        return True
    samples = _PNG_SAMPLES.get(colour, 1)
    return width * height * bits * samples // 8 > _MOST_DEFLATED * len(data)


def _with_png_gray(stored: NDArray[Any], chunks: dict[bytes, bytes]) -> NDArray[Any]:
    shade, header = chunks.get(b"tRNS", b""), chunks.get(b"IHDR", b"")
    if stored.ndim != 2 or len(shade) != 2 or len(header) < 10 or header[9] != 0:
        return stored
    largest = np.iinfo(stored.dtype).max
    transparent = struct.unpack(">H", shade)[0] * largest // (2 ** header[8] - 1)
    opacity = np.where(stored == transparent, stored.dtype.type(0), stored.dtype.type(largest))
    return np.dstack((stored, stored, stored, opacity))


def _with_tiff_alpha(stored: NDArray[Any], data: bytes) -> NDArray[Any]:
    tags = _tiff_tags(data)
    extra = tags.get(_EXTRA, ())
    samples = tags.get(_SAMPLES, 1)
    if not extra or samples not in (2, 4):
        return stored
    if max(tags.get(_BITS, (1,))) <= 8:  # OpenCV premultiplies, and drops the opacity of gray
        return _by_pillow(data, stored)
    if stored.dtype != np.uint16 or stored.ndim != 3 or stored.shape[2] != 4:
        raise UsageError("a gray TIFF with 16 bits and transparency is not read; convert it to PNG")
    if extra[0] != _ASSOCIATED:
        return stored
    cover = stored[..., 3:].astype(np.float32) / 65535
    straight = np.rint(stored[..., :3] / np.maximum(cover, 1 / 65535)).clip(0, 65535)
    return np.dstack((straight.astype(np.uint16), stored[..., 3]))


def _by_pillow(data: bytes, stored: NDArray[Any]) -> NDArray[Any]:
    from PIL import Image as Pillow

    with Pillow.open(BytesIO(data)) as file:
        if file.mode not in ("RGBA", "LA", "La"):  # samples that are said to be no opacity
            return stored[..., :3] if stored.ndim == 3 else stored
        orientation = Orientation.of_exif(file.getexif().get(_ORIENTATION, 1))
        straight = file.convert("LA") if file.mode == "La" else file
        rgba = np.asarray(straight.convert("RGBA"))
    # OpenCV has turned ``stored`` upright; Pillow has not.
    return orientation.apply(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))


def _tiff_tags(data: bytes) -> dict[int, Any]:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(data[:8])
    file = BytesIO(data)
    file.seek(directory.next)
    try:
        directory.load(file)
        return {tag: directory[tag] for tag in (_BITS, _SAMPLES, _EXTRA) if tag in directory}
    except Exception:  # damaged headers make Pillow raise any exception
        return {}
