"""Outputs that a test feeds step by step: nothing happens in other threads."""

from __future__ import annotations

from bgblur.frame import Image
from bgblur.imaging.canvas import Crop
from bgblur.pipeline.in_force import Made
from bgblur.pipeline.output_thread import Fed, OutputThread
from bgblur.pipeline.outputs import Outputs


class _Direct(OutputThread):
    """Takes each step in the caller's thread; repeats nothing by itself."""

    def feed(self, picture: Image, made_with: Made | None, crop: Crop) -> None:
        self._number += 1
        self._step(Fed(picture, made_with, crop, self._number))

    def end(self, last: Image | None) -> None:
        self.output.end(last)

    def _run(self) -> None:
        pass


class OutputsInStep(Outputs):
    _thread = _Direct
