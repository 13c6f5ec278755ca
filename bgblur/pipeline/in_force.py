"""What the user wants at this moment, and which frames may be shown for it."""

from __future__ import annotations

import threading
from typing import Literal, NamedTuple

from bgblur.compositing.look import Look
from bgblur.frame import Frame
from bgblur.imaging.geometry import Geometry
from bgblur.pipeline.state import Rest
from bgblur.segmentation.options import MaskOptions

PauseShows = Literal["card", "blurred"]  # see ``still.Still`` on the second


class Made(NamedTuple):
    """What a picture that shows something of the room was made with: the look, and the frame's
    ``order``."""

    look: Look
    order: int


class InForce:
    """The look, mask, geometry and rest in force, and what a pause shows. Any thread may replace
    one of them; the pipeline's threads read them again for every frame.

    ``order`` counts the orders after which an older frame must not be shown: another camera, the
    end of a rest, and a raw picture. A frame has the number that was in force when its reading
    began, so no clock decides, and a frame that arrives late is still an old one.
    """

    def __init__(
        self,
        look: Look,
        mask: MaskOptions,
        rest: Rest | None = None,
        geometry: Geometry | None = None,
    ) -> None:
        self.mask = mask
        self.follow = False  # whether the people are framed
        self.pause_shows: PauseShows = "card"
        self.geometry = geometry or Geometry()
        self.order = 0
        self.camera_since = 0  # the order that the camera was last chosen or woken with
        self._raw_since = 0
        self._look, self._rest = look, rest
        self._changing = threading.Lock()

    @property
    def look(self) -> Look:
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        with self._changing:
            if look.raw and not self._look.raw:
                self._raw_since = self.order + 1
                self.order += 1
            self._look = look  # last: whoever sees it knows which frames are too old for it

    @property
    def rest(self) -> Rest | None:
        return self._rest

    @rest.setter
    def rest(self, rest: Rest | None) -> None:
        with self._changing:
            if rest is None and self._rest is not None:
                self._forget_camera()
            self._rest = rest

    def another_camera(self) -> None:
        """No frame whose reading has begun may be shown."""
        with self._changing:
            self._forget_camera()

    def _forget_camera(self) -> None:
        # In this order: no frame with the new number comes from a camera of the old one.
        self.camera_since = self.order + 1
        self.order += 1

    def knows(self, frame: Frame) -> bool:
        """Whether ``frame`` comes from the camera in force, and not from before a rest."""
        return frame.order >= self.camera_since

    def may_be_seen(self, frame: Frame) -> bool:
        """Whether ``frame``, or what was made with it, may be shown at all at this moment."""
        return self._rest is None and self.knows(frame)

    def may_show(self, made: Made | None) -> bool:
        """Whether a picture made with this may be shown now. None stands for a picture that shows
        nothing of the room: a card, or a whole frame blurred at full strength."""
        if made is None:
            return True
        look, order = made
        if self._rest is not None or order < self.camera_since:
            return False
        # What was captured while the room had to be hidden stays hidden.
        return look.hides_as_much_as(self._look) and not (look.raw and order < self._raw_since)
