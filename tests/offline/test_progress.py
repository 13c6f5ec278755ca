"""What the progress bars show."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bgblur.errors import UsageError
from bgblur.offline.progress import BatchProgress, VideoProgress


def test_the_progress_bar_shows_frames_and_pace() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with VideoProgress(console) as progress:
        progress.update(10, 75, 24.6)
        progress.update(74, 75, 25.4)  # the estimate was one too high
    shown = screen.getvalue()
    assert "74/74" in shown
    assert "25 fps" in shown


def test_the_progress_bar_needs_no_total_and_outgrows_an_estimate() -> None:
    screen = io.StringIO()
    with VideoProgress(Console(file=screen, force_terminal=True, width=100)) as progress:
        progress.update(1, None, 24.6)
        progress.update(80, 75, 24.6)
    assert "80/80" in screen.getvalue()


def test_several_bars_come_and_go() -> None:
    screen = io.StringIO()
    with BatchProgress(Console(file=screen, force_terminal=True, width=100)) as progress:
        progress.update("[a].mp4", 10, 75, 24.6)
        progress.update("b.mp4", 3, None, 24.6)
        progress.finish("b.mp4")
        progress.finish("never begun.mp4")
    assert "[a].mp4" in screen.getvalue()
    assert "10/75" in screen.getvalue()


def test_a_bar_that_never_began_leaves_no_line() -> None:
    screen = io.StringIO()

    def fail() -> None:
        with VideoProgress(Console(file=screen)):
            raise UsageError("no such file")

    with pytest.raises(UsageError):
        fail()
    assert screen.getvalue() == ""
