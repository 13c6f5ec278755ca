"""Blurs several videos one after the other, with one loaded model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bgblur.config.settings import Settings
from bgblur.errors import BgblurError, one_line
from bgblur.interrupts import check
from bgblur.offline.video import OnProgress, VideoJob, VideoReport, blur_video_by
from bgblur.segmentation.quality import Quality

OnJobProgress = Callable[[VideoJob, int, int | None, float], None]
"""Called with the job and then with what ``OnProgress`` takes."""


@dataclass(frozen=True)
class Outcome:
    """The result of one job: its report, or ``problem`` (one line) and the exit code for it."""

    job: VideoJob
    report: VideoReport | None = None
    problem: str = ""
    exit_code: int = 0


def blur_in_turn(
    jobs: Sequence[VideoJob],
    settings: Settings,
    on_progress: OnJobProgress | None,
    quality: Quality = "fast",
) -> Iterator[Outcome]:
    """Yield the outcome of each job, in order. Raises ModelError or UsageError if the engine
    cannot be loaded."""
    blur = load_blur(settings, quality)
    for job in jobs:
        check()
        yield blur(job, progress_of(job, on_progress))


def progress_of(job: VideoJob, on_progress: OnJobProgress | None) -> OnProgress | None:
    """``on_progress`` for this one job."""
    if on_progress is None:
        return None
    return lambda done, total, fps: on_progress(job, done, total, fps)


def load_blur(
    settings: Settings, quality: Quality, share: int | None = None
) -> Callable[[VideoJob, OnProgress | None], Outcome]:
    """Load the engine and return the function that does one job after the other with it, on
    ``share`` cores.

    The engine is loaded here, since an error would be the same for every job.
    """
    from bgblur.offline.processor import Processor

    processor = Processor(settings, quality=quality, share=share)
    processor.load()

    def blur(job: VideoJob, on_progress: OnProgress | None) -> Outcome:
        processor.restart()
        try:
            report = blur_video_by(processor, job, on_progress)
        except BgblurError as error:
            return Outcome(job, problem=str(error), exit_code=error.exit_code)
        except (BrokenPipeError, ConnectionError):
            raise  # the process that waits for the outcome is gone
        except Exception as error:  # a bad file may break a codec in any way; try the next file
            problem = f"{job.source}: {type(error).__name__}: {one_line(error)}"
            return Outcome(job, problem=problem, exit_code=1)
        return Outcome(job, report)

    return blur
