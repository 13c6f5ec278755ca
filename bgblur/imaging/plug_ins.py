"""HEIC/HEIF and JPEG XL, which OpenCV does not read, by plug-ins of Pillow."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_CODESTREAM, _BOXES = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
# ISO/IEC 18181-1, SizeHeader: bits of the four ways to write a side, and width to height.
_SIDE_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@lru_cache
def register() -> None:
    """Let Pillow open both kinds."""
    import pillow_heif
    import pillow_jxl  # noqa: F401  # it registers itself

    pillow_heif.register_heif_opener()


def is_heif(data: bytes) -> bool:
    """Whether these first bytes are of HEIC or HEIF; AVIF is another kind."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def jpeg_xl_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG XL that begins so; None for another kind."""
    if data.startswith(_BOXES):
        data = _first_codestream(data)
    if not data.startswith(_CODESTREAM):
        return None
    bits, at = int.from_bytes(data[2:14], "little"), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return bits >> (at - count) & ((1 << count) - 1)

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_SIDE_BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _first_codestream(data: bytes) -> bytes:
    """What the first box ``jxlc`` or ``jxlp`` holds, as far as it is there (ISO/IEC 18181-2)."""
    at = 0
    while at + 16 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16]), 16
        if kind == b"jxlc":
            return data[at + head :]
        if kind == b"jxlp":
            return data[at + head + 4 :]
        if length < head:
            break
        at += length
    return b""


def decoded(data: bytes) -> NDArray[Any] | None:
    """BGR or BGRA (H, W, 3 or 4), upright; ``uint16`` of HEIF with 10 bits or more, else ``uint8``.
    None for another kind, and for a file that is damaged."""
    try:
        if is_heif(data):
            return _heif(data)
        if data.startswith((_CODESTREAM, _BOXES)):
            return _jpeg_xl(data)
    except Exception:  # damaged files make the plug-ins raise any exception
        return None
    return None


def _heif(data: bytes) -> NDArray[Any]:
    import pillow_heif

    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    pixels = np.asarray(file)
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    way = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return cv2.cvtColor(pixels, way)


def _jpeg_xl(data: bytes) -> NDArray[Any]:
    from PIL import Image as Pillow

    register()
    with Pillow.open(BytesIO(data)) as file:
        alpha = file.mode in ("RGBA", "LA")
        pixels = np.asarray(file.convert("RGBA" if alpha else "RGB"))
    return cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA if alpha else cv2.COLOR_RGB2BGR)
