"""How exact and how fast each ``--quality`` of ``bgblur-cam image`` and ``video`` is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np

from bgblur.config.settings import Settings
from bgblur.frame import Alpha, Image
from bgblur.gpu.stream import fetched
from bgblur.media.writer import VideoWriter
from bgblur.offline.processor import Processor
from bgblur.offline.video import VideoJob, blur_video
from bgblur.segmentation.quality import Quality
from bgblur.sources.demo import DemoSource
from bgblur.training.data.sets import Picture
from bgblur.training.evaluate.evaluation import FIGURES, Rows, score_photos

SIZES = ((640, 360), (1280, 720))  # of recordings
_PHOTO = (3000, 2000)
_PHOTOS = 3  # timed, after one that is not
_RATE = 25


@dataclass(frozen=True)
class Speed:
    """``photo``: seconds for a photo of 6 megapixels. ``rates``: frames a second of SIZES."""

    photo: float
    rates: tuple[float, ...]


def accuracy_of(
    settings: Settings, quality: Quality, sets: dict[str, list[Picture]]
) -> dict[str, float]:
    """The mean of FIGURES over all pictures of ``sets``, as ``image`` finds them: in the shape that
    they have. Raises ModelError or UsageError."""
    processor = Processor(settings, stills=True, quality=quality)

    def found(image: Image) -> Alpha:
        return fetched(processor.segment(image)[1])

    pictures = [picture for members in sets.values() for picture in members]
    scored = score_photos(found, pictures, lambda predict, image: predict(image))
    figures = [one.figures() for one in scored]
    return {name: float(np.mean([one[name] for one in figures])) for name in FIGURES}


def speed_of(settings: Settings, quality: Quality, frames: int) -> Speed:
    """Times of the demo's portrait: a photo from array to array, and clips of ``frames`` frames
    from file to file. Loading the network does not count. Raises BgblurError."""
    processor = Processor(settings, stills=True, quality=quality)
    photo = DemoSource(*_PHOTO).picture(0)
    times = []
    for _ in range(1 + _PHOTOS):
        began = time.perf_counter()
        processor(photo)
        times.append(time.perf_counter() - began)
    with tempfile.TemporaryDirectory() as folder:
        rates = [_rate(settings, quality, size, frames, Path(folder)) for size in SIZES]
    return Speed(median(times[1:]), tuple(rates))


def rows_of(
    accuracy: dict[Quality, dict[str, float]], speed: dict[Quality, Speed], pictures: int
) -> Rows:
    """A row for each quality."""
    columns = [f"fps {width}x{height}" for width, height in SIZES]
    return {
        quality: {"pictures": pictures, **found}
        | {"s a photo": speed[quality].photo}
        | dict(zip(columns, speed[quality].rates, strict=True))
        for quality, found in accuracy.items()
    }


def _rate(
    settings: Settings, quality: Quality, size: tuple[int, int], frames: int, folder: Path
) -> float:
    source = folder / f"{size[0]}.mp4"
    _write(source, size, frames)
    processor = Processor(settings, quality=quality)
    processor.segment(DemoSource(*size).picture(0))  # loads and compiles
    processor.restart()
    job = VideoJob(source, folder / f"{size[0]}-{quality}.mp4")
    report = blur_video(job, processor.segment, processor.compose)
    return report.frames / report.seconds


def _write(path: Path, size: tuple[int, int], frames: int) -> None:
    demo = DemoSource(*size)
    with VideoWriter(
        path, width=size[0], height=size[1], fps=Fraction(_RATE), time_base=Fraction(1, _RATE)
    ) as clip:
        for number in range(frames):
            clip.write(demo.picture(number / _RATE), number)
        clip.finish()


def limited(sets: Mapping[str, Sequence[Picture]], limit: int | None) -> dict[str, list[Picture]]:
    """At most ``limit`` of each set."""
    return {name: list(pictures[:limit]) for name, pictures in sets.items()}
