"""The pictures: their folders, and how they are read.

The data folder holds:

- ``train/SET/images/NAME.jpg`` with ``train/SET/masks/NAME.png`` and sometimes
  ``train/SET/ignore/NAME.png``;
- ``train/viton_cutouts/NAME.webp`` with an alpha channel;
- ``backgrounds/rooms_*/NAME.jpg`` and ``backgrounds/things/NAME.jpg`` without people;
- for reporting alone ``report/SET/images/NAME.jpg`` with ``report/SET/masks/NAME.png``;
- for evaluation ``video/composited/NAME.mp4`` with ``NAME_alpha.mkv``.

A folder of the user's own pictures holds only ``images/NAME.jpg`` and ``masks/NAME.png``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.errors import UsageError
from bgblur.frame import Image

SETS: tuple[str, ...] = (
    *("eg1800", "voc_person", "ccp", "humanseg_web", "face_synthetics"),
    *("celebamask", "coco_person", "figaro_hair", "hagrid_hands", "wlasl_signers"),
    *("caltech_office", "selfies", "celeb_more"),
)
OWN = "own"  # pictures of the user from scripts/record.py: images/ and masks/
SETS_WITH_IGNORE = frozenset({"voc_person", "face_synthetics"})  # mask value 128: ignore this pixel
# Sets whose masks are trustworthy to the pixel, where they are sure: their people may be cut out.
CLEAN_SETS = (
    *("eg1800", "face_synthetics", "ccp", "wlasl_signers"),
    *("figaro_hair", "caltech_office", "selfies", "celeb_more"),
)
IGNORE = 128
_OTHER_SHAPE = 0.1  # tolerated difference in aspect ratio: small sizes are rounded
STOCK: tuple[str, ...] = (  # pictures of scikit-image without people
    *("brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg"),
)

Pixels = NDArray[np.uint8]  # a decoded file, (H, W) or (H, W, C)
Plane = NDArray[np.float32]  # (H, W) alpha or weight in 0..1, or (H, W, 3) levels in 0..255


class DataError(UsageError):
    """The data, a recipe or a checkpoint is missing or wrong."""


@dataclass(frozen=True)
class Picture:
    """A photo with its mask; a cut-out (mask None, alpha inside); a room (mask None, no alpha).

    ``ignore``: mask pixels of value 128 are not judged. ``unsure``: a grey picture; where it is not
    black, the mask may be wrong and is not judged either.
    """

    image: Path
    mask: Path | None = None
    ignore: bool = False
    unsure: Path | None = None


@dataclass(frozen=True)
class Collection:
    """All pictures of one split: photos by set, cut-outs, rooms."""

    photos: dict[str, list[Picture]]
    cutouts: list[Picture]
    rooms: list[Picture]

    @property
    def all_photos(self) -> list[Picture]:
        return [picture for pictures in self.photos.values() for picture in pictures]

    @property
    def clean(self) -> list[Picture]:
        """The photos whose people may be cut out; all photos if there are none."""
        listed = [picture for name in CLEAN_SETS for picture in self.photos.get(name, [])]
        return [picture for picture in listed if picture.unsure is None] or self.all_photos

    @property
    def every(self) -> list[Picture]:
        return [*self.all_photos, *self.cutouts, *self.rooms]

    def where(self, keep: Callable[[Picture], bool]) -> Collection:
        """The pictures that ``keep`` is true for, in the same order; no set without pictures."""
        photos = {name: list(filter(keep, pictures)) for name, pictures in self.photos.items()}
        return Collection(
            {name: pictures for name, pictures in photos.items() if pictures},
            list(filter(keep, self.cutouts)),
            list(filter(keep, self.rooms)),
        )

    def fingerprint(self) -> str:
        """A hash of the files' names and sizes, hexadecimal; their folder does not count."""
        listed = sorted((file.image.name, file.image.stat().st_size) for file in self.every)
        return hashlib.sha256(repr(listed).encode()).hexdigest()


