"""Feeds an output from a thread of its own: one that blocks or fails does not hold up the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from bgblur.errors import OutputError, UsageError, one_line
from bgblur.frame import Image
from bgblur.imaging.canvas import Crop
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.mailbox import LatestSlot
from bgblur.pipeline.output import REPEAT_AFTER, Output

STOP_WITHIN = 0.7  # seconds given to a thread; a hung one is left behind
FINISH_WITHIN = 10.0  # more seconds, for an output that still has a file to complete
BLOCKED_AFTER = 2.0  # seconds in one call of the sink after which that is a problem
OPENS_WITHIN, ANY_OPENS_WITHIN = 2.0, 10.0  # seconds that a start waits for all outputs, for one
_LOOKS_EVERY = 0.05  # seconds
_RELEASED_WITHIN = 5.0  # seconds that a new output waits for the device of a former one


class Fed(NamedTuple):
    """What ``Output.feed`` takes, and its number."""

    picture: Image
    made_with: Made | None
    crop: Crop
    number: int


class OutputThread:
    """Newest picture wins: a slow output sees fewer pictures, not older ones.

    Everything public may be called from any thread. ``after`` are the threads of outputs that are
    closed first, since they may have the same device; they are waited for only for a while.
    """

    def __init__(self, output: Output, after: Sequence[OutputThread] = ()) -> None:
        self.output = output
        self._after = after
        self._fed: LatestSlot[Fed] = LatestSlot()
        self._ending = threading.Event()
        self._last: Image | None = None
        self._number, self._shown = 0, 0  # of the newest picture fed, and shown or refused
        self._showing = threading.Condition()
        self._busy_since: float | None = None
        self._tried = threading.Event()  # the first step is done
        self._error: Exception | None = None  # what it raised
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
        self._number += 1
        self._fed.put(Fed(picture, made_with, crop, self._number))

    def wait_until_fed(self, seconds: float) -> None:
        """After ``feed``, by the same thread: until the output has taken the picture, but
        ``seconds`` at most, and not at all while it has not taken the one before."""
        with self._showing:
            if self._shown >= self._number - 1:
                self._showing.wait_for(lambda: self._shown >= self._number, seconds)

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
        until = time.monotonic() + _RELEASED_WITHIN
        while any(former.is_alive for former in self._after) and time.monotonic() < until:
            if self._ending.wait(_LOOKS_EVERY):
                break
        wait = 0.0
        while not self._ending.is_set():
            fed = self._fed.take(wait)
            if not self._ending.is_set():
                wait = self._step(fed)
        self._busy_since = time.monotonic()
        self.output.end(self._last)
        self._busy_since = None
        if isinstance(self._error, UsageError):  # it may have come after the start
            self.output.keeper.say(one_line(self._error))

    def _step(self, fed: Fed | None) -> float:
        """Show ``fed``, or the last picture again. Returns the seconds until the next step."""
        self._busy_since = time.monotonic()
        try:
            if self.output.ready():
                if fed is None:
                    return self.output.repeat()
                self.output.feed(fed.picture, fed.made_with, fed.crop)
        except Exception as error:  # drivers raise anything
            self.output.failed(error)
            if not self._tried.is_set():
                self._error = error
                if isinstance(error, UsageError):  # it must not be opened, so it is not tried again
                    self._ending.set()
        finally:
            self._busy_since = None
            self._tried.set()
            if fed is not None:
                with self._showing:
                    self._shown = fed.number
                    self._showing.notify()
        return REPEAT_AFTER


def opened(threads: Collection[OutputThread]) -> None:
    """Wait for the first try of each; one that is open waits for the others only for a while.
    Raises OutputError with what is wrong with each if none opens, UsageError if one of them must
    not be opened; then all are ended."""
    began = time.monotonic()
    try:
        for thread in threads:
            while not thread._tried.wait(_LOOKS_EVERY):
                some = any(thread.output.is_open for thread in threads)
                if time.monotonic() - began > (OPENS_WITHIN if some else ANY_OPENS_WITHIN):
                    break
        errors = [thread._error for thread in threads if thread._error is not None]
        for error in errors:
            if isinstance(error, UsageError):
                raise error
        if not any(thread.output.is_open for thread in threads):
            raise OutputError("; ".join(_problems(threads)))
    except BaseException:
        for thread in threads:
            thread.end(None)
        for thread in threads:
            thread.wait()
        raise


def _problems(threads: Collection[OutputThread]) -> Iterator[str]:
    """Why none is open, and what to do."""
    for thread in threads:
        if thread._error is not None:
            yield thread.output.keeper.line(one_line(thread._error))
    hang = [thread.output.keeper.device for thread in threads if thread._error is None]
    if len(hang) == 1:
        yield f"{hang[0]} does not respond: choose another one"
    elif hang:
        yield f"{' and '.join(hang)} do not respond: choose others"
