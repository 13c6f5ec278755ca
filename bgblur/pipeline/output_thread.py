"""Feeds an output from a thread of its own: one that blocks or fails does not hold up the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from bgblur.frame import Image
from bgblur.imaging.canvas import Crop
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.mailbox import LatestSlot
from bgblur.pipeline.output import REPEAT_AFTER, Output

STOP_WITHIN = 0.7  # seconds given to a thread; a hung one is left behind
FINISH_WITHIN = 10.0  # more seconds, for an output that still has a file to complete
BLOCKED_AFTER = 2.0  # seconds in one call of the sink after which that is a problem
_RELEASED_WITHIN = 5.0  # seconds that a new output waits for the device of a former one


class _Fed(NamedTuple):
    """What ``Output.feed`` takes."""

    picture: Image
    made_with: Made | None
    crop: Crop


class OutputThread:
    """Newest picture wins: a slow output sees fewer pictures, not older ones.

    Everything public may be called from any thread. ``after`` are the threads of outputs that are
    closed first, since they may have the same device.
    """

    def __init__(self, output: Output, after: Sequence[OutputThread] = ()) -> None:
        self.output = output
        self._after = after
        self._fed: LatestSlot[_Fed] = LatestSlot()
        self._ending = threading.Event()
        self._last: Image | None = None
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def blocked(self) -> bool:
        """Whether the sink has not returned from a call for long."""
        since = self._busy_since
        return since is not None and time.monotonic() - since > BLOCKED_AFTER

    def feed(self, picture: Image, made_with: Made | None, crop: Crop) -> None:
        self._fed.put(_Fed(picture, made_with, crop))

    def end(self, last: Image | None) -> None:
        """Close the output, see ``Output.end``. Returns at once."""
        self._last = last
        self._ending.set()
        self._fed.close()

    def wait(self, seconds: float = STOP_WITHIN) -> None:
        """After ``end``: until the output is closed, but ``seconds`` at most for one that hangs. A
        file is completed, however long that takes."""
        self._thread.join(seconds)
        records = self.output.keeper.records
        if records:  # on a slow disk the last picture takes its time, too
            self._thread.join(FINISH_WITHIN)
        if self.output.closing:
            self._thread.join(None if records else FINISH_WITHIN)

    def _run(self) -> None:
        for former in self._after:
            former._thread.join(_RELEASED_WITHIN)
        wait = 0.0
        while not self._ending.is_set():
            fed = self._fed.take(wait)
            if not self._ending.is_set():
                wait = self._step(fed)
        self.output.end(self._last)

    def _step(self, fed: _Fed | None) -> float:
        """Show ``fed``, or the last picture again. Returns the seconds until the next step."""
        self._busy_since = time.monotonic()
        try:
            if self.output.ready():
                if fed is None:
                    return self.output.repeat()
                self.output.feed(*fed)
        except Exception as error:  # drivers raise anything
            self.output.failed(error)
        finally:
            self._busy_since = None
        return REPEAT_AFTER
