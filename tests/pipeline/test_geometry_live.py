"""Turning, flipping and zooming while the daemon runs: at once, and nothing of the room is seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from support.faults.fairness import Heartbeat, no_descriptor_stays
from support.faults.rig import FaultRig, impatient
from support.pipeline_parts import HEIGHT, SHARP, WIDTH, SquareSource
from support.showing import Showing

from bgblur.compositing.look import BlurKind, Look
from bgblur.frame import Frame
from bgblur.imaging.canvas import Canvas
from bgblur.imaging.geometry import Geometry
from bgblur.pipeline.capture import CaptureLoop
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot
from bgblur.pipeline.state import Problems, State
from bgblur.pipeline.worker import Turn
from bgblur.sinks import PixelFormat
from bgblur.sources import Source
from bgblur.stats import Stats

VIEWS = [
    Geometry(flip="horizontal"),
    Geometry(zoom=2.0, center=(0.2, 0.3)),
    Geometry(90, zoom=1.3),
    Geometry(180),
    Geometry(270, "vertical", 4.0, (1.0, 0.0)),
]


@pytest.fixture
def heart() -> Iterator[Heartbeat]:
    with impatient(), no_descriptor_stays(), Heartbeat() as heart:
        yield heart


def test_each_frame_has_the_geometry_and_the_number_of_its_view() -> None:
    in_force, stopping, sizes = InForce(Look(), SHARP), threading.Event(), list[Source]()
    frames: list[Frame] = []
    geometries = {3: Geometry(90), 5: Geometry(90, zoom=2.0), 7: Geometry()}

    class Slot(LatestSlot[Frame]):
        def put(self, item: Frame) -> None:
            frames.append(item)
            in_force.geometry = geometries.get(item.index, in_force.geometry)
            if item.index == 8:
                stopping.set()

    source = SquareSource(fps=1000)
    capture = CaptureLoop(source, Slot(), in_force, sizes.append, Problems(), Stats())
    capture.open_first()
    capture.run(Turn(stopping))
    assert [frame.view for frame in frames] == [0, 0, 0, 1, 1, 2, 2, 3]
    assert [frame.image.shape[:2] for frame in frames] == (
        3 * [(HEIGHT, WIDTH)] + 2 * [(WIDTH, HEIGHT)] + 2 * [(160, 90)] + [(HEIGHT, WIDTH)]
    )
    assert [frame.zoom for frame in frames] == [1, 1, 1, 1, 1, 2, 2, 1]
    assert len(sizes) == 2, "the output turns with the picture; a zoom leaves it as it is"


@pytest.mark.parametrize("pixel_format", ["bgr", "i420"])
def test_no_view_shows_the_room(pixel_format: PixelFormat, heart: Heartbeat) -> None:
    rig = FaultRig(heart, Look(strength=1), pixel_format=pixel_format)
    rig.camera.rests = 1_000_000  # a person at rest, whose mask is held
    rig.start()
    rig.recover()
    for view in VIEWS:
        rig.pipeline.geometry = view
        size = view.turned(320, 180)
        rig.wait(lambda size=size: rig.pipeline.size == size)  # type: ignore[misc]
        rig.watch(0.25)
    rig.pipeline.canvas = Canvas(240, 180)
    rig.pipeline.geometry = Geometry(90)
    rig.model.switch.set("raises")
    rig.wait(lambda: rig.pipeline.state == State.NO_MASK)
    rig.pipeline.geometry = Geometry(zoom=4.0)
    rig.watch(0.25)
    rig.recover()
    assert rig.pipeline.size == (240, 180)
    rig.stop()
    rig.ended()


@pytest.mark.parametrize("blur", ["gaussian", "lens"])
@pytest.mark.parametrize("segmented", [True, False], ids=["with a mask", "without"])
def test_a_part_is_blurred_as_much_as_it_is_in_the_whole(segmented: bool, blur: BlurKind) -> None:
    """A zoom enlarges what the room has to read: a blur that shrank with it would show it."""
    stripes = np.where(np.arange(WIDTH) // 5 % 2, 200, 40).astype(np.uint8)
    stripes = np.repeat(np.tile(stripes, (HEIGHT, 1))[..., None], 3, axis=2)
    for zoom in (1.0, 4.0):
        image = Geometry(zoom=zoom).apply(stripes)
        showing = Showing(Look(strength=1, blur=blur))
        frame = Frame(image, 1, order=showing.in_force.order, zoom=zoom)
        item = showing.item()
        item = type(item)(frame, image, np.zeros(image.shape[:2], np.float32), showing.compositor)
        shown = showing.show(item if segmented else None, frame)
        assert shown
        for picture in shown:
            assert picture[:, 80:-80].std() < 16, (zoom, "a fifth of the stripes' contrast")
