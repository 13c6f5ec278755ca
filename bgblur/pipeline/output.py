"""Feeds one sink, and repeats its last picture while the next one takes long.

What it is fed is decided in ``publisher``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from bgblur.compositing.card import card
from bgblur.frame import Image
from bgblur.imaging.canvas import WHOLE, Crop
from bgblur.imaging.color import is_i420, to_i420
from bgblur.pipeline.fitter import Fitter
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.sink_keeper import SinkKeeper
from bgblur.pipeline.words import ENDED_CARD
from bgblur.stats import Stats

REPEAT_AFTER, REPEAT_UNTIL = 0.08, 3.0  # seconds since a picture between which it is repeated
_SOON = 0.02  # seconds until the next try, while the sink is changed

MayShow = Callable[[Made | None], bool]


class _Sent(NamedTuple):
    """The picture that the sink took last: in its format, what it was made with, when
    (``time.monotonic()``), and at which opening of the sink."""

    picture: Image
    made_with: Made | None
    at: float
    opening: int


class Output:
    """For one thread; ``is_open``, ``wants_i420`` and ``closing`` are for any.

    ``may_show`` says whether a picture hides enough of the room at this moment, by what it was
    made with, see ``InForce``. It is asked again for each picture: making one takes time, and the
    user may have asked for more meanwhile.
    """

    def __init__(self, keeper: SinkKeeper, stats: Stats, may_show: MayShow) -> None:
        self.keeper = keeper
        self.fitter = Fitter()
        self.closing = False  # the last picture is out, only the closing is left
        self._stats = stats
        self._may_show = may_show
        self._sent: _Sent | None = None
        self._repeated = 0.0  # when, ``time.monotonic()``

    @property
    def is_open(self) -> bool:
        return self.keeper.sink is not None

    @property
    def wants_i420(self) -> bool:
        sink = self.keeper.sink
        return sink is not None and sink.pixel_format == "i420"

    def ready(self) -> bool:
        """Open the sink again if that is due. Returns False while it is being reopened; raises
        OutputError when reopening fails."""
        return self.keeper.ready()

    def feed(self, picture: Image, made_with: Made | None, crop: Crop = WHOLE) -> bool:
        """Publish ``crop`` of ``picture``, BGR or I420, at the sink's size and in its format.

        ``made_with`` is None if it shows nothing of the room. Returns False if the picture may no
        longer be shown. Raises what the sink raises.
        """
        sink = self.keeper.sink
        if sink is None:
            return True
        with self._stats.stage("colour"):
            takes_i420 = sink.pixel_format == "i420"
            planar = takes_i420 and is_i420(picture)
            made = self.fitter.fit(picture, crop, self.keeper.canvas, self.keeper.size, planar)
            if takes_i420 and not planar:
                made = self.fitter.i420(made)
        return self._publish(made, made_with)

    def failed(self, error: Exception) -> None:
        """The sink has raised ``error``."""
        self.keeper.failed(error)

    def repeat(self) -> float:
        """Show the last picture again if the next one takes long to make: programs hide a camera
        that gives fewer than ten pictures a second. Never raises; ``feed`` meets the same fault.

        A dark card replaces a picture that hides less than the user wants now.
        Returns the seconds until the next call: waking a thread is most of what resting costs.
        """
        if self.keeper.changing:
            return _SOON
        try:
            return self._repeat_if_due(time.monotonic())
        except Exception:
            self._sent = None
            return _SOON

    def end(self, last: Image | None) -> None:
        """Leave ``last`` as the last picture and close the sink for good. Never raises.

        Without ``last`` the output is given up while the others go on: problems of it are of no use
        then. A card is left all the same, but on a recording: a driver may show the last picture
        for long, and the user may ask for more blur.
        """
        given_up = last is None
        if given_up:
            self.keeper.works()
            if self.is_open and not self.keeper.records:
                last = card(*self.keeper.size, ENDED_CARD)
        try:
            if last is not None:
                self.feed(last, made_with=None)
        except Exception as error:
            if not given_up:
                self.keeper.not_completed(self.keeper.sink, error)
        self._sent = None
        self.closing = True
        self.keeper.close(given_up)
        self.closing = False

    # ------------------------------------------------------------ how

    def _publish(self, converted: Image, made_with: Made | None) -> bool:
        keeper = self.keeper
        assert keeper.sink is not None
        with self._stats.stage("publish"):
            if not self._may_show(made_with):
                return False
            self._sent = None
            keeper.sink.publish(converted)
            self._sent = _Sent(converted, made_with, time.monotonic(), keeper.opening)
        self._stats.published += 1
        keeper.works()
        return True

    def _repeat_if_due(self, now: float) -> float:
        sink, sent = self.keeper.sink, self._sent
        if sink is None or sent is None or sent.opening != self.keeper.opening:
            return REPEAT_AFTER
        due = max(sent.at, self._repeated) + REPEAT_AFTER
        if now < due:
            return due - now
        if now >= sent.at + REPEAT_UNTIL:  # a thread that hangs must be seen to hang
            return REPEAT_AFTER
        if not self._may_show(sent.made_with):
            dark = card(*self.keeper.size, "")
            picture = to_i420(dark) if sink.pixel_format == "i420" else dark
            self._sent = sent = sent._replace(picture=picture, made_with=None)
        sink.publish(sent.picture)
        self._repeated = time.monotonic()
        return REPEAT_AFTER
