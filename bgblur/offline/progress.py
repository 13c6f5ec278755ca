"""Progress bars for the offline commands."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class VideoProgress:
    """One bar: frames, frames per second and time left. Pass ``update`` to ``blur_video``."""

    def __init__(self, console: Console, title: str = "blurring") -> None:
        self._progress = _frame_bars(console)
        self._task = self._progress.add_task(title, total=None, fps=0.0)

    def update(self, done: int, total: int | None, fps: float) -> None:
        self._progress.start()  # only now: an early error stays one clean line
        _show(self._progress, self._task, done, total, fps)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:  # the estimate was too high: end at the real count
            done = self._progress.tasks[self._task].completed
            self._progress.update(self._task, total=done)
        if self._progress.live.is_started:  # stopping a bar that never started prints an empty line
            self._progress.stop()


class BatchProgress:
    """One bar for each file in work; ``finish`` removes a file's bar."""

    def __init__(self, console: Console) -> None:
        self._progress = _frame_bars(console)
        self._tasks: dict[str, TaskID] = {}

    def update(self, name: str, done: int, total: int | None, fps: float) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, fps=0.0)
        _show(self._progress, self._tasks[name], done, total, fps)

    def finish(self, name: str) -> None:
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._tasks):
            self.finish(name)
        self._progress.stop()


def _frame_bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.0f} fps"),
        TimeRemainingColumn(),
        console=console,
    )


def _show(progress: Progress, task: TaskID, done: int, total: int | None, fps: float) -> None:
    # `total` is an estimate: a file may be longer.
    total = max(done, total) if total is not None else None
    progress.update(task, completed=done, total=total, fps=fps)
