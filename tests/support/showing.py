"""A publisher without threads, whose outputs and clock a test reads and sets."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bgblur.compositing.card import card
from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Frame, Image
from bgblur.imaging.tiled import TiledAlpha
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.preview import Preview
from bgblur.pipeline.publisher import Publisher
from bgblur.pipeline.state import Problems
from bgblur.stats import Stats
from support.in_step import OutputsInStep
from support.pipeline_parts import HEIGHT, SHARP, WIDTH, RecordingSink, picture, true_alpha


class Ordering(CpuCompositor):
    """An order comes, or the compositor fails, while a picture is made."""

    order: Callable[[], None] | None = None

    def compose(
        self,
        pixels: Image,
        alpha: Alpha | TiledAlpha,
        look: Look,
        seconds: float = 0.0,
        i420: bool = False,
    ) -> Image:
        made = super().compose(pixels, alpha, look, seconds, i420)
        if self.order is not None:
            self.order()
        return made


class Showing:
    """A publisher without threads."""

    def __init__(self, look: Look) -> None:
        self.in_force = InForce(look, SHARP)
        self.sink, self.preview_sink = RecordingSink(), RecordingSink()
        self.problems, self.stats, self.compositor = Problems(), Stats(), Ordering()
        preview = Preview(self.problems)
        preview.replace(lambda: self.preview_sink)
        may_show = self.in_force.may_show
        self.outputs = OutputsInStep({"": self.sink}, preview, self.problems, self.stats, may_show)
        self.publisher = Publisher(self.outputs, self.stats, self.problems, self.in_force)
        self.outputs.open(WIDTH, HEIGHT, 30.0)

    def frame(self, index: int = 1, captured: float | None = None) -> Frame:
        captured = time.monotonic() if captured is None else captured
        return Frame(picture(index), index, captured, order=self.in_force.order)

    def item(self, index: int = 1, captured: float | None = None) -> Segmented:
        frame = self.frame(index, captured)
        return Segmented(frame, frame.image, true_alpha(frame.image), self.compositor)

    def show(self, item: Segmented | None, newest: Frame | None = None) -> list[Image]:
        """What comes out, on both outputs."""
        before = len(self.sink.published), len(self.preview_sink.published)
        self.publisher.show(item, newest)
        shown = self.sink.published[before[0] :] + self.preview_sink.published[before[1] :]
        return [image for _, image in shown]


def is_card(shown: list[Image], text: str) -> bool:
    return bool(shown) and all(np.array_equal(p, card(WIDTH, HEIGHT, text)) for p in shown)
