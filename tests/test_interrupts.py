"""Ctrl-C at any moment: a job has all its files or none, and its caller knows which."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.media.video_files import writer

from bgblur.errors import OutputError
from bgblur.frame import Alpha, Image
from bgblur.interrupts import Stop, check, ended_by_signals
from bgblur.media.remux import Remux
from bgblur.offline.video import VideoJob, blur_video


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    numbers = [n for n in signal.Signals if n.name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_waits_for_a_check() -> None:
    def command() -> None:
        with ended_by_signals():
            check()
            ctrl_c()
            ctrl_c()
            steps.append("second step")
            check()
            steps.append("never")

    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        command()
    assert steps == ["second step"]
    ctrl_c()  # once more on the way out
    check()


def test_after_the_last_check_a_signal_changes_nothing() -> None:
    with ended_by_signals():
        ctrl_c()
    check()


def test_without_a_signal_the_handlers_are_as_before() -> None:
    with ended_by_signals():
        check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ended_by_signals():
        ctrl_c()
        check()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_only_the_main_thread_is_ended() -> None:
    ended = []

    def work() -> None:
        check()
        ended.append(False)

    with ended_by_signals():
        ctrl_c()
        other = threading.Thread(target=work)
        other.start()
        other.join()
    assert ended == [False]


STOPPED_AT_ANY_CALL = """
import os, signal, sys, threading
from bgblur.interrupts import Stop
for call in range(1, 40):
    stop = {kind}()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    count = 0
    def profile(*_):
        global count
        count += 1
        if count == call:
            os.kill(os.getpid(), signal.SIGINT)
    sys.setprofile(profile)
    stop.wait(0.01)
    stop.wait(0.01)
    sys.setprofile(None)
"""


@pytest.mark.parametrize("kind", ["Stop", "threading.Event"])
def test_a_handler_may_set_it_at_any_call_of_the_waiting_thread(kind: str) -> None:
    call = [sys.executable, "-c", STOPPED_AT_ANY_CALL.format(kind=kind)]
    if kind == "Stop":
        subprocess.run(call, check=True, timeout=60)
    else:  # why there is a class of our own
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(call, check=True, timeout=10)


def test_it_stays_set_and_wakes_at_once() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    began = time.monotonic()
    assert stop.wait(30)
    assert time.monotonic() - began < 10
    assert stop.wait(0)
    assert stop.wait(0.01)


def as_is(picture: Image, seconds: float) -> tuple[Image, Alpha]:
    return picture, np.ones(picture.shape[:2], np.float32)


def interrupted_at(call: int, job: VideoJob) -> tuple[bool, int]:
    """Whether ``job`` reported that it was done, with Ctrl-C at this thread's Nth call or return;
    and how many there were."""
    count = 0

    def profile(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == call:
            ctrl_c()

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with ended_by_signals():
            sys.setprofile(profile)
            try:
                blur_video(job, lambda picture: picture, as_is)
            finally:
                sys.setprofile(None)
    except KeyboardInterrupt:
        return False, count
    return True, count


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.mp4"
    with writer(path) as video:
        for index in range(2):
            video.write(np.full((48, 64, 3), 90 * index, np.uint8), 40 * index)
    return path


def test_all_files_or_none(tmp_path: Path, source: Path) -> None:
    def into(name: str) -> VideoJob:
        out = tmp_path / name
        out.mkdir()
        return VideoJob(source, out / "a.mp4", alpha=out / "m.mkv")

    done, calls = interrupted_at(0, into("whole"))
    assert done
    outcomes = set()
    for call in {*range(1, calls, max(1, calls // 120)), *range(max(1, calls - 60), calls)}:
        job = into(str(call))
        done, _ = interrupted_at(call, job)
        left = {path.name for path in job.target.parent.iterdir()}
        assert left == ({"a.mp4", "m.mkv"} if done else set()), call
        outcomes.add(done)
    assert outcomes == {True, False}


def test_both_files_or_none_where_one_cannot_be_completed(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = VideoJob(source, tmp_path / "a.mp4", alpha=tmp_path / "m.mkv", overwrite=True)
    before: dict[Path, bytes] = {}
    for path in (job.target, tmp_path / "m.mkv"):
        path.write_bytes(before.setdefault(path, b"an old one, " + path.name.encode()))
    real = Remux.up_to

    def full(self: Remux, seconds: Fraction | None) -> None:
        if seconds is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, seconds)

    monkeypatch.setattr(Remux, "up_to", full)
    with pytest.raises(OutputError, match="No space left on device; choose a folder"):
        blur_video(job, lambda picture: picture, as_is)
    assert {path: path.read_bytes() for path in before} == before
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "a.mp4", "m.mkv"}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs signals")
def test_a_closed_terminal_ends_it_unless_it_is_ignored() -> None:
    def hang_up() -> None:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            check()

    for ignored in (True, False):
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        stop = Stop()
        if ignored:
            hang_up()
        else:
            with pytest.raises(KeyboardInterrupt):
                hang_up()
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        stop.at_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.wait(0.1) != ignored
