"""The real pipeline between a camera, a model and outputs that break on order."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bgblur.compositing.look import Look
from bgblur.errors import BgblurError
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import Part, Rest
from bgblur.segmentation.options import MaskOptions
from bgblur.sinks import PixelFormat
from support.faults.camera import Camera
from support.faults.fairness import Heartbeat, feed_problem
from support.faults.model import Model, Pace
from support.faults.output import Output
from support.faults.tally import TALLY
from support.pipeline_parts import SHARP

PARTS = ("capture", "segment", "composite", "supervise")  # the pipeline's threads, by name
SECOND = "second"  # the name of a second output
PATIENCE = 0.6  # seconds until a call counts as hung, here


@contextmanager
def impatient() -> Iterator[None]:
    """Hung calls are given up after half a second, failed parts are opened again soon, and the
    governor decides within a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("capture.READS", "segment.LOADS", "segment.INFERS"):
            patch.setattr(f"bgblur.pipeline.{name}_WITHIN", PATIENCE)
        # A resting camera beats once a second.
        patch.setattr("bgblur.pipeline.capture.OPENS_WITHIN", 2 * PATIENCE)
        for module in ("capture", "segment", "sink_keeper"):
            patch.setattr(f"bgblur.pipeline.{module}.RETRY_FIRST", 0.1)
            patch.setattr(f"bgblur.pipeline.{module}.RETRY_LAST", 0.3)
        for name, seconds in (("WINDOW", 0.5), ("SPAN", 0.25), ("PATIENCE", 0.4), ("TRIAL", 1.0)):
            patch.setattr(f"bgblur.segmentation.governor._{name}", seconds)
        yield


