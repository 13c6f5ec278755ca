"""The end of the pipeline: decides what may be shown, makes it, shows it.

Fail closed: while blur is on, a frame leaves only with its own alpha applied. Wherever that alpha
is missing (still loading, failed, hung, late), the whole frame is blurred at full strength; where
there is no frame either, a card is shown. The decision is made here and nowhere else, from the
look in force at the moment of publishing, so no order of events can let a raw frame through.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from bgblur.compositing.card import card
from bgblur.compositing.color import even, to_i420
from bgblur.compositing.compositor import Compositor, CpuCompositor
from bgblur.compositing.cover import cover
from bgblur.compositing.look import Look
from bgblur.errors import BgblurError, one_line
from bgblur.frame import Frame, Image
from bgblur.sinks import Sink
from bgblur.stats import Stats

STALE_AFTER = 1.0  # seconds after which an alpha, and the picture made with it, is too old
NO_SIGNAL_AFTER = 1.0  # seconds without a frame after which the card is shown
RETRY_FIRST, RETRY_LAST = 0.25, 2.0  # back-off of an output that is opened again, seconds
STARTING, NO_CAMERA, ENDED = "bgblur is starting", "bgblur: no camera", "bgblur has ended"
PROBLEM = "bgblur: a problem, see its messages"
Rest = Literal["idle", "paused"]
RESTING: dict[Rest, str] = {
    "idle": "bgblur: the camera is off until somebody watches",
    "paused": "bgblur: paused",
}

OpenSink = Callable[[int, int, float], Sink]
OpenPreview = Callable[[], Sink]


@dataclass(frozen=True)
class Segmented:
    """A frame with its own alpha, where the engine computes; ``alpha`` is None only while the
    look in force was raw."""

    frame: Frame
    pixels: Any
    alpha: Any
    compositor: Compositor


class Publisher:
    """Owns the sink. ``open``, ``show`` and ``end`` belong to one thread, the rest to any.

    ``problems`` is shared with the pipeline: what is wrong now, by part, for people.
    """

    def __init__(self, open_sink: OpenSink, stats: Stats, problems: dict[str, str]) -> None:
        self.size = (0, 0)  # of the published pictures, (width, height), even
        self.state = "starting"
        self._open_sink = open_sink
        self._stats = stats
        self._problems = problems
        self._sink: Sink | None = None
        self._fps = 30.0
        self._reopen = threading.Event()
        self._preview: Sink | None = None
        self._new_preview: OpenPreview | None = None
        self._preview_changed = threading.Event()
        self._retry, self._retry_at = RETRY_FIRST, 0.0
        self._cpu = CpuCompositor()
        self._last: Image | None = None  # the newest picture made with an alpha
        self._last_raw = True
        self._last_made = 0.0
        self._shown: tuple[Segmented, bool] | None = None  # and whether it was mirrored
        self._converted: tuple[Image, Image] | None = None  # the newest picture and its I420

    def open(self, width: int, height: int, fps: float) -> None:
        """Raises OutputError."""
        self.size, self._fps = _even_size(width, height), fps
        self._sink = self._open_sink(*self.size, fps)
        for text in (STARTING, NO_CAMERA, ENDED, PROBLEM, *RESTING.values()):
            card(*self.size, text)  # drawing text takes longer than an output may be left unfed

    def replace(self, open_sink: OpenSink) -> None:
        """Close the output and open another."""
        self._open_sink = open_sink
        self._reopen.set()

    def replace_preview(self, open_preview: OpenPreview | None) -> None:
        """Open a second output for BGR pictures beside the first, or close it with None."""
        self._new_preview = open_preview
        self._preview_changed.set()

    def resize(self, width: int, height: int, fps: float) -> None:
        """Take another frame size, where the output can."""
        size = _even_size(width, height)
        resizing = self._sink.resizing if self._sink is not None else "reopen"
        if size != self.size and resizing != "never":
            self.size, self._fps = size, fps
            if resizing == "reopen":
                self._reopen.set()

    @property
    def sink_name(self) -> str:
        return self._sink.name if self._sink is not None else "nowhere"

    def before(self) -> Image | None:
        """The camera's own picture of the newest published frame, for the user's own eyes."""
        if self._shown is None:
            return None
        item, mirror = self._shown
        return item.frame.image[:, ::-1] if mirror else item.frame.image

    def matte(self) -> Image | None:
        """The alpha of the newest published frame as a grey picture, white is the person; None
        where there is no picture, or it was raw by choice."""
        if self._shown is None or self._shown[0].alpha is None:
            return None
        item, mirror = self._shown
        alpha = (
            item.alpha if isinstance(item.alpha, np.ndarray) else item.alpha.float().cpu().numpy()
        )
        grey = cv2.cvtColor(cv2.convertScaleAbs(alpha, alpha=255), cv2.COLOR_GRAY2BGR)
        return grey[:, ::-1] if mirror else grey

    def show(
        self,
        item: Segmented | None,
        look: Look,
        newest: Frame | None,
        rest: Rest | None = None,
    ) -> None:
        """Publish ``item``, or, where it may not be shown, what may. Never raises: an output that
        fails is opened again later. ``rest`` says that nothing of the camera may be shown."""
        if self._preview_changed.is_set():
            self._change_preview()
        try:
            if self._reopen.is_set():
                if time.monotonic() < self._retry_at:
                    return
                self._reopen_sink()
            own = rest is None and self._shows(item, look)
            picture = (
                self._rested(rest) if rest else self._picture(item if own else None, look, newest)
            )
            self._publish(picture)
        except Exception as error:  # drivers raise what they like
            self._problems["output"] = one_line(error)
            self._retry_at = time.monotonic() + self._retry
            self._retry = min(2 * self._retry, RETRY_LAST)
            self._reopen.set()
            return
        if item is not None and own and "picture" not in self._problems:
            self._stats.frame_done(item.frame.captured)
        self._problems.pop("output", None)
        self._retry = RETRY_FIRST

    def end(self) -> None:
        """Leave the card as the last picture and close the output."""
        if self._sink is None:
            return
        try:
            self._publish(card(*self.size, ENDED))
            self._sink.close()
        except BgblurError as error:
            self._problems["output"] = str(error)
        if self._preview is not None:
            self._preview.close()

    # ------------------------------------------------------------ what may be shown

    @staticmethod
    def _shows(item: Segmented | None, look: Look) -> bool:
        """Whether this frame may be shown: with an alpha of its own, or raw by choice, and new."""
        if item is None or time.monotonic() - item.frame.captured >= STALE_AFTER:
            return False
        return item.alpha is not None or look.raw

    def _picture(self, item: Segmented | None, look: Look, newest: Frame | None) -> Image:
        try:
            picture = self._own(item, look) if item is not None else self._substitute(look, newest)
        except Exception as error:  # a compositor that fails must not end in a frozen output
            self._problems["picture"] = f"the picture cannot be made: {one_line(error)}"
            self._last = None
            return card(*self.size, PROBLEM)
        if item is not None:  # a substitute says nothing of the compositor
            self._problems.pop("picture", None)
        return picture

    def _own(self, item: Segmented, look: Look) -> Image:
        """The regular case: a frame and its own alpha."""
        with self._stats.stage("blur"):
            picture = item.compositor.compose(item.pixels, item.alpha, look, item.frame.captured)
        self._shown = item, look.mirror
        self.state = "off" if look.raw else "blurring"
        self._last, self._last_raw, self._last_made = picture, look.raw, time.monotonic()
        return picture

    def _substitute(self, look: Look, newest: Frame | None) -> Image:
        """No alpha came in time: the last picture if it is recent, else nothing of the room."""
        now = time.monotonic()
        # What was raw by choice must not be shown again: the choice may have changed since.
        if (
            self._last is not None
            and (look.raw or not self._last_raw)
            and now - self._last_made < STALE_AFTER
            and "mask" not in self._problems
        ):
            return self._last
        self._last = None
        self._stats.obscured += 1
        if newest is None or now - newest.captured > NO_SIGNAL_AFTER:
            lost = newest is not None or "camera" in self._problems
            self.state = "no camera" if lost else "starting"
            return card(*self.size, NO_CAMERA if lost else STARTING)
        self.state = "no mask" if self._problems.keys() & {"mask", "model"} else "starting"
        return self._cpu.obscure(newest.image, look, newest.captured)

    def _rested(self, rest: Rest) -> Image:
        self.state = rest
        self._last = self._shown = None
        return card(*self.size, RESTING[rest])

    # ------------------------------------------------------------ the sink

    def _publish(self, picture: Image) -> None:
        """To the sink, at its size and in its format."""
        if self._sink is None:
            return
        width, height = self.size
        with self._stats.stage("colour"):
            picture = even(picture)
            if picture.shape[:2] != (height, width):  # the camera came back with another size
                picture = cover(picture, width, height)
            converted = self._i420(picture) if self._sink.pixel_format == "i420" else picture
        with self._stats.stage("publish"):
            self._sink.publish(converted)
        self._stats.published += 1
        self._show_in_preview(picture)

    def _i420(self, picture: Image) -> Image:
        """A card, or a picture shown again, is converted once."""
        if self._converted is None or self._converted[0] is not picture:
            self._converted = picture, to_i420(picture)
        return self._converted[1]

    def _show_in_preview(self, picture: Image) -> None:
        """Its failure is no reason to starve the output."""
        if self._preview is None:
            return
        try:
            self._preview.publish(picture)
        except BgblurError as error:
            self._problems["preview"] = str(error)
            self._preview = None

    def _change_preview(self) -> None:
        self._preview_changed.clear()
        self._problems.pop("preview", None)
        if self._preview is not None:
            self._preview.close()
            self._preview = None
        try:
            self._preview = self._new_preview() if self._new_preview is not None else None
        except BgblurError as error:
            self._problems["preview"] = str(error)

    def _reopen_sink(self) -> None:
        self._reopen.clear()
        if self._sink is not None:
            self._sink.close()
            self._sink = None
        self.open(*self.size, self._fps)


def _even_size(width: int, height: int) -> tuple[int, int]:
    return width + width % 2, height + height % 2
