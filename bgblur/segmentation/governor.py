"""Chooses the rung of a ladder: the most accurate that keeps up with the camera.

A machine that is too slow for the lowest shows fewer frames. Steps down are quick, because users
notice a late picture at once. Steps up wait until the load has been low for long, and longer after
each step that failed, so that the mask does not oscillate. A rung that is not ready yet is waited
for on the old one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bgblur.segmentation.ladder import Ladder, Rung

Work = Literal["inferred", "held"]
Readiness = Literal["ready", "loading", "failed"]

_WINDOW = 2.0  # seconds of the past that are measured
_SPAN, _SAMPLES = 1.0, 4  # seconds and inferences needed for a decision
_WARM_UP = 2  # inferences after a change that are not measured: TorchScript may compile
_PAUSE = 0.5  # seconds without a frame, after which the measurements start again
_WAITS = 0.95  # share of the time; if frames take less than it, the camera limits the rate
_HEADROOM = 0.9  # highest predicted load at which a higher rung is tried
_PATIENCE, _MOST_PATIENCE = 5.0, 320.0  # seconds of low load before a step up
_TRIAL = 30.0  # seconds; a step up that is taken back sooner has failed
_LOADS = 10.0  # seconds for which frames do not count while a rung is made ready, which slows them
_LEARNT = 4.0  # largest factor by which one change of the network corrects the table's costs
_KNOWN = 900.0  # seconds for which such a correction counts


@dataclass
class Effort:
    """The rung in force, and how many frames were processed in each way.

    One thread writes it; any thread may read it.
    """

    network: str
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


@dataclass(frozen=True)
class _Measured:
    """Of an inferred frame, in the median: seconds in all, and seconds of the inference; frames a
    second that are wanted."""

    took: float
    inference: float
    rate: float


class Governor:
    """Chooses ``rung`` from the processing times of the frames.

    ``start`` is a rung of ``ladder``; ``fps`` returns the wanted rate; ``share`` is the fraction of
    a frame interval that processing may take. ``ready`` says whether a rung can be used at once; it
    makes one ready that is not, and does not wait. All times come from the caller.
    """

    def __init__(
        self,
        ladder: Ladder,
        start: Rung,
        fps: Callable[[], float],
        share: float,
        ready: Callable[[Rung], Readiness] = lambda _: "ready",
    ) -> None:
        self.rung = start
        self._ladder = ladder
        self._fps, self._share, self._ready = fps, share, ready
        self._frames: deque[tuple[float, float, float, Work]] = deque()  # start, times, work
        self._to_skip = _WARM_UP
        self._calm_since: float | None = None
        self._calm_rung = 0  # the highest that would have fitted throughout that time
        self._patience = _PATIENCE
        self._raised_at = self._changed_at = float("-inf")
        self._awaited: Rung | None = None
        self._awaited_since = 0.0
        # What a network costs here in proportion to the table. Machines differ in it: with VNNI,
        # int8 is cheaper. Learnt at each step up to another network.
        self._dearness: dict[str, float] = {}
        self._learnt_at = 0.0
        self._left: tuple[str, float] | None = None  # that network, and its seconds a unit of cost

    def note(self, began: float, ended: float, work: Work, inference: float | None = None) -> None:
        """Record a frame that was processed from ``began`` to ``ended``, in seconds. ``inference``
        is the part that depends on the rung; None for all of it."""
        if self._frames and began - sum(self._frames[-1][:2]) > _PAUSE:
            self._left = None
            self._restart()
        if self._awaited is not None and self._waits(self._awaited, ended):
            return
        if self._to_skip:
            self._to_skip -= work == "inferred"
            return
        took = ended - began
        self._frames.append((began, took, took if inference is None else inference, work))
        while ended - self._frames[0][0] > _WINDOW and len(self._frames) > 2 * _SAMPLES:
            self._frames.popleft()
        measured = self._measured()
        if measured is not None:
            self._learn(measured, ended)
            self._decide(measured, ended)

    def drop(self, model: str, loaded: Container[str]) -> None:
        """Go on without a network that fails. If it is the one in force, step at once to a rung of
        a ``loaded`` one; there must be one."""
        ladder = self._ladder.without(model)
        if ladder is None:
            return
        if self.rung.model == model:
            others = [rung for rung in ladder.rungs if rung.model in loaded]
            cheaper = [rung for rung in others if self._cost(rung) <= self._cost(self.rung)]
            self.rung = (cheaper or others[:1])[-1]
        self._go_on_with(ladder)

    def _go_on_with(self, ladder: Ladder) -> None:
        """Another ladder, on which the rung in force is."""
        self._ladder = ladder
        self._awaited = self._left = None
        self._restart()

    def _measured(self) -> _Measured | None:
        """None while there are too few measurements."""
        inferred = [frame for frame in self._frames if frame[3] == "inferred"]
        span = self._frames[-1][0] - self._frames[0][0]
        if len(inferred) < _SAMPLES or span < _SPAN:
            return None
        took = median(frame[1] for frame in inferred)
        interval = span / (len(self._frames) - 1)
        rate = self._fps()
        if took < _WAITS * interval:  # the camera is slower than wanted, as in the dark
            rate = min(rate, 1 / interval)
        return _Measured(took, median(frame[2] for frame in inferred), rate)

    def _learn(self, measured: _Measured, now: float) -> None:
        """Compare this network's cost with that of the one before."""
        if self._left is not None and measured.inference > 0:
            before, unit = self._left
            factor = measured.inference / self.rung.cost / unit
            factor = min(max(factor, 1 / _LEARNT), _LEARNT)
            self._dearness[self.rung.model] = self._dearness.get(before, 1.0) * factor
            self._learnt_at = now
        elif now - self._learnt_at > _KNOWN:
            self._dearness.clear()  # another program may have begun just then
        self._left = None

    def _cost(self, rung: Rung) -> float:
        return rung.cost * self._dearness.get(rung.model, 1.0)

    def _load(self, measured: _Measured, rung: Rung) -> float:
        """The load of inferring every frame on ``rung``, predicted; 1 is the highest allowed."""
        more = measured.inference * (self._cost(rung) / self._cost(self.rung) - 1)
        return (measured.took + more) * measured.rate / self._share

    def _decide(self, measured: _Measured, now: float) -> None:
        here = self._ladder.rungs.index(self.rung)
        if here > 0 and self._load(measured, self.rung) > 1:
            self._aim_at(self._highest(measured, 1.0, here - 1), measured, now)
            return
        fits = self._highest(measured, _HEADROOM, len(self._ladder.rungs) - 1)
        if fits <= here:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since, self._calm_rung = now, fits
        else:
            self._calm_rung = min(self._calm_rung, fits)
            if now - self._calm_since >= self._patience:
                self._aim_at(self._calm_rung, measured, now)
        if now - self._changed_at > self._patience + 2 * _TRIAL:
            self._patience = _PATIENCE  # the cause of the failed step is gone

    def _highest(self, measured: _Measured, limit: float, top: int) -> int:
        """The highest rung up to ``top`` whose predicted load is within ``limit``, else the lowest.

        Of a network that was not in force yet, the table's cost may be wrong here. Where the part
        of the inference is not known, the prediction ignores the constant part of a frame's time:
        it is a little too high for higher rungs, and too low for lower ones, so a step down may be
        followed by another.
        """
        for index in range(top, 0, -1):
            if self._load(measured, self._ladder.rungs[index]) <= limit:
                return index
        return 0

    def _aim_at(self, index: int, measured: _Measured, now: float) -> None:
        """Step to a rung, as soon as it is ready."""
        rung = self._ladder.rungs[index]
        unit = measured.inference / self.rung.cost
        # Not of a step down: it follows the slowest frames, which would make the other look cheap.
        compares = rung.model != self.rung.model and rung.accuracy > self.rung.accuracy
        self._left = (self.rung.model, unit) if compares and unit else None
        self._awaited, self._awaited_since = rung, now
        self._restart()
        self._waits(rung, now)

    def _waits(self, rung: Rung, now: float) -> bool:
        """Step to the awaited rung if it is ready. Whether this frame does not count."""
        match self._ready(rung):
            case "ready":
                self._change(rung, now)
            case "failed":  # of the network in force other heights run
                height = rung.height if rung.model == self.rung.model else None
                self._go_on_with(self._ladder.without(rung.model, height) or self._ladder)
            case "loading" if now - self._awaited_since > _LOADS:
                self._awaited = self._left = None  # hung, or the machine is very slow
        return True

    def _change(self, rung: Rung, now: float) -> None:
        if rung.accuracy > self.rung.accuracy:
            self._raised_at = now
        elif now - self._raised_at < _TRIAL:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self.rung, self._changed_at, self._awaited = rung, now, None
        self._to_skip = _WARM_UP
        self._restart()

    def _restart(self) -> None:
        """Start the measurements again."""
        self._frames.clear()
        self._calm_since = None
