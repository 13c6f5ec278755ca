"""Training data made small enough to take to a rented GPU: tar files that unpack into one folder.

A network never sees more lines than a recipe's largest batches have, so larger pictures are shrunk,
and stored as WebP under their own names: readers go by what a file holds. Held-out pictures are not
for training; thumbnails keep the split, which goes by names, as it is.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from bgblur.training.data.sets import (
    Collection,
    DataError,
    Picture,
    Pixels,
    check_shape,
    load_collections,
    read_image,
)

_THUMBNAIL = 16  # pixels, the longer side
_QUALITY = 80  # of WebP: below, what is lost shows in gradients and hair


def pack(
    root: Path,
    target: Path,
    longest: int,
    part_bytes: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """The data below ``root`` as ``target/part-1.tar`` and so on, each of ``part_bytes`` at most.

    Pictures have ``longest`` pixels at most on their longer side. ``report`` hears how many are
    done, of how many. Raises DataError where there are none, one cannot be read, or ``target`` has
    parts already.
    """
    train, held_out = load_collections(root)
    if any(target.glob("part-*.tar")):
        raise DataError(f"{target} has parts of another packing: remove them, or name another")
    target.mkdir(parents=True, exist_ok=True)
    wanted = [(picture, longest, how) for picture, how in _all(train)]
    wanted += [(picture, _THUMBNAIL, how) for picture, how in _all(held_out)]
    parts = _Parts(target, part_bytes)
    try:
        for number, (picture, side, how) in enumerate(wanted):
            for path, data in _packed(picture, side, how):
                parts.add(path.relative_to(root), data)
            report(number + 1, len(wanted))
    finally:
        parts.close()
    return parts.paths


class _Parts:
    """Tar files, one after the other."""

    def __init__(self, folder: Path, most: int) -> None:
        self.paths: list[Path] = []
        self._folder, self._most = folder, most
        self._open: tarfile.TarFile | None = None
        self._size = 0

    def add(self, name: Path, data: bytes) -> None:
        block = tarfile.BLOCKSIZE
        size = block + -(-len(data) // block) * block  # a header, and what is filled up
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
    """With how it is read, as for training: upright, or with its alpha."""
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
        # Between "ignore" and the others there is no value that means anything.
        how = cv2.INTER_NEAREST if picture.ignore else cv2.INTER_AREA
        yield picture.mask, _encoded(".png", _resized(mask, size, how), [])
    if picture.unsure is not None:
        unsure = read_image(picture.unsure, cv2.IMREAD_GRAYSCALE)
        yield picture.unsure, _encoded(".png", _resized(unsure, size, cv2.INTER_NEAREST), [])


def _resized(image: Pixels, size: tuple[int, int], how: int) -> Pixels:
    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=how)


def _encoded(suffix: str, image: Pixels, options: list[int]) -> bytes:
    return bytes(cv2.imencode(suffix, image, options)[1])
