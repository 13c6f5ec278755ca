"""Several videos, one after the other or in processes side by side."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bgblur.config.settings import Settings
from bgblur.errors import BgblurError, one_line
from bgblur.interrupts import POLL, check, ended_by_signals
from bgblur.media.writer import remove_unfinished
from bgblur.offline.video import OnProgress, VideoJob, VideoReport, blur_video

_END_WITHIN = 5.0  # seconds a worker gets to tidy up
_MEMORY_EACH = 1_000_000_000  # bytes a worker needs for HD

Progress = Callable[[VideoJob, int, int | None, float], None]
"""Gets the job and what ``OnProgress`` gets."""


@dataclass(frozen=True)
class Outcome:
    """Of one job: its report, or the one line why there is none and the exit code for it."""

    job: VideoJob
    report: VideoReport | None = None
    problem: str = ""
    exit_code: int = 0


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(settings: Settings, jobs: int) -> int:
    """One on a GPU, which the stages of one film fill; else a process for every two cores, as far
    as memory goes. Raises UsageError for an engine that cannot be had; imports torch."""
    if jobs == 1:
        return 1
    import psutil

    from bgblur.segmentation.engine import choose_device

    if choose_device(settings.engine.device) != "cpu":
        return 1
    fits = psutil.virtual_memory().available // _MEMORY_EACH
    return max(1, min(jobs, cores() // 2, fits))


def blur_all(
    jobs: Sequence[VideoJob], settings: Settings, workers: int, on_progress: Progress
) -> Generator[Outcome, None, None]:
    """The outcome of each job as it comes; one that fails does not stop the others.

    Raises ModelError or UsageError when the engine cannot be loaded. Close the generator to stop:
    what is unfinished is removed.
    """
    if workers == 1:
        yield from _one_by_one(jobs, settings, on_progress)
    else:
        yield from _side_by_side(jobs, settings, min(workers, len(jobs)), on_progress)


def _one_by_one(
    jobs: Sequence[VideoJob], settings: Settings, on_progress: Progress
) -> Iterator[Outcome]:
    blur = _blurrer(settings)
    for job in jobs:
        check()
        yield blur(job, lambda *done, job=job: on_progress(job, *done))


def _blurrer(settings: Settings) -> Callable[[VideoJob, OnProgress], Outcome]:
    from bgblur.offline.processor import Processor

    processor = Processor(settings)
    processor.load()  # what fails here would fail for every file

    def blur(job: VideoJob, on_progress: OnProgress) -> Outcome:
        processor.restart()
        try:
            report = blur_video(job, processor.segment, processor.compose, on_progress=on_progress)
        except BgblurError as error:
            return Outcome(job, problem=str(error), exit_code=error.exit_code)
        except (BrokenPipeError, ConnectionError):
            raise  # nobody listens any more
        except Exception as error:  # a file may break a codec in any way; the next may be well
            problem = f"{job.source}: {type(error).__name__}: {one_line(error)}"
            return Outcome(job, problem=problem, exit_code=1)
        return Outcome(job, report)

    return blur


# ------------------------------------------------------------ processes


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: VideoJob | None = None


def _side_by_side(
    jobs: Sequence[VideoJob], settings: Settings, count: int, on_progress: Progress
) -> Iterator[Outcome]:
    waiting = deque(jobs)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.job for worker in workers):
            busy = sum(worker.job is not None for worker in workers)
            while len(workers) < min(count, busy + len(waiting)):
                workers.append(_started(settings, cores() // count))
            for worker in workers:
                if worker.job is None and waiting:
                    worker.job = waiting.popleft()
                    with suppress(OSError):  # it has just died: its pipe says so
                        worker.pipe.send(worker.job)
            ready = wait([worker.pipe for worker in workers], POLL)
            check()  # after: a signal to all of them is no accident of one
            for worker in [w for w in workers if w.pipe in ready]:
                try:
                    told = worker.pipe.recv()
                except (EOFError, OSError):  # killed, most often for its memory
                    worker.process.join()
                    workers.remove(worker)
                    if worker.job is not None:
                        _tidy_up_after(worker)
                        yield _died(worker.job, worker.process.exitcode)
                    continue
                if isinstance(told, BgblurError):
                    raise told
                if isinstance(told, Outcome):
                    worker.job = None
                    yield told
                elif worker.job is not None:
                    on_progress(worker.job, *told)
    except KeyboardInterrupt:
        yield from _last_words(workers)
        raise
    finally:
        _end(workers)


def _started(settings: Settings, threads: int) -> _Worker:
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, settings, max(1, threads)), daemon=True)
    with _deaf_to_ctrl_c():  # the terminal sends it to all; the workers leave it to this process
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection, settings: Settings, threads: int) -> None:
    """A worker's life: loads the model, then takes jobs until the pipe closes."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by torch, which is not imported yet
    try:
        with ended_by_signals():
            try:
                blur = _blurrer(settings)
            except BgblurError as error:
                pipe.send(error)
                return
            while True:
                while not pipe.poll(POLL):
                    check()
                pipe.send(blur(pipe.recv(), lambda *done: pipe.send(done)))
    except (KeyboardInterrupt, EOFError, ConnectionError):
        pass  # told to end, or the other side is gone; what was unfinished has been removed


def _died(job: VideoJob, code: int | None) -> Outcome:
    reason = f"signal {-code}" if code is not None and code < 0 else f"code {code}"
    problem = (
        f"{job.source}: the process that worked on it ended ({reason}); "
        "if memory ran out, try --jobs 1"
    )
    return Outcome(job, problem=problem, exit_code=1)


def _last_words(workers: Sequence[_Worker]) -> Iterator[Outcome]:
    """Tell them to end; what was complete by then."""
    for worker in workers:
        worker.process.terminate()
    deadline = time.monotonic() + _END_WITHIN
    listening = [worker.pipe for worker in workers]
    while listening and time.monotonic() < deadline:
        for pipe in wait(listening, POLL):
            assert isinstance(pipe, Connection)
            try:
                told = pipe.recv()
            except (EOFError, OSError):
                listening.remove(pipe)
                continue
            if isinstance(told, Outcome) and told.report is not None:
                yield told


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
        worker.pipe.close()  # one that tells its progress would wait for a listener
    for worker in workers:
        worker.process.join(_END_WITHIN)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
            _tidy_up_after(worker)


def _tidy_up_after(worker: _Worker) -> None:
    """What a process that was killed could not remove itself."""
    if worker.job is not None and worker.process.pid is not None:
        for file in (worker.job.target, worker.job.alpha):
            if file is not None:
                remove_unfinished(file.parent, worker.process.pid)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Any = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