def mixed(own: Collection, replay: Collection) -> Collection:
    """The user's own pictures together with those that the model was trained on."""
    return Collection(
        {**replay.photos, **own.photos},
        own.cutouts + replay.cutouts,
        own.rooms + replay.rooms,
    )


def stock_rooms() -> list[Picture]:
    """Pictures without people that come with scikit-image, for use without room photos."""
    from skimage import data

    return [Picture(Path(data.data_dir) / name) for name in STOCK]


def list_photos(folder: Path, ignore: bool) -> list[Picture]:
    """The pictures in ``folder``/images that have a mask, by name."""
    found = []
    for image in sorted((folder / "images").glob("*.jpg")):
        mask = folder / "masks" / f"{image.stem}.png"
        unsure = folder / "ignore" / f"{image.stem}.png"
        if mask.is_file():
            found.append(Picture(image, mask, ignore, unsure if unsure.is_file() else None))
    return found


def list_files(folder: Path, pattern: str) -> list[Picture]:
    """The pictures without a mask that match ``pattern``, by name."""
    return [Picture(path) for path in sorted(folder.glob(pattern))]


def read_photo(picture: Picture) -> tuple[Image, Plane, Plane]:
    """Return image BGR ``uint8`` (H, W, 3), alpha and weight ``float32`` (H, W).

    Weight is 0 where the pixel is ignored, else 1. Raises DataError if a file cannot be read or the
    mask does not fit.
    """
    image = read_image(picture.image, cv2.IMREAD_COLOR)
    if picture.mask is None:
        empty = np.zeros(image.shape[:2], np.float32)
        return image, empty, np.ones_like(empty)
    mask = read_image(picture.mask, cv2.IMREAD_GRAYSCALE)
    check_shape(picture, image, mask)
    if mask.shape != image.shape[:2]:
        mask = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    weight = (mask != IGNORE) if picture.ignore else np.ones(mask.shape, bool)
    if picture.unsure is not None:
        unsure = read_image(picture.unsure, cv2.IMREAD_GRAYSCALE)
        weight &= cv2.resize(unsure, image.shape[1::-1], interpolation=cv2.INTER_NEAREST) == 0
    return image, mask.astype(np.float32) / 255 * weight, weight.astype(np.float32)


def check_shape(picture: Picture, image: Image, mask: Pixels) -> None:
    """Raise DataError if the mask has another aspect ratio than its picture.

    This happens when the picture was rotated after its mask was made.
    """
    (rows, columns), (mask_rows, mask_columns) = image.shape[:2], mask.shape
    if abs(mask_rows * columns / (mask_columns * rows) - 1) > _OTHER_SHAPE:
        raise DataError(
            f"the mask {picture.mask} is {mask_columns}x{mask_rows}, which does not fit its "
            f"picture of {columns}x{rows}: fix or remove it"
        )


def read_cutout(picture: Picture) -> tuple[Image, Plane]:
    """Return image BGR ``uint8`` (H, W, 3) and ``float32`` (H, W) from the file's alpha channel.

    Raises DataError if there is no alpha channel.
    """
    pixels = read_image(picture.image, cv2.IMREAD_UNCHANGED)
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        raise DataError(f"the cut-out {picture.image} has no alpha channel: remove or repair it")
    return np.ascontiguousarray(pixels[..., :3]), np.divide(pixels[..., 3], 255, dtype=np.float32)


def cut_out(alpha: Plane) -> Plane:
    """Shrink ``alpha`` by one pixel: the rim of a photo's mask shows the old background."""
    return np.asarray(cv2.erode(alpha, np.ones((3, 3), np.uint8)), np.float32)


def read_image(path: Path, flags: int) -> Pixels:
    """Read a file with ``cv2.imread``. Raises DataError if it cannot be read."""
    pixels = cv2.imread(str(path), flags)
    if pixels is None:
        raise DataError(f"cannot read the picture {path}: remove it or copy it again")
    return pixels
