"""All outputs and the preview: each is fed the same picture, and none disturbs another.

Each has a thread of its own, so that the one that makes the pictures and applies edits waits for no
output.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

from bgblur.errors import OutputError, one_line
from bgblur.frame import Image
from bgblur.imaging.canvas import WHOLE, Canvas, Crop, fitted
from bgblur.imaging.color import even
from bgblur.pipeline.fitter import Fitter
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.leaving import Leaving
from bgblur.pipeline.output import MayShow, Output
from bgblur.pipeline.output_thread import OutputThread, opened
from bgblur.pipeline.preview import Preview
from bgblur.pipeline.sink_keeper import FrameFormat, OpenSink, SinkKeeper
from bgblur.pipeline.state import Part, Problems
from bgblur.stats import Stats

_SOLE_WITHIN = 0.25  # seconds that a sole output is waited for

OpenSinks = Mapping[str, OpenSink]  # by the name that the user gave the output


class OutputState(NamedTuple):
    """``device`` is the output as the user named it, ``name`` what is open; None where nothing
    is."""

    device: str
    name: str | None


class Outputs:
    """``open``, ``ready``, ``feed``, ``failed`` and ``end`` belong to one thread, the rest to any.

    At the start one output of several is enough; the others are tried again and again. ``size`` and
    ``shape`` are those of the first that is open.
    """

    _thread = OutputThread  # a test may feed them step by step

    def __init__(
        self,
        open_sinks: OpenSinks,
        preview: Preview,
        problems: Problems,
        stats: Stats,
        may_show: MayShow,
        canvas: Canvas | None = None,
    ) -> None:
        self._preview = preview
        self._problems = problems
        self._stats = stats
        self._may_show = may_show
        self._canvas = canvas or Canvas()
        self._camera = FrameFormat((0, 0), 30.0)
        self._fitter = Fitter()  # of the preview
        self._wanted: OpenSinks | None = None
        self._changing = threading.Lock()  # the list of outputs, the canvas, the camera's size
        self._ended = False
        self._threads: dict[Output, OutputThread] = {}
        self._leaving = Leaving()
        self._all = tuple(self._made(*each) for each in open_sinks.items())
        self._name_each()

    # ------------------------------------------------------------ what is open

    @property
    def size(self) -> tuple[int, int]:
        """Of the published pictures, (width, height), even."""
        return self._main.keeper.size

    @property
    def shape(self) -> float | None:
        """The width per height that a part of a picture must have to fill the output; None where
        the picture's own is kept."""
        width, height = self.size
        return width / height if self._canvas.fit == "cover" else None

    @property
    def wants_i420(self) -> bool:
        """Whether nobody needs the next picture in BGR."""
        fed = [output for output in self._all if output.is_open]
        return bool(fed) and all(output.wants_i420 for output in fed) and not self._preview.is_open

    @property
    def states(self) -> list[OutputState]:
        return [OutputState(output.keeper.device, output.keeper.name) for output in self._all]

    @property
    def records(self) -> bool:
        """Whether pictures are lost where an output is not closed properly."""
        return any(output.keeper.records for output in self._unfinished)

    @property
    def closing(self) -> bool:
        """Whether an output has its last picture, and is being closed."""
        return any(output.closing for output in self._unfinished)

    @property
    def broken_off(self) -> OutputError | None:
        """Why recordings could not go on. While another output is fed, this is only a problem;
        it is an error again after ``end``."""
        errors = [error for o in self._all if (error := o.keeper.broken_off) is not None]
        if not errors or (len(errors) < len(self._all) and not self._ended):
            return None
        return errors[0] if len(errors) == 1 else OutputError("; ".join(map(str, errors)))

    # ------------------------------------------------------------ orders, from any thread

    def replace(self, open_sinks: OpenSinks) -> None:
        """Feed these outputs from now on. One that has the same name as before is left alone."""
        with self._changing:
            self._wanted = open_sinks

    def resize(self, width: int, height: int, fps: float) -> None:
        """Take the camera's frame size where the canvas leaves it open and a sink can."""
        with self._changing:
            self._camera = FrameFormat((width, height), fps)
            for output in self._all:
                output.keeper.resize(width, height, fps)

    @property
    def canvas(self) -> Canvas:
        return self._canvas

    @canvas.setter
    def canvas(self, canvas: Canvas) -> None:
        with self._changing:
            self._canvas = canvas
            for output in self._all:
                output.keeper.canvas = canvas

    def nobody_watches(self) -> None:
        """Try sizes again that were refused while somebody watched."""
        for output in self._all:
            output.keeper.nobody_watches()

    def seen(self, picture: Image, crop: Crop) -> Image:
        """``picture`` (BGR) as ``feed`` would show ``crop`` of it."""
        return fitted(even(picture), *self.size, self._canvas, crop)

    # ------------------------------------------------------------ by the feeding thread

    def open(self, width: int, height: int, fps: float) -> None:
        """Open the outputs for the first time. Raises OutputError, with what is wrong with each,
        if none opens, UsageError if one of them must not be opened."""
        self._camera = FrameFormat((width, height), fps)
        if len(self._all) == 1:
            try:
                self._all[0].keeper.open(width, height, fps)
            except BaseException:
                self._all[0].keeper.close()
                raise
            self._spread()
            return
        for output in self._all:
            output.keeper.expect(*self._camera)
        self._spread()
        opened(self._threads.values())

    def ready(self) -> bool:
        """Apply pending changes. Returns False while no output takes pictures."""
        self._change()
        self._leaving.say()
        self._say_blocked()
        if self.broken_off is None:
            self._preview.update()
        return self._some_take_pictures()

    def feed(self, picture: Image, made_with: Made | None, crop: Crop = WHOLE) -> bool:
        """Publish ``crop`` of ``picture``, BGR or I420, at each sink's size and in its format.

        ``made_with`` is None if it shows nothing of the room. Returns False if the picture may no
        longer be shown, or no output takes pictures. A sole output is waited for, but not for long:
        nobody needs more pictures than it takes, and their latency is measured here.
        """
        if not self._may_show(made_with):
            return False
        for thread in self._threads.values():
            thread.feed(picture, made_with, crop)
        if len(self._threads) == 1:
            thread.wait_until_fed(_SOLE_WITHIN)
        if not self._some_take_pictures():
            return False
        if self._preview.is_open and self._may_show(made_with):
            made = self._fitter.fit(picture, crop, self._canvas, self.size, planar=False)
            self._preview.publish(made)
        return True

    def failed(self, error: Exception) -> None:
        """Feeding has raised ``error``. Each thread meets the errors of its own sink."""
        self._problems.set(Part.PICTURE, f"the picture cannot be shown: {one_line(error)}")

    def end(self, last: Image) -> None:
        """Leave ``last`` as the last picture and close outputs and preview. Never raises."""
        self._ended = True
        for thread in self._threads.values():
            thread.end(last)
        self._preview.publish(last)
        self._preview.close()
        for thread in self._threads.values():
            thread.wait()
        self._leaving.wait()

    # ------------------------------------------------------------ how

    @property
    def _main(self) -> Output:
        return next((output for output in self._all if output.is_open), self._all[0])

    def _some_take_pictures(self) -> bool:
        return any(output.is_open and not output.keeper.waits for output in self._all)

    @property
    def _unfinished(self) -> list[Output]:
        return [*self._all, *self._leaving.unfinished]

    def _made(self, device: str, open_sink: OpenSink) -> Output:
        keeper = SinkKeeper(open_sink, self._problems, self._canvas, device)
        return Output(keeper, self._stats, self._may_show)

    def _change(self) -> None:
        """Do what ``replace`` asked for."""
        with self._changing:
            wanted, self._wanted = self._wanted, None
            if wanted is None:
                return
            former = {output.keeper.device: output for output in self._all}
            outputs = []
            for device, open_sink in wanted.items():
                output = former.pop(device, None)
                if output is None:
                    output = self._made(device, open_sink)
                    output.keeper.expect(*self._camera)
                outputs.append(output)
            self._all = tuple(outputs)
        self._leaving.forget()
        for gone in former.values():
            self._leaving.add(self._threads.pop(gone))
        self._spread()

    def _spread(self) -> None:
        """Give each output a thread of its own."""
        for output in self._all:
            if output not in self._threads:
                self._threads[output] = self._thread(output, self._leaving.before(output))
        self._name_each()

    def _say_blocked(self) -> None:
        for output, thread in self._threads.items():
            if thread.blocked:
                why = (
                    "does not respond: choose another output"
                    if len(self._threads) == 1
                    else "does not respond: leave it out of output.devices"
                )
                keeper = output.keeper
                keeper.say(f"{keeper.device} {why}, or restart what it belongs to")

    def _name_each(self) -> None:
        """Have the problems of each of several outputs say which one has them."""
        for output in self._all:
            output.keeper.named = len(self._all) > 1
