"""Blurs several videos, one after the other or in parallel processes."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from bgblur.config.settings import Settings
from bgblur.offline.batch_processes import blur_in_parallel
from bgblur.offline.batch_serial import OnJobProgress, Outcome, blur_in_turn
from bgblur.offline.video import VideoJob
from bgblur.pipeline.engines import cores
from bgblur.segmentation.quality import Quality
from bgblur.segmentation.runtime import choose_runtime

_MEMORY_EACH = 1_000_000_000  # bytes that a worker needs for HD


def default_workers(settings: Settings, jobs: int) -> int:
    """How many of ``jobs`` to work on at a time.

    One on a GPU, which a single video keeps busy; otherwise one for every two cores, as far as
    the free memory allows. Raises UsageError if the engine is not available. Imports torch where
    it runs the network.
    """
    if jobs == 1:
        return 1
    import psutil

    engine = settings.engine
    runtime = choose_runtime(engine.runtime, engine.model, engine.device, engine.precision)
    if runtime == "torchscript":
        from bgblur.segmentation.device_torch import choose_device

        if choose_device(engine.device) != "cpu":
            return 1
    fits = psutil.virtual_memory().available // _MEMORY_EACH
    return max(1, min(jobs, cores() // 2, fits))


def blur_all(
    jobs: Sequence[VideoJob],
    settings: Settings,
    workers: int,
    on_progress: OnJobProgress | None = None,
    quality: Quality = "fast",
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each job when it is done; a job that fails does not stop the others.

    Raises ModelError or UsageError if the engine cannot be loaded. Close the generator to stop
    early: unfinished files are removed.
    """
    if workers == 1:
        yield from blur_in_turn(jobs, settings, on_progress, quality)
    else:
        count = min(workers, len(jobs))
        share = max(1, cores() // count)
        yield from blur_in_parallel(jobs, settings, count, share, on_progress, quality)
