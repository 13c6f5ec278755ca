"""Packs the training data for another machine: tar files that unpack into one folder.

A network never sees pictures larger than a recipe's largest batches, so larger ones are shrunk.
They are stored as WebP under their old names: readers look at a file's content, not its suffix.
Held-out pictures and their near-duplicates are not trained on and become thumbnails; their names
keep the split the same.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from bgblur.training.data.groups import LIST
from bgblur.training.data.sets import (
    Collection,
    DataError,
    Picture,
    Pixels,
    check_shape,
    read_image,
)
from bgblur.training.data.split import load_collections, split_collections

_THUMBNAIL = 16  # pixels, the longer side
_QUALITY = 80  # of WebP: a lower quality damages gradients and hair


def pack(
    root: Path,
    target: Path,
    longest: int,
    part_bytes: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Pack the data in ``root`` into ``target/part-1.tar`` and so on; return their paths.

    A part has at most ``part_bytes`` bytes, a picture at most ``longest`` pixels on its longer
    side. ``report`` is called with the number of pictures done and of all. Raises DataError if
    there are no pictures, one cannot be read, or ``target`` already has parts.
    """
    train = load_collections(root)[0]
    kept = {picture.image for picture in train.every}
    others = [part.where(lambda p: p.image not in kept) for part in split_collections(root)]
    if any(target.glob("part-*.tar")):
        raise DataError(f"{target} has parts of another packing: remove them, or name another")
    target.mkdir(parents=True, exist_ok=True)
    wanted = [(picture, longest, how) for picture, how in _all(train)]
    wanted += [(picture, _THUMBNAIL, how) for part in others for picture, how in _all(part)]
    parts = _Parts(target, part_bytes)
    try:
        if (root / LIST).is_file():
            parts.add(Path(LIST), (root / LIST).read_bytes())
        for number, (picture, side, how) in enumerate(wanted):
            for path, data in _packed(picture, side, how):
                parts.add(path.relative_to(root), data)
            report(number + 1, len(wanted))
    finally:
        parts.close()
    return parts.paths


class _Parts:
    """Writes tar files of at most ``most`` bytes, one after the other."""

    def __init__(self, folder: Path, most: int) -> None:
        self.paths: list[Path] = []
        self._folder, self._most = folder, most
        self._open: tarfile.TarFile | None = None
        self._size = 0

    def add(self, name: Path, data: bytes) -> None:
        block = tarfile.BLOCKSIZE
        size = block + -(-len(data) // block) * block  # a header, and data in whole blocks
        if self._open is None or self._size + size > self._most - tarfile.RECORDSIZE:
            self.close()
            self.paths.append(self._folder / f"part-{len(self.paths) + 1}.tar")
            self._open, self._size = tarfile.TarFile(self.paths[-1], "w"), 0
        entry = tarfile.TarInfo(name.as_posix())
        entry.size = len(data)
        self._open.addfile(entry, io.BytesIO(data))
        self._size += size

    def close(self) -> None:
        if self._open is not None:
            self._open.close()


def _all(collection: Collection) -> list[tuple[Picture, int]]:
    """Each picture with its flags for ``cv2.imread``: upright, or with its alpha channel."""
    return [
        *((picture, cv2.IMREAD_COLOR) for picture in collection.all_photos + collection.rooms),
        *((picture, cv2.IMREAD_UNCHANGED) for picture in collection.cutouts),
    ]


def _packed(picture: Picture, longest: int, read_as: int) -> Iterator[tuple[Path, bytes]]:
    image = read_image(picture.image, read_as)
    rows, columns = image.shape[:2]
    factor = min(1.0, longest / max(rows, columns))
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    yield (
        picture.image,
        _encoded(
            ".webp", _resized(image, size, cv2.INTER_AREA), [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]
        ),
    )
    if picture.mask is not None:
        mask = read_image(picture.mask, cv2.IMREAD_GRAYSCALE)
        check_shape(picture, image, mask)
        # A mean of "ignore" and another value means nothing.
        how = cv2.INTER_NEAREST if picture.ignore else cv2.INTER_AREA
        yield picture.mask, _encoded(".png", _resized(mask, size, how), [])
    if picture.unsure is not None:
        unsure = read_image(picture.unsure, cv2.IMREAD_GRAYSCALE)
        yield picture.unsure, _encoded(".png", _resized(unsure, size, cv2.INTER_NEAREST), [])


def _resized(image: Pixels, size: tuple[int, int], how: int) -> Pixels:
    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=how)


def _encoded(suffix: str, image: Pixels, options: list[int]) -> bytes:
    return bytes(cv2.imencode(suffix, image, options)[1])
