"""How much the network may see: the most that keeps up with the camera.

The rungs of the ladder are the heights of the network's input; below the smallest lies the same
height for every second frame only. Steps down are quick, because a late picture is seen at once;
steps up wait for a long calm, and longer after each one that failed, so the mask does not pump.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Work = Literal["inferred", "carried", "held"]

HEIGHTS = {"cpu": range(96, 289, 32), "mps": range(96, 353, 32), "cuda": range(96, 353, 32)}
_WINDOW = 2.0  # seconds of the past that decide
_SPAN, _SAMPLES = 1.0, 4  # the least of it, in seconds and inferences
_WARM_UP = 2  # inferences after a change that do not count: TorchScript may compile
_PAUSE = 0.5  # seconds without a frame after which another stream begins
_WAITS = 0.95  # busy for less than this share of the time: it is the camera that sets the rate
_ROOM = 0.9  # load that a higher rung may have, as predicted, to be tried
_PATIENCE, _MOST_PATIENCE = 5.0, 320.0  # seconds of calm before a step up
_TRIAL = 30.0  # seconds that a higher rung must hold, else it has failed


@dataclass
class Effort:
    """What is done now, and how many frames were done how: written by one thread, read by any."""

    height: int
    every: int = 1  # infers every frame, or every second one
    inferred: int = 0
    carried: int = 0
    held: int = 0


class Governor:
    """Chooses ``height`` and ``every`` from how long the frames take.

    ``heights`` ascend, ``start`` is one of them; ``fps`` tells the wanted rate; ``share`` is the
    part of the time between two frames that one may take. Time comes from the caller alone.
    """

    def __init__(
        self, heights: Sequence[int], start: int, fps: Callable[[], float], share: float
    ) -> None:
        self._heights = heights
        self._rung = heights.index(start) + 1  # 0 is the smallest height at every second frame
        self._fps, self._share = fps, share
        self._frames: deque[tuple[float, float, Work]] = deque()  # began, took, how
        self._to_skip = _WARM_UP
        self._calm_since: float | None = None
        self._calm_rung = 0  # the highest that would have fitted all through the calm
        self._patience = _PATIENCE
        self._raised_at = self._changed_at = float("-inf")

    @property
    def height(self) -> int:
        return self._heights[max(0, self._rung - 1)]

    @property
    def every(self) -> int:
        return 1 if self._rung else 2

    def note(self, began: float, ended: float, work: Work) -> None:
        """A frame was worked on from ``began`` to ``ended``, in seconds."""
        if self._frames and began - sum(self._frames[-1][:2]) > _PAUSE:
            self._frames.clear()
            self._calm_since = None
        if self._to_skip:
            self._to_skip -= work == "inferred"
            return
        self._frames.append((began, ended - began, work))
        while ended - self._frames[0][0] > _WINDOW and len(self._frames) > 2 * _SAMPLES:
            self._frames.popleft()
        cost = self._cost()
        if cost is not None:
            self._decide(cost, ended)

    def _cost(self) -> float | None:
        """The load, 1 is all that it may be, of inferring every frame at the present height."""
        inferred = [took for _, took, work in self._frames if work == "inferred"]
        span = self._frames[-1][0] - self._frames[0][0]
        if len(inferred) < _SAMPLES or span < _SPAN:
            return None
        took = median(inferred)
        carried = [took for _, took, work in self._frames if work == "carried"]
        busy = (took + median(carried)) / 2 if carried else took
        interval = span / (len(self._frames) - 1)
        rate = self._fps()
        if busy < _WAITS * interval:  # a camera may be slower than wanted, as in the dark
            rate = min(rate, 1 / interval)
        return took * rate / self._share

    def _decide(self, load: float, now: float) -> None:
        if load > 1 and self._rung > 0:
            self._change(self._highest(load, 1.0, self._rung - 1), now)
            return
        fits = self._highest(load, _ROOM, len(self._heights))
        if fits <= self._rung:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since, self._calm_rung = now, fits
        else:
            self._calm_rung = min(self._calm_rung, fits)
            if now - self._calm_since >= self._patience:
                self._change(self._calm_rung, now)
        if now - self._changed_at > self._patience + 2 * _TRIAL:
            self._patience = _PATIENCE  # what was in the way is gone

    def _highest(self, load: float, limit: float, top: int) -> int:
        """The highest rung up to ``top`` whose load would be within ``limit``; 0 where none is.

        The time goes with the pixels; what is the same at every height makes that a little too
        much for the higher rungs, and a step down may be followed by another.
        """
        for rung in range(top, 0, -1):
            if load * (self._heights[rung - 1] / self.height) ** 2 <= limit:
                return rung
        return 0

    def _change(self, rung: int, now: float) -> None:
        if rung > self._rung:
            self._raised_at = now
        elif now - self._raised_at < _TRIAL:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._rung, self._changed_at = rung, now
        self._frames.clear()
        self._to_skip = _WARM_UP
        self._calm_since = None
