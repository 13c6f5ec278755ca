"""Feeds the sink and the preview, and repeats the last picture while the next one takes long.

What they are fed is decided in ``publisher``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bgblur.buffers import Buffers
from bgblur.compositing.card import card
from bgblur.frame import Image
from bgblur.imaging.canvas import WHOLE, Crop, fitted
from bgblur.imaging.color import even, from_i420, is_i420, to_i420
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.preview import Preview
from bgblur.pipeline.sink_keeper import SinkKeeper
from bgblur.stats import Stats

REPEAT_AFTER, REPEAT_UNTIL = 0.08, 3.0  # seconds since a picture between which it is repeated
_SOON = 0.02  # seconds until the next try, while the sink is used or changed


class _Sent(NamedTuple):
    """The picture that the sink took last: in its format, what it was made with, when
    (``time.monotonic()``), and at which opening of the sink."""

    picture: Image
    made_with: Made | None
    at: float
    opening: int


class Output:
    """``ready``, ``feed``, ``failed`` and ``end`` belong to one thread, ``repeat`` to another.

    ``may_show`` says whether a picture hides enough of the room at this moment, by what it was
    made with, see ``InForce``. It is asked again for each picture: making one takes time, and the
    user may have asked for more meanwhile.
    """

    def __init__(
        self,
        keeper: SinkKeeper,
        preview: Preview,
        stats: Stats,
        may_show: Callable[[Made | None], bool],
    ) -> None:
        self.closing = False  # the last picture is out, only the closing is left
        self._keeper = keeper
        self._preview = preview
        self._stats = stats
        self._may_show = may_show
        self._buffers = Buffers()
        self._fitted: tuple[tuple[object, ...], Image] | None = None  # the newest, and from what
        self._converted: tuple[Image, Image] | None = None  # the newest picture and its I420
        self._sent: _Sent | None = None
        self._repeated = 0.0  # when, ``time.monotonic()``

    @property
    def size(self) -> tuple[int, int]:
        """Of the published pictures, (width, height), even."""
        return self._keeper.size

    @property
    def shape(self) -> float | None:
        """The width per height that a part of a picture must have to fill the output; None where
        the picture's own is kept."""
        width, height = self.size
        return width / height if self._keeper.canvas.fit == "cover" else None

    @property
    def wants_i420(self) -> bool:
        """Whether nobody needs the next picture in BGR."""
        sink = self._keeper.sink
        return sink is not None and sink.pixel_format == "i420" and not self._preview.is_open

    def ready(self) -> bool:
        """Apply pending changes. Returns False while the sink is being reopened; raises OutputError
        when reopening fails."""
        if self._keeper.broken_off is None:
            self._preview.update()
        return self._keeper.ready()

    def feed(self, picture: Image, made_with: Made | None, crop: Crop = WHOLE) -> bool:
        """Publish ``crop`` of ``picture``, BGR or I420, at the sink's size and in its format.

        ``made_with`` is None if it shows nothing of the room. Returns False if the picture may no
        longer be shown. Raises what the sink raises.
        """
        sink = self._keeper.sink
        if sink is None:
            return True
        with self._stats.stage("colour"):
            planar = is_i420(picture) and self.wants_i420
            fit = self._fit(picture, crop, planar)
            convert = sink.pixel_format == "i420" and not planar
            converted = self._i420(fit) if convert else fit
        return self._publish(fit, converted, made_with)

    def seen(self, picture: Image, crop: Crop) -> Image:
        """``picture`` (BGR) as ``feed`` would show ``crop`` of it; callable from any thread."""
        return fitted(even(picture), *self.size, self._keeper.canvas, crop)

    def failed(self, error: Exception) -> None:
        """The sink has raised ``error``."""
        self._keeper.failed(error)

    def repeat(self) -> float:
        """Show the last picture again if the next one takes long to make: programs hide a camera
        that gives fewer than ten pictures a second. Never raises; ``feed`` meets the same fault.

        A dark card replaces a picture that hides less than the user wants now.
        Returns the seconds until the next call: waking a thread is most of what resting costs.
        """
        if self._keeper.changing or not self._keeper.using.acquire(blocking=False):
            return _SOON
        try:
            return self._repeat_if_due(time.monotonic())
        except Exception:
            self._sent = None
            return _SOON
        finally:
            self._keeper.using.release()

    def end(self, last: Image) -> None:
        """Leave ``last`` as the last picture and close sink and preview. Never raises."""
        try:
            self.feed(last, made_with=None)
        except Exception as error:
            self._keeper.not_completed(self._keeper.sink, error)
        with self._keeper.using:
            self._sent = None
        self.closing = True
        self._keeper.close()
        self._preview.close()
        self.closing = False

    # ------------------------------------------------------------ how

    def _publish(self, picture: Image, converted: Image, made_with: Made | None) -> bool:
        """``converted`` to the sink, ``picture`` to the preview."""
        keeper = self._keeper
        assert keeper.sink is not None
        with self._stats.stage("publish"), keeper.using:
            if not self._may_show(made_with):
                return False
            self._sent = None
            keeper.sink.publish(converted)
            self._sent = _Sent(converted, made_with, time.monotonic(), keeper.opening)
        self._stats.published += 1
        if self._may_show(made_with):
            self._preview.publish(picture)
        keeper.works()
        return True

    def _repeat_if_due(self, now: float) -> float:
        sink, sent = self._keeper.sink, self._sent
        if sink is None or sent is None or sent.opening != self._keeper.opening:
            return REPEAT_AFTER
        due = max(sent.at, self._repeated) + REPEAT_AFTER
        if now < due:
            return due - now
        if now >= sent.at + REPEAT_UNTIL:  # a thread that hangs must be seen to hang
            return REPEAT_AFTER
        if not self._may_show(sent.made_with):
            dark = card(*self.size, "")
            picture = to_i420(dark) if sink.pixel_format == "i420" else dark
            self._sent = sent = sent._replace(picture=picture, made_with=None)
        sink.publish(sent.picture)
        self._repeated = time.monotonic()
        return REPEAT_AFTER

    def _fit(self, picture: Image, crop: Crop, planar: bool) -> Image:
        """``crop`` of ``picture`` at the sink's size. A picture shown again is fitted only once."""
        canvas, size = self._keeper.canvas, self.size
        if self._fitted is not None:
            (last, *rest), made = self._fitted
            if last is picture and rest == [crop, planar, canvas, size]:
                return made
        whole = picture if planar else even(from_i420(picture) if is_i420(picture) else picture)
        made = fitted(whole, *size, canvas, crop, self._buffers.take)
        self._fitted = (picture, crop, planar, canvas, size), made
        return made

    def _i420(self, picture: Image) -> Image:
        """Converts a card, or a picture shown again, only once."""
        if self._converted is None or self._converted[0] is not picture:
            rows, columns = picture.shape[:2]
            out = self._buffers.take((rows * 3 // 2, columns), np.uint8)
            self._converted = picture, to_i420(picture, out)
        return self._converted[1]
