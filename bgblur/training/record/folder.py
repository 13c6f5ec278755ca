"""The folder of a recording: images/ and masks/ for training, unreviewed/ before the review."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bgblur.errors import OutputError, UsageError
from bgblur.files import replacing
from bgblur.frame import Alpha, Image

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Shot:
    """A picture that is not reviewed yet."""

    name: str
    image: Path
    mask: Path


class RecordFolder:
    """``images/NAME.jpg`` with ``masks/NAME.png`` (0..255 alpha), below ``root``.

    New pictures continue the numbers of existing ones; no picture is ever overwritten. All methods
    that write raise OutputError if the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._waiting = root / "unreviewed"
        self._places = [
            folder / kind for folder in (root, self._waiting) for kind in ("images", "masks")
        ]
        try:
            for place in self._places:
                place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(root, error) from error

    @property
    def accepted(self) -> int:
        return sum(1 for _ in (self.root / "images").glob("*.jpg"))

    def waiting(self) -> list[Shot]:
        """The pictures to review, oldest first, including those of earlier sessions."""
        images = sorted((self._waiting / "images").glob("*.jpg"))
        shots = [self._shot(image.stem) for image in images]
        return [shot for shot in shots if shot.mask.is_file()]

    def find(self, name: str) -> Shot:
        """Return the picture ``name``. Raises UsageError if it is not waiting for a review."""
        for shot in self.waiting():
            if shot.name == name:
                return shot
        raise UsageError(f"no picture {name} waits for a review: it was accepted or rejected")

    def add(self, image: Image, alpha: Alpha) -> Shot:
        """Write a picture and its mask to unreviewed/."""
        shot = self._shot(self._next_name())
        try:
            with shot.image.open("xb") as file:  # "x": never overwrite a second recorder's file
                try:
                    file.write(_encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]))
                    _write(shot.mask, _encoded(".png", np.rint(255 * alpha).astype(np.uint8), []))
                except OSError:
                    shot.image.unlink(missing_ok=True)  # it may be incomplete, or lacks its mask
                    raise
        except OSError as error:
            raise _unwritable(self.root, error) from error
        return shot

    def accept(self, shot: Shot, mask: bytes | None = None) -> None:
        """Move ``shot`` to the training pictures. ``mask``: a PNG that replaces its mask.

        Raises UsageError if ``mask`` is not a PNG of the picture's size.
        """
        edited = None if mask is None else _checked(mask, shot)
        try:
            if edited is not None:
                _write(shot.mask, edited)
            # The picture last: until it is moved, its number stays taken.
            shot.mask.replace(self.root / "masks" / shot.mask.name)
            shot.image.replace(self.root / "images" / shot.image.name)
        except OSError as error:
            raise _unwritable(self.root, error) from error

    def reject(self, shot: Shot) -> None:
        """Delete ``shot``. It may be gone: a second window of the page may have deleted it."""
        try:
            shot.image.unlink(missing_ok=True)
            shot.mask.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.root, error) from error

    def tidy(self) -> None:
        """Remove unreviewed/ if it is empty."""
        if not self.waiting():
            for folder in (*self._places[2:], self._waiting):
                if not any(folder.iterdir()):
                    folder.rmdir()

    def _shot(self, name: str) -> Shot:
        return Shot(
            name, self._waiting / "images" / f"{name}.jpg", self._waiting / "masks" / f"{name}.png"
        )

    def _next_name(self) -> str:
        numbers = [
            int(file.stem)
            for place in self._places
            for file in place.iterdir()
            if file.stem.isdecimal()
        ]
        return f"{max(numbers, default=0) + 1:04}"


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as unfinished:
        unfinished.write_bytes(data)


def _encoded(suffix: str, pixels: Image, flags: list[int]) -> bytes:
    return bytes(cv2.imencode(suffix, pixels, flags)[1])


def _checked(mask: bytes, shot: Shot) -> bytes:
    """The mask as a grey PNG of the picture's size."""
    before = cv2.imread(str(shot.mask), cv2.IMREAD_GRAYSCALE)
    fits = before is not None and _png_size(mask) == before.shape
    pixels = cv2.imdecode(np.frombuffer(mask, np.uint8), cv2.IMREAD_COLOR) if fits else None
    if pixels is None:
        raise UsageError(f"the mask of {shot.name} must be a PNG of the picture's size")
    return _encoded(".png", np.ascontiguousarray(pixels[..., 2]), [])


def _png_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) from the header: decoding a small file could take gigabytes."""
    if len(data) < 24 or not data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        return None
    width, height = struct.unpack(">II", data[16:24])
    return height, width


def _unwritable(root: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {root}: {error.strerror}; free some space or choose another folder"
    )
