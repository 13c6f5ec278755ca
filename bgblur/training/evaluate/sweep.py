"""Measures speed against accuracy: every model at every height, on every device.

A processor's instruction set must be chosen before torch is loaded. Each one therefore gets its own
process, which runs this module: it takes a job as JSON and prints one line of JSON per cell.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bgblur.errors import BgblurError, UsageError

if TYPE_CHECKING:
    from bgblur.segmentation.engine import Engine

ISAS = {  # the variables that limit each of torch's libraries
    "native": {},
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}
_WARM_UP, _LEAST = 4, 8  # inferences that do not count, and the least number that do


@dataclass(frozen=True)
class Cell:
    """One combination to measure. ``isa``: the best instruction set that may be used."""

    model: str
    device: str
    precision: str
    isa: str
    height: int


@dataclass(frozen=True)
class Budget:
    """Limits of one cell: seconds of timing, photos per set, frames per clip."""

    seconds: float = 1.5
    photos: int = 6
    frames: int = 8


def cells(
    models: Sequence[str],
    devices: Sequence[str],
    precisions: Sequence[str],
    isas: Sequence[str],
    heights: Sequence[int],
) -> list[Cell]:
    """All combinations; GPUs only with the isa "native"."""
    return [
        Cell(model, device, precision, isa, height)
        for isa in isas
        for model in models
        for device in devices
        for precision in precisions
        for height in heights
        if device == "cpu" or isa == "native"
    ]


def sweep(
    wanted: Sequence[Cell],
    data: Path | None,
    budget: Budget,
    known: Sequence[dict[str, Any]] = (),
    report: Callable[[str], None] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each cell of ``wanted`` that ``known`` lacks, as soon as it is measured.

    ``report`` is called with a line of text per row. Raises BgblurError with the reason if a cell
    cannot be measured.
    """
    have = {_key(row["cell"]) for row in known}
    for isa, environment in ISAS.items():
        missing = [asdict(cell) for cell in wanted if cell.isa == isa]
        missing = [cell for cell in missing if _key(cell) not in have]
        if missing:
            job = {"cells": missing, "data": str(data) if data else None, "budget": asdict(budget)}
            for row in _in_a_process(job, environment):
                report("at {height} rows: {model}, {device}, {isa}".format(**row["cell"]))
                yield row


def _key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(cell.items()))


def _in_a_process(job: dict[str, Any], environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bgblur.training.evaluate.sweep", json.dumps(job)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        problem = None
        for line in process.stdout:
            row = json.loads(line)
            problem = row.get("problem")
            if problem is None:
                yield row
        if process.wait() != 0:
            raise UsageError(problem or "the measuring process ended without an error message")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# ---------------------------------------------------------------- in the process


def measure(cell: Cell, data: Path | None, budget: Budget) -> dict[str, Any]:
    """Measure one cell: the precision in use, milliseconds per inference, and IoU by kind."""
    from bgblur.segmentation.device_torch import share_cores
    from bgblur.training.evaluate.engines import engine_for

    share_cores(cell.device)  # as the daemon does
    cores = max(1, (os.cpu_count() or 1) - 1)
    engine = engine_for(cell.model, cell.device, cell.precision, cell.height, cores)
    times, cpu_ms = inference_times(engine, budget.seconds)
    low, middle, high = (round(float(t), 2) for t in np.percentile(times, (0, 50, 95)))
    return {
        "cell": asdict(cell),
        "precision": engine.precision,
        "ms": {"least": low, "p50": middle, "p95": high},
        "fps": round(1000 / middle, 1),
        "cpu_ms": round(cpu_ms, 2),
        "iou": accuracy(engine, data, budget) if data is not None else {},
    }


def inference_times(engine: Engine, seconds: float) -> tuple[list[float], float]:
    """Return the milliseconds of each inference of a 1280x720 frame, and the CPU time of one.

    Timing ends when the largest alpha is on the host, so that a GPU has finished. CPU time depends
    less on other programs.
    """
    from bgblur.sources.demo import DemoSource

    frame = DemoSource(1280, 720).picture(0)
    times: list[float] = []
    counted = cpu = 0.0
    while len(times) < _WARM_UP + _LEAST or counted < 1000 * seconds:
        if len(times) == _WARM_UP:
            cpu = time.process_time()
        began = time.perf_counter()
        float(engine.infer(engine.upload(frame)).max())
        times.append(1000 * (time.perf_counter() - began))
        counted = sum(times[_WARM_UP:])
    counting = times[_WARM_UP:]
    return counting, 1000 * (time.process_time() - cpu) / len(counting)


def accuracy(engine: Engine, data: Path, budget: Budget) -> dict[str, float]:
    """Mean IoU of the first photos of each set's "report" half, in their fixed shuffled order, and
    of the first frames of that half's clips."""
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.evaluation import composited_clips, evaluate_clip, score_photos
    from bgblur.training.evaluate.predictors import clip_predictor, still_predictor

    held_out = load_half(data, "report")
    photos = [p for pictures in held_out.photos.values() for p in pictures[: budget.photos]]
    scored = score_photos(still_predictor(engine), photos)
    found = {"photos": float(np.mean([one.iou for one in scored]))} if scored else {}
    clips = [
        evaluate_clip(clip_predictor(engine), clip, matte, budget.frames)["iou"]
        for clip, matte in composited_clips(data / "video" / "composited", "report")
    ]
    if clips:
        found["clips"] = float(np.mean(clips))
    return {kind: round(value, 4) for kind, value in found.items()}


def main() -> None:
    job = json.loads(sys.argv[1])
    data = Path(job["data"]) if job["data"] else None
    try:
        for cell in job["cells"]:
            print(json.dumps(measure(Cell(**cell), data, Budget(**job["budget"]))), flush=True)
    except BgblurError as error:
        print(json.dumps({"problem": str(error)}))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