class FaultRig:
    """``check`` after every step that nothing leaked or grew; ``watch`` judges the rate too."""

    def __init__(
        self,
        heart: Heartbeat,
        look: Look | None = None,
        mask: MaskOptions = SHARP,
        pixel_format: PixelFormat = "bgr",
        pace: Pace | None = None,
        several: bool = False,
    ) -> None:
        self.heart = heart
        self.camera, self.model = Camera(), Model(pace)
        self.output, self.preview = Output(pixel_format), Output()
        self.second = Output() if several else None
        self.cameras, self.outputs = [self.camera], [self.output, self.preview]
        if self.second is not None:
            self.outputs.append(self.second)
        self._threads = set(threading.enumerate())
        first = look or Look()
        for output in self.outputs:
            output.may_be_raw, output.clock = first.raw, heart.clock
        self.pipeline = Pipeline(
            self.camera.open,
            self.sinks(""),
            self.model.load,
            first,
            mask,
            wanted=(320, 180, 30),
        )
        self.resting: Rest | None = None
        self.running = False
        self._reloaded = False

    # ------------------------------------------------------------ orders

    def start(self) -> None:
        """Start; a failed start must leave nothing open."""
        try:
            self.pipeline.start()
            self.running = True
        except (BgblurError, OSError):
            assert all(handle.closed for handle in self.camera.handles)

    def stop(self) -> None:
        """Stop, which takes less than a second whatever hangs."""
        self.running = False
        self.heart.reset()
        began = time.monotonic()
        self.pipeline.stop()
        took = time.monotonic() - began
        worst, _ = self.heart.lost()
        assert took <= 1.0 + 2 * worst, f"stop took {took:.2f} s"
        self.check()

    def show(self, look: Look) -> None:
        for output in self.outputs:
            output.may_be_raw |= look.raw
        self.pipeline.look = look
        if not look.raw:
            for output in self.outputs:
                output.forbid_raw()

    def rest(self, reason: Rest | None) -> None:
        self.resting = reason
        self.pipeline.rest(reason)

    def sinks(self, name: str) -> dict[str, Any]:
        """The outputs, the first of them by this name."""
        second = {SECOND: self.second.open} if self.second is not None else {}
        return {name: self.output.open} | second

    def reload(self) -> None:
        self._reloaded = True
        self.pipeline.replace_backend(self.model.load)

    def use_camera(self, camera: Camera) -> None:
        camera.switch.set(self.camera.switch.fault)
        camera.rests = self.camera.rests
        self.camera.switch.set(None)
        self.camera = camera
        self.cameras.append(camera)
        self.pipeline.replace_source(camera.open)

    def broken(self) -> bool:
        switches = [self.camera.switch, self.model.switch, self.output.switch]
        return any(switch.fault is not None for switch in switches)

    def repair(self) -> None:
        parts: list[Camera | Model | Output] = [*self.cameras, self.model, *self.outputs]
        for part in parts:
            part.switch.set(None)

    # ------------------------------------------------------------ checks

    def watch(self, seconds: float) -> None:
        """Wait; each output must be fed unless it is itself at fault."""
        outputs = [self.output] if self.second is None else [self.output, self.second]
        before = [(output, output.opened) for output in outputs if self._fed(output)]
        self.heart.reset()
        since = time.monotonic()
        time.sleep(seconds)
        until = time.monotonic()
        for output, opened in before:
            if not self._fed(output) or output.opened != opened:
                continue
            problem = feed_problem(list(output.times), since, until, self.heart)
            assert problem is None, (problem, self.pipeline.state, self.pipeline.problems.now())
        self.check()

    def check(self) -> None:
        for output in self.outputs:
            assert not output.wrong, output.wrong[:3]
        mine = [t for t in set(threading.enumerate()) - self._threads if t.name in PARTS]
        # Each of the two workers that may hang leaves at most four threads behind.
        assert len(mine) <= len(PARTS) + 2 * 4, sorted(t.name for t in mine)
        if self.running:
            composite = [t for t in mine if t.name == "composite"]
            assert composite, "the thread that publishes is dead"

    def recover(self) -> None:
        """Repair everything and wait for the picture. A model that could not be replaced is asked
        for again: the one before stays, and only the first is tried again by itself."""
        self.repair()
        if self._reloaded:
            self._reloaded = False
            self.pipeline.replace_backend(self.model.load)
        wanted = self.resting or ("off" if self.pipeline.look.raw else "blurring")
        self.wait(lambda: self.pipeline.state == wanted and not self._troubles())

    def ended(self) -> None:
        """After the stop, with nothing hung: no thread, camera or output may stay open."""
        self.repair()
        self.wait(lambda: not [t for t in threading.enumerate() if self._is_mine(t)])
        self.check()
        parts: list[Camera | Output] = [*self.cameras, *self.outputs]
        for part in parts:
            assert all(handle.closed for handle in part.handles), part
        TALLY.held += sum(effort.held for effort in self.model.efforts)

    def wait(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        self.heart.reset()
        began = time.monotonic()
        while not condition():
            waited = time.monotonic() - began - 2 * self.heart.lost()[1]
            assert waited < seconds, (
                *(self.pipeline.state, self.pipeline.problems.now()),
                *("\n".join(lines) for lines in self._stacks()),
            )
            time.sleep(0.01)

    def _stacks(self) -> Iterator[list[str]]:
        """Where each thread of the pipeline is."""
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if self._is_mine(thread) and thread.ident in frames:
                yield [thread.name, *traceback.format_stack(frames[thread.ident])[-4:]]

    def _is_mine(self, thread: threading.Thread) -> bool:
        return thread.name in (*PARTS, "output") and thread not in self._threads

    def _troubles(self) -> set[Part]:
        # A lost preview is not opened again. Of a camera that rests nothing is found or made.
        unseen = {Part.PREVIEW}
        if self.resting:
            unseen |= {Part.MASK, Part.PACE, Part.PICTURE}
        return self.pipeline.problems.now().keys() - unseen

    def _fed(self, output: Output) -> bool:
        """Whether ``output`` can be fed now, and is not being opened again."""
        well = self.running and output.switch.fault in (None, "refuses to close")
        slow_page = self.preview.switch.fault in ("hangs", "slow")
        ill = {
            which == SECOND for part, which in self.pipeline.problems.each() if part is Part.OUTPUT
        }
        return well and not slow_page and (output is self.second) not in ill


def tried() -> None:
    TALLY.faults += 1
