"""A frame takes little new memory, and no picture is overwritten while it is shown."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from support.pipeline_parts import publisher_on
from support.rig import Rig
from support.scenes import disc, portrait

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Frame, Image
from bgblur.imaging.resize import halved
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.state import Problems
from bgblur.segmentation.edges import tiled, upsample
from bgblur.sinks.null import NullSink

WIDTH, HEIGHT = 1280, 720
SMALL = disc(288, 160, 3).astype(np.float32)
LOOKS = {
    "blur": Look("blur", 60),
    "mirrored": Look("blur", 60, mirror=True),
    "color": Look("color"),
}


def fresh_bytes(work: Callable[[], object]) -> int:
    """The most memory that ``work`` added at once. NumPy and OpenCV both take arrays from NumPy's
    allocator, which tracemalloc counts."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_the_counter_counts_opencv_too() -> None:
    image = portrait(WIDTH, HEIGHT)
    assert fresh_bytes(lambda: CpuCompositor().compose(image, disc(WIDTH, HEIGHT), Look())) > 2e6


# In sizes of a picture. "color" estimates the colours of person and background on a coarse grid, in
# floating point. Before memory was reused, "blur" took more than four.
@pytest.mark.parametrize(("look", "most"), [("blur", 0.7), ("mirrored", 0.7), ("color", 2.0)])
def test_a_frame_takes_little_fresh_memory(look: str, most: float) -> None:
    publisher, outputs = publisher_on(lambda *_: NullSink(), Problems(), LOOKS[look])
    outputs.open(WIDTH, HEIGHT, 30)
    compositor, image = CpuCompositor(), portrait(WIDTH, HEIGHT)
    half = halved(image)
    index = 0

    def frame() -> None:
        nonlocal index
        index += 1
        alpha = tiled(SMALL, image, half=half)
        publisher.show(Segmented(Frame(image, index), image, alpha, compositor), None)

    for _ in range(6):
        frame()
    assert publisher.state == "blurring"
    assert fresh_bytes(frame) < most * image.nbytes


def test_pictures_still_held_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    compositor = CpuCompositor()
    held: list[tuple[Image, Image]] = []
    alphas: list[tuple[Alpha, Alpha]] = []
    for _ in range(60):
        frame = rng.integers(0, 256, (90, 160, 3), np.uint8)
        alpha = upsample(rng.random((32, 64), np.float32), frame)
        look = [*LOOKS.values(), Look("none", mirror=True)][rng.integers(4)]
        picture = compositor.compose(frame, alpha, look)
        if rng.random() < 0.5:
            shown = picture[:, ::-1] if rng.random() < 0.5 else picture
            held.append((shown, shown.copy()))
            alphas.append((alpha, alpha.copy()))
        if held and rng.random() < 0.3:
            held.pop(rng.integers(len(held)))
    for now, then in [*held, *alphas]:
        np.testing.assert_array_equal(now, then)


def test_published_pictures_still_held_stay_as_they_are() -> None:
    rig = Rig()
    rig.pipeline.start()
    try:
        rig.wait(lambda: len(rig.sink.published) > 20, 20)
        early = [picture for _, picture in list(rig.sink.published)[:20]]
        copies = [picture.copy() for picture in early]
        count = len(rig.sink.published)
        rig.wait(lambda: len(rig.sink.published) > count + 20, 20)
    finally:
        rig.pipeline.stop()
    for now, then in zip(early, copies, strict=True):
        np.testing.assert_array_equal(now, then)
