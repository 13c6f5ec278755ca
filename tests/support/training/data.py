"""A tiny data folder: people are bright shapes on dark noise, so that a few steps learn them."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.training.augment.clothes import Clothes
from bgblur.training.augment.patterns import Pattern
from bgblur.training.data.sets import Plane

KINDS = ("plain", "striped", "checked", "chessboard")


def person(rows: int, columns: int, rng: np.random.Generator, shift: float = 0.0) -> Plane:
    """A 0/1 mask of a head and shoulders, ``float32``."""
    mask = np.zeros((rows, columns), np.uint8)
    x = round(columns * (0.4 + 0.2 * float(rng.random()) + shift))
    cv2.ellipse(mask, (x, rows), (columns // 4, rows // 2), 0, 0, 360, 1, -1)
    cv2.circle(mask, (x, round(rows * 0.4)), rows // 7, 1, -1)
    return mask.astype(np.float32)


def picture(mask: Plane, rng: np.random.Generator) -> Image:
    """A picture that is bright where the mask is 1."""
    noise = rng.integers(0, 60, (*mask.shape, 3))
    return np.asarray(noise + mask[..., None] * 170, np.uint8)


def pattern(worn: Clothes) -> str:
    return "room" if worn.room else kind(worn.pattern)


def kind(cloth: Pattern) -> str:
    """One of ``KINDS``."""
    sets = int(cloth.waves.any(1).sum())
    return KINDS[sets + (sets == 2 and cloth.chess)]


def write_tree(root: Path, photos: int = 20, ignore: bool = True) -> Path:
    """Write ``photos`` pictures a set, as many cut-outs, rooms in both folders, and a clip."""
    rng = np.random.default_rng(7)
    for name in ("eg1800", "voc_person"):
        for kind in ("images", "masks"):
            (root / "train" / name / kind).mkdir(parents=True)
        for i in range(photos):
            mask = person(96, 72, rng)
            levels = (mask * 255).astype(np.uint8)
            if ignore and name == "voc_person":
                levels[:8] = 128
            cv2.imwrite(str(root / "train" / name / "images" / f"{i:03}.jpg"), picture(mask, rng))
            cv2.imwrite(str(root / "train" / name / "masks" / f"{i:03}.png"), levels)
    cutouts = root / "train" / "viton_cutouts"
    cutouts.mkdir()
    for i in range(photos):
        mask = person(64, 48, rng)
        bgra = np.dstack([picture(mask, rng), (mask * 255).astype(np.uint8)])
        cv2.imwrite(str(cutouts / f"{i}.webp"), bgra)
    for name in ("rooms_small", "rooms_large"):
        (root / "backgrounds" / name).mkdir(parents=True)
        for i in range(photos):
            room = rng.integers(0, 60, (80, 100, 3)).astype(np.uint8)
            cv2.imwrite(str(root / "backgrounds" / name / f"{name}{i}.jpg"), room)
    write_clip(root / "video" / "composited", rng)
    return root


def write_clip(folder: Path, rng: np.random.Generator, frames: int = 4) -> None:
    folder.mkdir(parents=True)
    still = np.random.default_rng(3)
    masks = [person(72, 128, np.random.default_rng(5), 0.02 * t) for t in range(frames)]
    pictures = [picture(mask, still) for mask in masks]
    mattes = [np.repeat((mask * 255).astype(np.uint8)[..., None], 3, axis=2) for mask in masks]
    _encode(folder / "talking.mp4", pictures, "libx264", "yuv420p")
    _encode(folder / "talking_alpha.mkv", mattes, "ffv1", "gray")


def _encode(path: Path, pictures: list[Image], codec: str, pix_fmt: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for pixels in pictures:
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(format=pix_fmt)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
