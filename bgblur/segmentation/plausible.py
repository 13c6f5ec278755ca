"""Whether an alpha can be true of a webcam's picture: a broken model may call the room a person.

Such an alpha shows the room, so it counts as a failed mask. There are two signs, both read on a
coarse grid, both only where the picture has structure (a covered lens shows nothing):

- Person all around: nearly every cell along the four borders is visible. A person fills a
  webcam's upper corners only in an extreme close-up, where blur is the safe side. An alpha that is
  the same everywhere has this sign, too, and so has an inverted one.
- Room that became a person without motion: cells that were room for a second are visible now, but
  their structure is the one that was seen then. A person who comes in front of a cell changes it.
  Structure is compared by normalised cross-correlation, which ignores a change of light.

The verdict is at once for the worse, and takes time for the better, more with every relapse: a
close-up must not flap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Image
from bgblur.imaging.resize import halved
from bgblur.segmentation.hysteresis import SEEN

GRID_ROWS = 10
_FINER = 6  # pixels along a cell's side from which alpha may be halved
SIDE = 6  # of a cell, in pixels of the pictures that are compared
VISIBLE = SEEN  # of a cell's mean alpha: edges.firm makes what is below it 0
ROOM = 0.1  # a cell with a lower mean alpha is room
STRUCTURE = 4.0  # standard deviation of a cell's luma in grey levels, above a dark sensor's noise
STRUCTURED = 0.05  # share of the cells: with less structure a picture shows nothing
AROUND = 0.85  # share of the border cells, from which there is a sign
NOT_AROUND = 0.75  # and below which there is none any more
SAME = 0.85  # correlation of a cell with its past, from which nothing has moved in it
BECAME, BECAME_LEAST = 0.3, 0.06  # share of the remembered room; and of all cells
KNOWN = 1.0  # seconds that a cell must have been room
_BLEND = 0.1  # weight of the newest picture in what is remembered of a cell
_LONGEST = 0.2  # seconds between two frames at most that count
CALM, MOST_CALM = 1.0, 8.0  # seconds without a sign before an alpha is plausible again
RELAPSE = 30.0  # seconds; a sign sooner than that after the last doubles the wait

ALL_AROUND = (
    "the mask covers the picture's whole border, as of a broken model or a face close to the "
    "camera, so all is blurred: move back, or choose another engine.model"
)
NOTHING_MOVED = (
    "the mask grew over the room where nothing moved, so all is blurred: "
    "move a little, or choose another engine.model"
)

Plane = NDArray[np.float32]


class ImplausibleError(RuntimeError):
    """An alpha that cannot be true. The model runs: loading it again at once would not help."""


class Plausibility:
    """Remembers the room behind the person, and when there was a sign last."""

    def __init__(self) -> None:
        self._room: Plane | None = None  # luma of each cell when it was room last
        self._known: Plane | None = None  # seconds that each cell was room, up to KNOWN
        self._last = 0.0  # the last call
        self._sign = ""  # the newest one; "" while alphas are plausible
        self._sign_at = 0.0
        self._wait = CALM

    def __call__(self, cells: Plane, small: Image, now: float) -> str:
        """What is wrong with the alpha whose ``cells_of`` are given, "" if nothing is. ``small`` is
        its frame's ``motion.small_picture``, ``now`` the time in seconds."""
        size = cells.shape[1], cells.shape[0]
        luma = _averaged(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (SIDE * size[0], SIDE * size[1]))
        mean, deviation = _moments(luma, size)
        passed, self._last = min(now - self._last, _LONGEST), now
        if self._room is None or self._known is None or self._room.shape != luma.shape:
            self._room, self._known = luma.copy(), np.zeros_like(cells)
        same = self._same(luma, mean, deviation)
        sign = self._sign_of(cells, deviation, same)
        if sign is None:
            return self._sign  # nothing can be said of this picture
        self._remember(cells, luma, same, passed)
        return self._verdict(sign, now)

    def forget_room(self) -> None:
        """The next picture has another view of it. A sign in force stays until it has been calm."""
        self._room = self._known = None

    def _same(self, luma: Plane, mean: Plane, deviation: Plane) -> NDArray[np.bool_]:
        """The cells that show the structure that they had as room."""
        assert self._room is not None
        size = mean.shape[1], mean.shape[0]
        past_mean, past_deviation = _moments(self._room, size)
        both = _averaged(self._room * luma, size) - past_mean * mean
        structured = (past_deviation > STRUCTURE) & (deviation > STRUCTURE / 2)
        same: NDArray[np.bool_] = structured & (both > SAME * past_deviation * deviation)
        return same

    def _sign_of(self, cells: Plane, deviation: Plane, same: NDArray[np.bool_]) -> str | None:
        """The sign that this alpha shows, or ""; None where the picture has too little structure
        for either."""
        assert self._known is not None
        if np.count_nonzero(deviation > STRUCTURE) < STRUCTURED * cells.size:
            return None
        around = _border(cells) > VISIBLE
        limit = NOT_AROUND if self._sign else AROUND
        if np.count_nonzero(around) >= limit * around.size:
            return ALL_AROUND
        kept = same & (self._known >= KNOWN)
        became = np.count_nonzero(kept & (cells > VISIBLE))
        if became >= max(BECAME * np.count_nonzero(kept), BECAME_LEAST * cells.size):
            return NOTHING_MOVED
        return ""

    def _remember(self, cells: Plane, luma: Plane, same: NDArray[np.bool_], passed: float) -> None:
        assert self._room is not None
        assert self._known is not None
        room = cells < ROOM
        self._known = np.where(room, np.minimum(self._known + passed, KNOWN), self._known)
        # Seen too shortly before it was covered: a person who was lost for a moment.
        self._known[~room & (self._known < KNOWN)] = 0
        newest = np.where(room, np.where(same, np.float32(_BLEND), np.float32(1)), np.float32(0))
        weight = cv2.resize(newest, (luma.shape[1], luma.shape[0]), interpolation=cv2.INTER_NEAREST)
        self._room += weight * (luma - self._room)

    def _verdict(self, sign: str, now: float) -> str:
        if sign:
            if not self._sign:
                relapse = now - self._sign_at < RELAPSE and self._sign_at > 0
                self._wait = min(2 * self._wait, MOST_CALM) if relapse else CALM
            self._sign, self._sign_at = sign, now
        elif now - self._sign_at >= self._wait:
            self._sign = ""
        return self._sign


