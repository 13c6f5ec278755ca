"""Chooses the height of the network's input: the largest that keeps up with the camera.

The rungs of a ladder are input heights. A machine that is too slow for the smallest shows fewer
frames. Steps down are quick, because users notice a late picture at once. Steps up wait until the
load has been low for long, and longer after each step that failed, so that the mask does not
oscillate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Work = Literal["inferred", "held"]

HEIGHTS = {"cpu": range(96, 289, 32), "mps": range(96, 353, 32), "cuda": range(96, 353, 32)}
_WINDOW = 2.0  # seconds of the past that are measured
_SPAN, _SAMPLES = 1.0, 4  # seconds and inferences needed for a decision
_WARM_UP = 2  # inferences after a change that are not measured: TorchScript may compile
_PAUSE = 0.5  # seconds without a frame, after which the measurements start again
_WAITS = 0.95  # share of the time; if frames take less than it, the camera limits the rate
_HEADROOM = 0.9  # highest predicted load at which a higher rung is tried
_PATIENCE, _MOST_PATIENCE = 5.0, 320.0  # seconds of low load before a step up
_TRIAL = 30.0  # seconds; a step up that is taken back sooner has failed


@dataclass
class Effort:
    """The height in force, and how many frames were processed in each way.

    One thread writes it; any thread may read it.
    """

    height: int
    inferred: int = 0
    held: int = 0

    def count(self, work: Work) -> None:
        """Add one frame."""
        match work:
            case "inferred":
                self.inferred += 1
            case "held":
                self.held += 1


class Governor:
    """Chooses ``height`` from the processing times of the frames.

    ``heights`` ascend, ``start`` is one of them; ``fps`` returns the wanted rate; ``share`` is the
    fraction of a frame interval that processing may take. All times come from the caller.
    """

    def __init__(
        self, heights: Sequence[int], start: int, fps: Callable[[], float], share: float
    ) -> None:
        self._heights = heights
        self._rung = heights.index(start)
        self._fps, self._share = fps, share
        self._frames: deque[tuple[float, float, Work]] = deque()  # start, duration, work
        self._to_skip = _WARM_UP
        self._calm_since: float | None = None
        self._calm_rung = 0  # the highest that would have fitted throughout that time
        self._patience = _PATIENCE
        self._raised_at = self._changed_at = float("-inf")

    @property
    def height(self) -> int:
        return self._heights[self._rung]

    def note(self, began: float, ended: float, work: Work) -> None:
        """Record a frame that was processed from ``began`` to ``ended``, in seconds."""
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
        """The load of inferring every frame at the present height; 1 is the highest allowed. None
        while there are too few measurements."""
        inferred = [took for _, took, work in self._frames if work == "inferred"]
        span = self._frames[-1][0] - self._frames[0][0]
        if len(inferred) < _SAMPLES or span < _SPAN:
            return None
        took = median(inferred)
        interval = span / (len(self._frames) - 1)
        rate = self._fps()
        if took < _WAITS * interval:  # the camera is slower than wanted, as in the dark
            rate = min(rate, 1 / interval)
        return took * rate / self._share

    def _decide(self, load: float, now: float) -> None:
        if load > 1 and self._rung > 0:
            self._change(self._highest(load, 1.0, self._rung - 1), now)
            return
        fits = self._highest(load, _HEADROOM, len(self._heights) - 1)
        if fits <= self._rung:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since, self._calm_rung = now, fits
        else:
            self._calm_rung = min(self._calm_rung, fits)
            if now - self._calm_since >= self._patience:
                self._change(self._calm_rung, now)
        if now - self._changed_at > self._patience + 2 * _TRIAL:
            self._patience = _PATIENCE  # the cause of the failed step is gone

    def _highest(self, load: float, limit: float, top: int) -> int:
        """The highest rung up to ``top`` whose predicted load is within ``limit``, else the lowest.

        The prediction is proportional to the number of pixels. It ignores the constant part of a
        frame's time: it is a little too high for higher rungs, and too low for lower ones, so a
        step down may be followed by another.
        """
        for rung in range(top, 0, -1):
            if load * (self._heights[rung] / self.height) ** 2 <= limit:
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
