"""Auto-framing on real people: how calm it is, and how fast it follows. ``-s`` shows the figures.

The clips' own mattes, forwards and backwards; a drift moves the picture aside.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.media.clips import composited, with_matte

from bgblur.compositing.follow import Follower
from bgblur.compositing.people import people_in
from bgblur.frame import Alpha

RATE = 25
SETTLED = 3.5  # seconds from the start, when the first move is over
SPEED, LASTS = 0.15, 1.5  # of the drift: picture heights a second, and for how many seconds


def moved(alpha: Alpha, aside: float) -> Alpha:
    """``alpha``, so many picture heights to the left; nobody comes in from the right."""
    pixels = round(aside * len(alpha))
    out = np.zeros_like(alpha)
    out[:, : alpha.shape[1] - pixels] = alpha[:, pixels:]
    return out


def followed(mattes: list[Alpha], seconds: float, drifts: bool) -> NDArray[np.float64]:
    """The views, a row each: x, y, height."""
    width = mattes[0].shape[1] / mattes[0].shape[0]
    follower = Follower(width, width)
    there_and_back = mattes + mattes[-2:0:-1]
    still = [people_in(alpha) for alpha in mattes]
    still += still[-2:0:-1]
    views = []
    for i in range(round(seconds * RATE)):
        at = i / RATE - SETTLED
        place = i % len(there_and_back)
        people = still[place]
        if drifts and at > 0:
            people = people_in(moved(there_and_back[place], SPEED * min(at, LASTS)))
        views.append(follower.view(people, i / RATE))
    return np.array(views)


@pytest.mark.parametrize("name", ["brbk7n", "lbbc2a", "lwbsza", "sbia1a", "swiz3n"])
def test_calm_on_people_at_rest_and_quick_on_a_drift(name: str, data: Path) -> None:
    (clip,) = (clip for clip in composited(data) if clip.stem == name)
    mattes = [alpha for _, alpha in with_matte(clip)]
    views = followed(mattes, 10, drifts=False)
    width = mattes[0].shape[1] / mattes[0].shape[0]
    x, y, height = views.T
    edges = np.stack(
        [x - height * width / 2, x + height * width / 2, y - height / 2, y + height / 2]
    )
    calm = np.abs(np.diff(edges[:, round(SETTLED * RATE) :])).max() * RATE

    views = followed(mattes, SETTLED + LASTS + 3, drifts=True)
    x = views[:, 0]
    begins, ends = round(SETTLED * RATE), round((SETTLED + LASTS) * RATE)
    after = np.flatnonzero(np.abs(x[begins:] - x[begins]) > 0.005)[0] / RATE
    off = np.abs(x[ends:] - x[-1]) > 0.02
    late = (np.flatnonzero(off)[-1] + 1) / RATE if off.any() else 0.0
    beyond = max(0.0, float(x[-1] - x[ends:].min()))
    (person,) = people_in(moved(mattes[0], SPEED * LASTS))
    half = views[-1][2] * width / 2
    middle = min(max((person.left + person.right) / 2, half), width - half)
    print(
        f"{name}: at rest {100 * calm:.3f} % of the height a second; of a drift: starts after "
        f"{after:.2f} s, within 2 % {late:.2f} s after its end, overshoot {100 * beyond:.2f} %"
    )
    assert abs(middle - x[-1]) < 0.06 * views[-1][2], "the dead zone, at most"
    assert calm < 0.002
    assert after < 1
    assert late < 1
    assert beyond < 0.02
