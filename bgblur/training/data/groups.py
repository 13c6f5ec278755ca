"""Which pictures belong together: near-duplicates, and frames of one clip.

Near-duplicates are listed by name in a file, so that the split is the same on every machine and
costs nothing: hashing all pictures takes half a minute, depends a little on the JPEG decoder, and
is impossible for the thumbnails of a packed folder. scripts/find_duplicates.py writes the file. It
knows for which pictures it was made: ``uncompared`` says which folders have others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bgblur.training.data.duplicates import joined, near_pairs, perceptual_hashes
from bgblur.training.data.sets import DataError

LIST = "near-duplicates.json"  # in the data folder; else the one of the shipped models' data
_SHIPPED = Path(__file__).with_name(LIST)
_FOLDERS = ("train/*/images", "report/*/images", "train/viton_cutouts", "backgrounds/*")
_SUFFIXES = (".jpg", ".webp")
_FRAME = re.compile(r"[^/]*/(wlasl_signers/.*)_\d\d")  # CLIP_25, CLIP_45: how far into the clip


def name_of(image: Path) -> str:
    """The name of a picture that does not depend on where the data lies: train/SET/NAME."""
    folder = image.parent.parent if image.parent.name == "images" else image.parent
    return f"{folder.parent.name}/{folder.name}/{image.stem}"


class Groups:
    """Which names belong together. ``near``: names of pictures that are near-duplicates."""

    def __init__(self, near: Iterable[Iterable[str]]) -> None:
        pairs = []
        for group in near:
            first, *others = map(_clip, group)
            pairs += [(first, other) for other in others]
        self._key = {name: group[0] for group in joined(pairs) for name in group}

    def key(self, name: str) -> str:
        """What all pictures of a group share: the name of its first picture or clip. A picture that
        belongs to no other has its own name."""
        return self._key.get(_clip(name), _clip(name))


def load_groups(root: Path) -> Groups:
    """The groups of the data in ``root``. Raises DataError if their file cannot be read."""
    return Groups(_listed(root)["groups"])


def uncompared(root: Path) -> list[str]:
    """The folders in ``root`` whose pictures are not those that near-duplicates were sought in."""
    known = _listed(root)["compared"]
    return [name for name, told in _contents(_pictures(root)).items() if known.get(name) != told]


def find_groups(root: Path, target: Path | None = None) -> int:
    """Seek near-duplicates in all pictures of ``root``, list them in ``target``, return the number
    of groups. Raises DataError if there are no pictures, or one cannot be read."""
    paths = _pictures(root)
    if not paths:
        raise DataError(f"no pictures under {root}: name the data folder with --data")
    names = [name_of(path) for path in paths]
    pairs = near_pairs(*perceptual_hashes(paths))
    groups = joined((names[one], names[other]) for one, other in pairs)
    lines = ",\n".join(f"  {json.dumps(group)}" for group in groups)
    compared = json.dumps(_contents(paths), indent=2)
    (target or root / LIST).write_text(
        f'{{"compared": {compared},\n"groups": [\n{lines}\n]}}\n', encoding="utf-8"
    )
    return len(groups)


def _listed(root: Path) -> Any:
    own = root / LIST
    path = own if own.is_file() else _SHIPPED
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{path} is not a list of near-duplicates: make it again with "
            "scripts/find_duplicates.py"
        ) from error


def _pictures(root: Path) -> list[Path]:
    files = (file for folder in _FOLDERS for file in root.glob(f"{folder}/*"))
    return sorted(file for file in files if file.suffix in _SUFFIXES)


def _contents(paths: Iterable[Path]) -> dict[str, str]:
    """For each folder the number of its pictures, and a hash of their names."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        name = name_of(path)
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    return {
        folder: f"{len(names)} {hashlib.sha256(repr(sorted(names)).encode()).hexdigest()[:16]}"
        for folder, names in folders.items()
    }


def _clip(name: str) -> str:
    frame = _FRAME.fullmatch(name)
    return frame[1] if frame else name
