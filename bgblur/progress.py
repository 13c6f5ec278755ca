"""A progress bar for the offline commands."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class VideoProgress:
    """Frames, frames a second and time left; ``blur_video`` drives ``update``."""

    def __init__(self, console: Console, title: str = "blurring") -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[fps]:.0f} fps"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task(title, total=None, fps=0.0)

    def update(self, done: int, total: int | None, fps: float) -> None:
        self._progress.start()  # not before there is progress: an early error is one clean line
        # `total` is an estimate: a file may turn out longer.
        total = max(done, total) if total is not None else None
        self._progress.update(self._task, completed=done, total=total, fps=fps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:  # an estimate that was too high ends at what was there
            done = self._progress.tasks[self._task].completed
            self._progress.update(self._task, total=done)
        self._progress.stop()
