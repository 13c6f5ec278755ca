"""The folder that recording fills: images/ and masks/ for training, unreviewed/ until they are."""

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
    """A picture that waits for its review."""

    name: str
    image: Path
    mask: Path


class RecordFolder:
    """``images/NAME.jpg`` with ``masks/NAME.png`` (0..255 alpha), below ``root``.

    Numbers go on from whatever lies there; no picture is ever overwritten. Raises OutputError
    where it cannot be written.
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
        """Oldest first; those that an earlier session left too."""
        images = sorted((self._waiting / "images").glob("*.jpg"))
        shots = [self._shot(image.stem) for image in images]
        return [shot for shot in shots if shot.mask.is_file()]

    def find(self, name: str) -> Shot:
        """Raises UsageError where no picture of that name waits."""
        for shot in self.waiting():
            if shot.name == name:
                return shot
        raise UsageError(f"no picture {name} waits for its review: it is accepted or rejected")

    def add(self, image: Image, alpha: Alpha) -> Shot:
        """Write picture and mask where they wait for their review."""
        shot = self._shot(self._next_name())
        try:
            with shot.image.open("xb") as file:  # "x": a second recorder does not overwrite either
                try:
                    file.write(_encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]))
                    _write(shot.mask, _encoded(".png", np.rint(255 * alpha).astype(np.uint8), []))
                except OSError:
                    shot.image.unlink(missing_ok=True)  # half of a picture, or without its mask
                    raise
        except OSError as error:
            raise _unwritable(self.root, error) from error
        return shot

    def accept(self, shot: Shot, mask: bytes | None = None) -> None:
        """Into the training layout; ``mask`` is a PNG of the picture's size, mended by hand.

        Raises UsageError where it is not.
        """
        mended = None if mask is None else _checked(mask, shot)
        try:
            if mended is not None:
                _write(shot.mask, mended)
            # The picture last: its name is taken as long as it waits.
            shot.mask.replace(self.root / "masks" / shot.mask.name)
            shot.image.replace(self.root / "images" / shot.image.name)
        except OSError as error:
            raise _unwritable(self.root, error) from error

    def reject(self, shot: Shot) -> None:
        """A second window of the page may have been quicker."""
        try:
            shot.image.unlink(missing_ok=True)
            shot.mask.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.root, error) from error

    def tidy(self) -> None:
        """Remove unreviewed/ where nothing waits in it."""
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
    """(height, width) by its header: a few bytes may claim gigabytes of pixels."""
    if len(data) < 24 or not data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        return None
    width, height = struct.unpack(">II", data[16:24])
    return height, width


def _unwritable(root: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {root}: {error.strerror}; free some space or choose another folder"
    )
