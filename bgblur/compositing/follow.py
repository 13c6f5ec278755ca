"""Auto-framing: which part of the picture shows the people in it, as a calm camera operator would.

It is a camera on a pan head, simulated: while everybody stays within a dead zone it stands still;
once they leave it, it moves to where they are, by critically damped springs, which is the fastest
way without overshoot. Nothing here knows pixels: lengths are in picture heights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import NamedTuple

from bgblur.compositing.people import Person

MOST_ZOOM = 2.0
GONE_AFTER = 3.0  # seconds without people before the whole is shown again
# The people's share of the view's width; the room above their heads, as a share of its height; and
# how far below the lowest head's top the view reaches at least, in widths of that person.
_SHARE, _HEADROOM, _REACH = 0.55, 0.12, 1.0
# How far from the middle the people may be while the camera stands, as a share of the view's
# height, and how much their size may differ, as a logarithm; and while it moves.
_DEAD, _DEAD_SIZE = 0.06, 0.16
_PLAY, _PLAY_SIZE = 0.01, 0.04
_LEAVES_FOR = 0.12  # seconds outside before it moves: a mask that fails for a frame moves nothing
_SPEED, _SPEED_SIZE, _SPEED_BACK = 6.5, 4.0, 2.0  # of the springs, 1 / second
# Nearer to its aim than this the camera takes no notice of moves within the dead zone any more: it
# would follow every gesture; nearer than that, and slow, it stands.
_ARRIVES, _RESTS = 0.015, 0.0008
_LONGEST = 0.25  # seconds between two frames at most that count


class View(NamedTuple):
    """The centre and the height of what is shown, in picture heights."""

    x: float
    y: float
    height: float


@dataclass
class _Spring:
    """A critically damped spring: its exact solution, so that any frame rate gives the same."""

    at: float
    speed: float = 0.0

    def step(self, aim: float, strength: float, passed: float) -> None:
        off = self.at - aim
        grows = self.speed + strength * off
        fades = exp(-strength * passed)
        self.at = aim + (off + grows * passed) * fades
        self.speed = (self.speed - strength * grows * passed) * fades

    def stop(self, at: float) -> None:
        self.at, self.speed = at, 0.0


class Follower:
    """Call ``view`` with the people of each frame. ``now`` is in seconds, on any steady clock.

    ``width`` is the picture's, ``shape`` the view's width per height, which stays.
    """

    def __init__(self, width: float, shape: float) -> None:
        self._width, self._shape = width, shape
        self._most = min(1.0, width / shape)  # the height of the largest view
        self.whole = View(width / 2, 0.5, self._most)
        self._aim = self.whole
        self._x, self._y, self._size = (_Spring(v) for v in (*self.whole[:2], log(self._most)))
        self._moving = False
        self._chases = False  # moving, and its aim moves too
        self._back = False  # on the way to the whole, because nobody is there
        self._outside_since: float | None = None
        self._last = self._seen = -1e9

    def view(self, people: Sequence[Person], now: float) -> View:
        """What to show now: always within the picture, and in the same shape."""
        passed = min(max(0.0, now - self._last), _LONGEST)
        self._last = now
        if people:
            self._seen, self._back = now, False
            self._look_at(self._wanted(people), now)
        elif now - self._seen >= GONE_AFTER and self._aim != self.whole:
            self._aim, self._moving, self._back = self.whole, True, True
            self._chases = False
        if self._moving:
            self._move(passed)
        return self._clamped(self._x.at, self._y.at, exp(self._size.at))

    def _wanted(self, people: Sequence[Person]) -> View:
        """The view of all of them."""
        left, right = min(p.left for p in people), max(p.right for p in people)
        top, lowest = min(p.top for p in people), max(people, key=lambda p: p.top)
        reach = lowest.top - top + _REACH * (lowest.right - lowest.left)
        height = max((right - left) / _SHARE / self._shape, reach / (1 - _HEADROOM))
        height = min(max(height, self._most / MOST_ZOOM), self._most)
        return self._clamped((left + right) / 2, top + (0.5 - _HEADROOM) * height, height)

    def _look_at(self, wanted: View, now: float) -> None:
        """Have the camera move if ``wanted`` is too far from its aim."""
        aim, height = self._aim, self._aim.height
        away = max(abs(wanted.x - aim.x), abs(wanted.y - aim.y)) / height
        if self._chases:
            self._aim = View(
                _played(aim.x, wanted.x, _PLAY * height),
                _played(aim.y, wanted.y, _PLAY * height),
                exp(_played(log(height), log(wanted.height), _PLAY_SIZE)),
            )
        elif away > _DEAD or abs(log(wanted.height / height)) > _DEAD_SIZE:
            self._outside_since = now if self._outside_since is None else self._outside_since
            if now - self._outside_since >= _LEAVES_FOR:
                self._moving = self._chases = True
                self._outside_since, self._aim = None, wanted
        else:
            self._outside_since = None

    def _move(self, passed: float) -> None:
        aim = self._clamped(*self._aim)
        of_place, of_size = (_SPEED_BACK, _SPEED_BACK) if self._back else (_SPEED, _SPEED_SIZE)
        self._x.step(aim.x, of_place, passed)
        self._y.step(aim.y, of_place, passed)
        self._size.step(log(aim.height), of_size, passed)
        near = max(
            abs(self._x.at - aim.x), abs(self._y.at - aim.y), abs(self._size.at - log(aim.height))
        )
        fast = max(abs(spring.speed) for spring in (self._x, self._y, self._size))
        self._chases &= near > _ARRIVES
        if near < _RESTS and fast < _RESTS:
            self._moving = False
            self._aim = aim
            for spring, at in zip(
                (self._x, self._y, self._size), (aim.x, aim.y, log(aim.height)), strict=True
            ):
                spring.stop(at)

    def _clamped(self, x: float, y: float, height: float) -> View:
        """The nearest view that is within the picture."""
        height = min(max(height, self._most / MOST_ZOOM), self._most)
        half, width = height / 2, height * self._shape / 2
        return View(min(max(x, width), self._width - width), min(max(y, half), 1 - half), height)


def _played(at: float, wanted: float, play: float) -> float:
    """``at``, dragged along by ``wanted`` once that is further away than ``play``."""
    return min(max(at, wanted - play), wanted + play)
