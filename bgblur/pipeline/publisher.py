"""Decides what may be shown, makes the picture and hands it to the outputs.

Fail closed: while blur is on, a frame leaves only with its own alpha applied. Wherever that alpha
is missing (still loading, failed, hung, late), the whole frame is blurred at full strength; where
there is no frame either, a card is shown. The decision is made here and nowhere else, from the
look in force at the moment of publishing, so no order of events can let a raw frame through.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from bgblur.compositing.card import card
from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.errors import one_line
from bgblur.frame import Frame, Image
from bgblur.imaging.canvas import WHOLE, Crop
from bgblur.imaging.tiled import TiledAlpha
from bgblur.pipeline.framing import Framing
from bgblur.pipeline.in_force import InForce, Made
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.outputs import Outputs
from bgblur.pipeline.state import Part, Problems, Rest, State
from bgblur.pipeline.still import Still
from bgblur.pipeline.words import ALL_CARDS, CARDS, ENDED_CARD, PROBLEM_CARD
from bgblur.stats import Stats

STALE_AFTER = 1.0  # seconds after which an alpha, and the picture made with it, is too old
LATE_BEFORE_REPORTED = 3
TOO_LATE = (
    f"finding the person takes longer than {STALE_AFTER:g} s a frame, so all is blurred: "
    'set engine.input_height to "auto" or a smaller number'
)
NO_SIGNAL_AFTER = 1.0  # seconds without a frame after which the card is shown
PATIENCE = 2.0  # seconds at most in place of either, for a source with that few frames


class _Shown(NamedTuple):
    """The newest frame shown, whether it was mirrored, what was shown of it, and when
    (``time.monotonic()``)."""

    item: Segmented
    mirror: bool
    crop: Crop
    at: float


class Publisher:
    """``show`` and ``end`` belong to one thread, the rest to any.

    ``problems`` and ``in_force`` are shared with the pipeline.
    """

    def __init__(
        self, outputs: Outputs, stats: Stats, problems: Problems, in_force: InForce
    ) -> None:
        self.state = State.STARTING
        self._outputs = outputs
        self._stats = stats
        self._problems = problems
        self._in_force = in_force
        self._cpu = CpuCompositor()
        self._still = Still(in_force)
        self._drawn = (0, 0)  # size of the cards that have been drawn
        self._last: Image | None = None  # the newest picture made with an alpha
        self._last_with: Made | None = None  # what it was made with
        self._last_made = 0.0
        self._shown: _Shown | None = None  # that picture's frame
        self._framing = Framing()
        self._last_crop = WHOLE  # what was shown of that picture
        self._crop = WHOLE  # what is to be shown of the picture that is being made
        self._late = 0  # alphas in a row that came too late
        self._two_frames = 0.0  # seconds

    @property
    def crop(self) -> Crop:
        """What auto-framing shows of the pictures now."""
        return self._framing.crop

    def expect(self, fps: float) -> None:
        """From now on the camera's frames come at this rate."""
        self._two_frames = 2 / fps

    def before(self) -> Image | None:
        """The camera's own picture of the newest published frame, for the user's own eyes. None
        once that frame is not shown any more."""
        shown = self._still_shown()
        if shown is None:
            return None
        return self._seen(shown, shown.item.frame.image)

    def matte(self) -> Image | None:
        """The alpha of the newest published frame as a grey picture, white is the person. None
        where no frame is shown, or it was raw by choice."""
        shown = self._still_shown()
        if shown is None or shown.item.alpha is None:
            return None
        alpha = shown.item.alpha
        if isinstance(alpha, TiledAlpha):
            alpha = np.asarray(alpha)
        alpha = alpha if isinstance(alpha, np.ndarray) else alpha.float().cpu().numpy()
        grey = cv2.cvtColor(cv2.convertScaleAbs(alpha, alpha=255), cv2.COLOR_GRAY2BGR)
        return self._seen(shown, np.asarray(grey, np.uint8))

    def show(self, item: Segmented | None, newest: Frame | None) -> None:
        """Publish ``item`` if that is allowed, else the picture that is. Never raises: an output
        that fails is opened again later. During a rest, nothing of the camera is shown.
        ``newest`` is the frame captured last."""
        look, rest = self._in_force.look, self._in_force.rest
        self._crop = WHOLE
        try:
            if not self._outputs.ready():
                self._forget()
                return
            self._draw_cards()
            own = rest is None and self._may_show(item, look)
            picture = (
                self._rested(rest) if rest else self._picture(item if own else None, look, newest)
            )
            if not self._outputs.feed(picture, self._last_with, self._crop):
                self._forget()  # a pause that began meanwhile has its still picture from it
                return
        except Exception as error:  # drivers raise anything
            self._forget()
            self._outputs.failed(error)
            return
        if item is None:
            return
        self._judge_pace(late=rest is None and self._too_late(item))
        if own and Part.PICTURE not in self._problems:
            self._stats.frame_done(item.frame.captured)

    def end(self) -> None:
        """Leave the card as the last picture and close the outputs. Never raises."""
        self._outputs.end(self._card(ENDED_CARD))

    def _judge_pace(self, late: bool) -> None:
        """Report a mask that is always too late, which keeps the whole frame blurred."""
        self._late = self._late + 1 if late else 0
        if self._late >= LATE_BEFORE_REPORTED:
            self._problems.set(Part.PACE, TOO_LATE)
        elif not late:
            self._problems.clear(Part.PACE)

    # ------------------------------------------------------------ what may be shown

    def _may_show(self, item: Segmented | None, look: Look) -> bool:
        """Whether the frame is recent, of the camera in force, and has an alpha of its own or is
        raw by choice. A frame captured before that choice was not meant to be seen raw."""
        if item is None or self._too_late(item):
            return False
        if not self._in_force.may_show(Made(look, item.frame.order)):
            return False
        return item.alpha is not None or look.raw

    @staticmethod
    def _too_late(item: Segmented) -> bool:
        return time.monotonic() - item.frame.captured >= STALE_AFTER

    def _picture(self, item: Segmented | None, look: Look, newest: Frame | None) -> Image:
        try:
            picture = self._own(item, look) if item is not None else self._substitute(look, newest)
        except Exception as error:  # a compositor that fails must not end in a frozen output
            self._problems.set(Part.PICTURE, f"the picture cannot be made: {one_line(error)}")
            self._forget()
            self._crop = WHOLE
            return self._card(PROBLEM_CARD)
        if item is not None:  # a substitute says nothing of the compositor
            self._problems.clear(Part.PICTURE)
        return picture

    def _own(self, item: Segmented, look: Look) -> Image:
        """The regular case: a frame and its own alpha."""
        zoomed = replace(look, zoom=item.frame.zoom)
        with self._stats.stage("blur"):
            picture = item.compositor.compose(
                item.pixels,
                item.alpha,
                zoomed,
                item.frame.captured,
                self._outputs.wants_i420,
            )
            crop = self._framed(item, look)
        now = time.monotonic()
        self._crop = self._last_crop = crop
        self._shown = _Shown(item, look.mirror, crop, now)
        self.state = State.OFF if look.raw else State.BLURRING
        self._last, self._last_made = picture, now
        self._last_with = Made(zoomed, item.frame.order)
        return picture

    def _framed(self, item: Segmented, look: Look) -> Crop:
        """What to show of the picture of ``item``."""
        if not self._in_force.follow:
            return self._framing.off()
        return self._framing.follow(item, look.mirror, self._outputs.shape)

    def _substitute(self, look: Look, newest: Frame | None) -> Image:
        """No alpha came in time: the last picture if it is recent, else nothing of the room."""
        now = time.monotonic()
        # Not if the user has asked for more since: a raw or weakly blurred picture would stay. Nor
        # if another camera was chosen.
        if (
            self._last is not None
            and self._in_force.may_show(self._last_with)
            and now - self._last_made < self._waits(STALE_AFTER)
            and Part.MASK not in self._problems
        ):
            self._crop = self._last_crop
            return self._last
        self._forget()
        self._stats.obscured += 1
        if newest is not None and not self._in_force.knows(newest):
            newest = None
        if newest is None or now - newest.captured > self._waits(NO_SIGNAL_AFTER):
            lost = newest is not None or Part.CAMERA in self._problems
            self.state = State.NO_CAMERA if lost else State.STARTING
            return self._card(CARDS[self.state])
        broken = self._problems.any_of(Part.MASK, Part.MODEL, Part.PACE)
        self.state = State.NO_MASK if broken else State.STARTING
        self._crop = self._framing.of(newest)
        return self._cpu.obscure(newest.image, replace(look, zoom=newest.zoom), newest.captured)

    def _waits(self, seconds: float) -> float:
        """``seconds``, or the time of two frames where that is longer."""
        return max(seconds, min(self._two_frames, PATIENCE))

    def _rested(self, rest: Rest) -> Image:
        self.state = rest.state
        self._forget()
        still = self._still.picture()
        if still is None:
            return self._card(CARDS[self.state])
        self._crop = self._last_crop
        return still

    def _forget(self) -> None:
        """What is shown now, if anything, has nothing of the room: no picture of it is kept. Only
        a pause may keep one, wholly blurred."""
        try:
            self._still.update(self._last, self._last_with)
        except Exception as error:
            self._problems.set(Part.PICTURE, f"the picture cannot be made: {one_line(error)}")
        self._last = self._last_with = self._shown = None

    def _still_shown(self) -> _Shown | None:
        """For ``before`` and ``matte``. The thread that shows pictures may hang, so that the age
        counts too."""
        shown = self._shown
        if shown is None or not self._in_force.may_be_seen(shown.item.frame):
            return None
        return shown if time.monotonic() - shown.at < self._waits(STALE_AFTER) else None

    def _seen(self, shown: _Shown, image: Image) -> Image:
        """``image``, of the shown frame, framed as its picture."""
        upright = np.asarray(cv2.flip(image, 1), np.uint8) if shown.mirror else image
        return self._outputs.seen(upright, shown.crop)

    def _card(self, text: str) -> Image:
        return card(*self._outputs.size, text)

    def _draw_cards(self) -> None:
        """Ahead of their use: drawing text takes longer than an output may be left unfed."""
        if self._drawn != self._outputs.size:
            self._drawn = self._outputs.size
            for text in ALL_CARDS:
                self._card(text)
