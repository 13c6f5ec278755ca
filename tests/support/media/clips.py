"""Real clips and their true mattes, read with PyAV alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from bgblur.frame import Alpha, Image


def composited(data: Path) -> list[Path]:
    """Clips of talking heads over rooms; the true matte of each is beside it."""
    clips = sorted((data / "video" / "composited").glob("*.mp4"))
    assert len(clips) == 5
    return clips


def with_matte(clip: Path) -> Iterator[tuple[Image, Alpha]]:
    """Yield each frame's picture and its true alpha."""
    matte = clip.with_name(f"{clip.stem}_alpha.mkv")
    with av.open(str(clip)) as pictures, av.open(str(matte)) as mattes:
        pairs = zip(pictures.decode(video=0), mattes.decode(video=0), strict=True)
        for picture, alpha in pairs:
            image = picture.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
            yield image, np.multiply(alpha.to_ndarray(format="gray"), 1 / 255, dtype=np.float32)
