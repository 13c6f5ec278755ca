"""Measures the ladder that "auto" climbs on processors, and writes its table."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bgblur.files import replacing
from bgblur.segmentation.ladder import Ladder, Rung, accuracy_of

if TYPE_CHECKING:
    from bgblur.segmentation.engine import Engine

_WARM_UP, _COUNTED = 3, 20  # inferences that do not count, and that do
_HEAD = """\
# The ladder that "auto" climbs on a processor: each shipped model at each input height.
# Written by scripts/benchmark.py --ladder (docs/training.md says how), not by hand.
# iou, boundary_f: on the half "tune". cost: processor milliseconds of an inference of 1280x720 on
# the machine below; only their ratios count. Rungs marked # have a better one for less.
# {machine}
"""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    model: str
    height: int
    iou: float
    boundary_f: float
    cost: float

    @property
    def rung(self) -> Rung:
        return Rung(self.model, self.height, self.cost, accuracy_of(self.iou, self.boundary_f))


def measure_rows(
    models: Sequence[str], heights: Sequence[int], data: Path, photos: int, frames: int
) -> Iterator[Row]:
    """A row for each model at each height, on the processor as a live stream runs it: accuracy on
    the first ``photos`` of each set's "tune" half and ``frames`` of each of its clips.

    Raises BgblurError.
    """
    from bgblur.config.settings import EngineSettings
    from bgblur.pipeline.engines import load_engine

    for model in models:
        for height in heights:
            settings = EngineSettings(model=model, device="cpu", input_height=height)
            engine = load_engine(settings, spare_core=True, live=True)
            cost = inference_cost(engine)
            iou, boundary_f = accuracy(engine, data, photos, frames)
            yield Row(model, height, round(iou, 4), round(boundary_f, 4), round(cost, 2))


def inference_cost(engine: Engine) -> float:
    """Processor milliseconds of an inference of a 1280x720 frame: the least of many, since other
    programs only make it slower."""
    from bgblur.sources.demo import DemoSource

    frame = DemoSource(1280, 720).picture(0)
    costs = []
    for _ in range(_WARM_UP + _COUNTED):
        began = time.process_time()
        engine.infer(engine.upload(frame))
        costs.append(1000 * (time.process_time() - began))
    return min(costs[_WARM_UP:])


def accuracy(engine: Engine, data: Path, photos: int, frames: int) -> tuple[float, float]:
    """(IoU, boundary F): the mean of all sets of photos and of all clips; each counts alike."""
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.evaluation import composited_clips, evaluate_clip, score_photos
    from bgblur.training.evaluate.predictors import clip_predictor, still_predictor

    predict = still_predictor(engine)
    sets = [
        score_photos(predict, pictures[:photos])
        for pictures in load_half(data, "tune").photos.values()
    ]
    means = [np.mean([(s.iou, s.boundary_f) for s in scored], axis=0) for scored in sets if scored]
    clips = [
        evaluate_clip(clip_predictor(engine), clip, matte, frames)
        for clip, matte in composited_clips(data / "video" / "composited", "tune")
    ]
    means += [np.array((clip["iou"], clip["boundary_f"])) for clip in clips]
    iou, boundary_f = np.mean(means, axis=0)
    return float(iou), float(boundary_f)


def write_table(rows: Iterable[Row], path: Path, machine: str) -> None:
    """Write the table that ladder.read_table reads, cheapest first."""
    ordered = sorted(rows, key=lambda row: row.cost)
    climbed = set(Ladder(row.rung for row in ordered).rungs)
    lines = [_HEAD.format(machine=machine), "rung = ["]
    for row in ordered:
        values = ", ".join(f"{key} = {json.dumps(value)}" for key, value in asdict(row).items())
        lines.append(f"    {{ {values} }},{'' if row.rung in climbed else '  #'}")
    with replacing(path) as unfinished:
        unfinished.write_text("\n".join([*lines, "]", ""]), encoding="utf-8")
