"""What the pipeline does now, and what is wrong with which part. Imports nothing heavy."""

from __future__ import annotations

import threading
from enum import StrEnum


class State(StrEnum):
    """What the output shows. The values are the ``state`` of ``status --json``, a contract."""

    STARTING = "starting"
    BLURRING = "blurring"
    OFF = "off"  # raw by the user's choice
    IDLE = "idle"
    PAUSED = "paused"
    NO_CAMERA = "no camera"
    NO_MASK = "no mask"  # the whole picture is blurred


class Rest(StrEnum):
    """Why the camera is closed on purpose. Each value is the value of a ``State``."""

    IDLE = "idle"  # nobody watches the output
    PAUSED = "paused"  # the user wants it

    @property
    def state(self) -> State:
        return State(self.value)


class Part(StrEnum):
    """What can have a problem."""

    CAMERA = "camera"
    CONTROLS = "controls"  # the camera's own, as exposure
    MASK = "mask"
    MODEL = "model"
    PACE = "pace"  # finding the person takes too long
    PICTURE = "picture"
    OUTPUT = "output"
    PREVIEW = "preview"
    CONFIG = "config"
    STATUS = "status"
    BACKGROUND = "background"


class Problems:
    """What is wrong now: one line for each part that has a problem, for each of several outputs
    where they have some. Callable from any thread.

    The lines are for people. Code asks only whether a part has a problem:

    >>> problems = Problems()
    >>> problems.set(Part.CAMERA, "the camera was unplugged: plug it in again")
    >>> Part.CAMERA in problems, Part.MASK in problems
    (True, False)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[tuple[Part, str], str] = {}

    def set(self, part: Part, line: str, of: str = "") -> None:
        """``of`` says which one, where there are several."""
        with self._lock:
            self._lines[part, of] = line

    def clear(self, part: Part, of: str = "") -> None:
        with self._lock:
            self._lines.pop((part, of), None)

    def __contains__(self, part: Part) -> bool:
        return self.any_of(part)

    def any_of(self, *parts: Part) -> bool:
        """Whether at least one of ``parts`` has a problem."""
        with self._lock:
            return any(part in parts for part, _ in self._lines)

    def each(self) -> dict[tuple[Part, str], str]:
        """A copy: each line by its part and by which one has it, the oldest problem first."""
        with self._lock:
            return dict(self._lines)

    def now(self) -> dict[Part, str]:
        """The line of each part with a problem, the oldest problem first."""
        lines: dict[Part, str] = {}
        for (part, _), line in self.each().items():
            lines[part] = f"{lines[part]}; {line}" if part in lines else line
        return lines
