"""Blurs several videos in parallel processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bgblur.config.settings import Settings
from bgblur.errors import BgblurError
from bgblur.files import remove_unfinished
from bgblur.interrupts import POLL, check, ended_by_signals
from bgblur.offline.batch_serial import OnJobProgress, Outcome, load_blur
from bgblur.offline.video import VideoJob
from bgblur.segmentation.quality import Quality

_END_WITHIN = 5.0  # seconds a worker gets to clean up


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: VideoJob | None = None


def blur_in_parallel(
    jobs: Sequence[VideoJob],
    settings: Settings,
    count: int,
    share: int,
    on_progress: OnJobProgress | None,
    quality: Quality = "fast",
) -> Iterator[Outcome]:
    """Yield the outcome of each job when it is done, by ``count`` processes with ``share`` cores
    each.

    Raises ModelError or UsageError if the engine cannot be loaded.
    """
    waiting = deque(jobs)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.job for worker in workers):
            busy = sum(worker.job is not None for worker in workers)
            while len(workers) < min(count, busy + len(waiting)):
                workers.append(_start_worker(settings, quality, share))
            for worker in workers:
                if worker.job is None and waiting:
                    worker.job = waiting.popleft()
                    with suppress(OSError):  # the worker has just died: its pipe reports it
                        worker.pipe.send(worker.job)
            ready = wait([worker.pipe for worker in workers], POLL)
            check()  # after the wait: a signal to all processes is not a worker's accident
            for worker in [w for w in workers if w.pipe in ready]:
                try:
                    message = worker.pipe.recv()
                except (EOFError, OSError):  # killed, most often for its memory
                    worker.process.join()
                    workers.remove(worker)
                    if worker.job is not None:
                        _remove_leftovers(worker)
                        yield _died(worker.job, worker.process.exitcode)
                    continue
                if isinstance(message, BgblurError):
                    raise message
                if isinstance(message, Outcome):
                    worker.job = None
                    yield message
                elif worker.job is not None and on_progress is not None:
                    on_progress(worker.job, *message)
    except KeyboardInterrupt:
        yield from _last_outcomes(workers)
        raise
    finally:
        _end(workers)


def _start_worker(settings: Settings, quality: Quality, share: int) -> _Worker:
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, settings, quality, share), daemon=True)
    with _ignoring_ctrl_c():  # the terminal sends it to all; only this process handles it
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection, settings: Settings, quality: Quality, share: int) -> None:
    """Run in the worker: load the model, then do jobs until the pipe closes."""
    os.environ["OMP_NUM_THREADS"] = str(share)  # torch reads it when it is imported, later
    try:
        with ended_by_signals():
            try:
                blur = load_blur(settings, quality, share)
            except BgblurError as error:
                pipe.send(error)
                return
            while True:
                while not pipe.poll(POLL):
                    check()
                pipe.send(blur(pipe.recv(), lambda *done: pipe.send(done)))
    except (KeyboardInterrupt, EOFError, ConnectionError):
        pass  # asked to end, or the parent is gone; unfinished files have been removed


def _died(job: VideoJob, code: int | None) -> Outcome:
    reason = f"signal {-code}" if code is not None and code < 0 else f"code {code}"
    problem = (
        f"{job.source}: the process that worked on it ended ({reason}); "
        "if memory ran out, try --jobs 1"
    )
    return Outcome(job, problem=problem, exit_code=1)


def _last_outcomes(workers: Sequence[_Worker]) -> Iterator[Outcome]:
    """Ask the workers to end; yield the jobs that they completed by then."""
    for worker in workers:
        worker.process.terminate()
    deadline = time.monotonic() + _END_WITHIN
    listening = [worker.pipe for worker in workers]
    while listening and time.monotonic() < deadline:
        for pipe in wait(listening, POLL):
            assert isinstance(pipe, Connection)
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                listening.remove(pipe)
                continue
            if isinstance(message, Outcome) and message.report is not None:
                yield message


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
        worker.pipe.close()  # a worker that reports its progress would wait for a reader
    for worker in workers:
        worker.process.join(_END_WITHIN)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
            _remove_leftovers(worker)


def _remove_leftovers(worker: _Worker) -> None:
    """Remove the unfinished files of a process that was killed."""
    if worker.job is not None and worker.process.pid is not None:
        for file in (worker.job.target, worker.job.alpha):
            if file is not None:
                remove_unfinished(file.parent, worker.process.pid)


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Any = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
