"""The crop of each picture that auto-framing shows: a Follower, fed with each frame's own alpha.

The crop is taken of the finished picture, so that it can show nothing that the picture does not.
"""

from __future__ import annotations

from bgblur.compositing.follow import Follower, View
from bgblur.compositing.people import people_in
from bgblur.frame import Frame
from bgblur.imaging.canvas import WHOLE, Crop
from bgblur.pipeline.mailbox import Segmented

_Key = tuple[int, int, float, float]


class Framing:
    """Belongs to one thread. ``crop`` is what was found last, of the picture as it was published:
    any thread may read it."""

    def __init__(self) -> None:
        self.crop = WHOLE
        self._follower: Follower | None = None
        self._key: _Key | None = None  # what the follower is for

    def off(self) -> Crop:
        """The whole, and nothing is remembered."""
        self._follower = self._key = None
        self.crop = WHOLE
        return WHOLE

    def follow(self, item: Segmented, mirror: bool, shape: float | None) -> Crop:
        """What to show of the picture made of ``item``. ``shape`` is the width per height of the
        part; None for the picture's own. Where no mask was looked for, nobody is seen."""
        rows, columns = item.frame.image.shape[:2]
        width = columns / rows
        shape = shape or width
        key = (item.frame.opening, item.frame.view, width, shape)
        if self._follower is None or key != self._key:  # another room, or seen in another way
            self._follower, self._key = Follower(width, shape), key
        people = people_in(item.alpha) if item.alpha is not None else ()
        view = self._follower.view(people, item.frame.captured)
        self.crop = _crop_of(view, width, shape, mirror)
        return self.crop

    def of(self, frame: Frame) -> Crop:
        """What is shown of a frame without a mask: the newest crop if it is of the same view."""
        rows, columns = frame.image.shape[:2]
        key = self._key
        same = key is not None and key[:3] == (frame.opening, frame.view, columns / rows)
        return self.crop if same else WHOLE


def _crop_of(view: View, width: float, shape: float, mirror: bool) -> Crop:
    """As fractions. The whole is exactly that: then nothing has to be done."""
    across, down = min(1.0, view.height * shape / width), min(1.0, view.height)
    if min(across, down) > 1 - 1e-6:
        return WHOLE
    x, y = view.x / width - across / 2, view.y - down / 2
    return Crop(1 - across - x if mirror else x, y, across, down)