def cells_of(alpha: Any, small: Image) -> Callable[[], Plane]:
    """A function that gives the mean ``alpha`` (h, w) of each cell, (10, w); ``small`` is the small
    picture. Of a tensor it is on its way from the device until then."""
    size = max(4, round(GRID_ROWS * small.shape[1] / small.shape[0])), GRID_ROWS
    if isinstance(alpha, np.ndarray):
        low = alpha  # an area average of all of it takes six times as long
        while min(low.shape[0] / size[1], low.shape[1] / size[0]) >= _FINER and _even(low):
            low = halved(low)
        cells = _averaged(low, size)
        return lambda: cells
    from bgblur.segmentation.plausible_torch import averaged

    return averaged(alpha, size)


def _even(plane: Plane) -> bool:
    return plane.shape[0] % 2 == plane.shape[1] % 2 == 0


def _averaged(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _moments(luma: Plane, size: tuple[int, int]) -> tuple[Plane, Plane]:
    """Each cell's mean and standard deviation."""
    mean = _averaged(luma, size)
    variance = _averaged(luma * luma, size) - mean * mean
    return mean, np.sqrt(np.maximum(variance, 0))


def _border(cells: Plane) -> Plane:
    return np.concatenate((cells[0], cells[-1], cells[1:-1, 0], cells[1:-1, -1]))
