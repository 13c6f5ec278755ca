"""Which pictures are trained on, which serve for choices ("tune"), which for figures ("report").

A tenth of every set is held out, and divided into two halves: every threshold, average and recipe
is chosen on "tune", every published figure is measured on "report", together with the pictures of
``report/``. Near-duplicates and frames of one clip are in the same half, and none of them is
trained on.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bgblur.training.data.groups import load_groups, name_of
from bgblur.training.data.sets import (
    OWN,
    SETS,
    SETS_WITH_IGNORE,
    Collection,
    DataError,
    Picture,
    list_files,
    list_photos,
)

Half = Literal["tune", "report"]
SPLIT_SEED = 20
HELD_OUT = 0.1


def split(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Return (train, held out): a tenth is held out by a fixed seed, in any order of listing."""
    ordered = sorted(pictures, key=lambda picture: picture.image.name)
    random.Random(SPLIT_SEED).shuffle(ordered)
    held_out = max(1, round(HELD_OUT * len(ordered))) if len(ordered) > 1 else 0
    return ordered[held_out:], ordered[:held_out]


def half_of(key: str) -> Half:
    """The half of a group, by its key alone: the pictures of other groups do not change it."""
    return "report" if hashlib.sha256(key.encode()).digest()[-1] % 2 else "tune"


def load_collections(root: Path) -> tuple[Collection, Collection]:
    """Return (train, held out) of a folder with either layout of sets.py.

    What shows the same as a held-out picture, or as one of ``report/``, is in neither. Raises
    DataError if ``root`` holds no photo with a mask.
    """
    train, held_out = split_collections(root)
    groups = load_groups(root)
    others = [*held_out.every, *(photo for photos in _reported(root).values() for photo in photos)]
    taken = {groups.key(name_of(picture.image)) for picture in others}
    return train.where(lambda p: groups.key(name_of(p.image)) not in taken), held_out


def load_half(root: Path, half: Half) -> Collection:
    """The held-out pictures of one half; "report" has those of ``report/`` too.

    Pictures of the user are not divided: there are few, and nothing is chosen on them. Raises
    DataError if ``root`` holds no photo with a mask.
    """
    held_out = split_collections(root)[1]
    if OWN in held_out.photos:
        return held_out
    groups, reported = load_groups(root), _reported(root)
    fixed = {groups.key(name_of(p.image)) for photos in reported.values() for p in photos}

    def belongs(picture: Picture) -> bool:
        key = groups.key(name_of(picture.image))
        return half == ("report" if key in fixed else half_of(key))

    chosen = held_out.where(belongs)
    if half == "tune":
        return chosen
    photos = {
        name: [*chosen.photos.get(name, []), *reported.get(name, [])]
        for name in dict.fromkeys((*chosen.photos, *reported))
    }
    return Collection(photos, chosen.cutouts, chosen.rooms)


def split_collections(root: Path) -> tuple[Collection, Collection]:
    """Return (train, held out) with near-duplicates on both sides. Raises DataError as
    ``load_collections`` does."""
    if (root / "images").is_dir():
        return _own_collections(root)
    photos = {
        name: split(list_photos(root / "train" / name, ignore=name in SETS_WITH_IGNORE))
        for name in SETS
        if (root / "train" / name / "images").is_dir()
    }
    if not any(train for train, _ in photos.values()):
        raise DataError(f"no training photos under {root}/train: name the data folder with --data")
    cutouts = split(list_files(root / "train" / "viton_cutouts", "*.webp"))
    rooms = split(
        list_files(root / "backgrounds" / "rooms_small", "*.jpg")
        + list_files(root / "backgrounds" / "rooms_large", "*.jpg")
    )
    # Split by themselves, so that the same rooms stay held out.
    things = split(list_files(root / "backgrounds" / "things", "*.jpg"))
    train, held_out = (
        Collection(
            {name: parts[part] for name, parts in photos.items()},
            cutouts[part],
            rooms[part] + things[part],
        )
        for part in (0, 1)
    )
    return train, held_out


def _own_collections(root: Path) -> tuple[Collection, Collection]:
    pictures = list_photos(root, ignore=False)
    if not pictures:
        raise DataError(
            f"no picture in {root}/images has its mask in {root}/masks: "
            "record some with scripts/record.py"
        )
    train, held_out = split(pictures)
    return Collection({OWN: train}, [], []), Collection({OWN: held_out}, [], [])


def _reported(root: Path) -> dict[str, list[Picture]]:
    """The photos of ``report/``, by set."""
    folders = sorted((root / "report").glob("*/images"))
    return {
        folder.parent.name: list_photos(folder.parent, folder.parent.name in SETS_WITH_IGNORE)
        for folder in folders
    }
