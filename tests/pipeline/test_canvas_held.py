"""The output keeps its size whatever the camera does, and nothing of the room is in its bars."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from support.faults.camera import Camera
from support.faults.fairness import Heartbeat, no_descriptor_stays
from support.faults.rig import FaultRig, impatient, tried
from support.pipeline_parts import SHARP, SquareEngine, SquareSource, backend_of
from support.showing import Showing

from bgblur.compositing.look import Look
from bgblur.imaging.canvas import Canvas
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import State
from bgblur.sinks import PixelFormat
from bgblur.sinks.video import VideoSink


@pytest.fixture
def heart() -> Iterator[Heartbeat]:
    with impatient(), no_descriptor_stays(), Heartbeat() as heart:
        yield heart


@pytest.mark.parametrize("pixel_format", ["bgr", "i420"])
def test_through_another_camera_its_loss_and_a_broken_model(
    pixel_format: PixelFormat, heart: Heartbeat
) -> None:
    rig = FaultRig(heart, Look(strength=1), pixel_format=pixel_format)
    rig.pipeline.canvas = Canvas(240, 320)
    rig.start()
    rig.recover()
    assert rig.pipeline.size == (240, 320)
    rig.use_camera(Camera((400, 226)))
    rig.recover()
    rig.model.switch.set("raises")
    tried()
    rig.wait(lambda: rig.pipeline.state == State.NO_MASK)
    rig.camera.switch.set("unplugged")
    rig.wait(lambda: rig.pipeline.state == State.NO_CAMERA)
    rig.recover()
    assert rig.output.opened == 1, "a new size would need another opening"
    rig.pipeline.canvas = Canvas(322, 180, "cover")
    rig.wait(lambda: rig.pipeline.size == (322, 180))
    rig.watch(0.3)
    rig.pipeline.canvas = Canvas()
    rig.wait(lambda: rig.pipeline.size == (400, 226))
    rig.watch(0.3)
    rig.stop()
    rig.ended()


@pytest.mark.parametrize("look", [Look(mode="none"), Look(strength=0), Look(strength=1)])
def test_not_even_a_raw_picture_has_the_room_in_its_bars(look: Look) -> None:
    showing = Showing(look)
    showing.outputs.canvas = Canvas(180, 320)
    for picture in showing.show(showing.item()):
        assert picture.shape == (320, 180, 3)
        steps = np.abs(np.diff(picture.astype(int), axis=1)).max(axis=(1, 2))
        assert steps[:107].max() <= 3
        assert steps[-107:].max() <= 3
        if look.raw:
            assert steps[112:208].max() > 100, "the room, by the user's own choice"


def test_what_the_page_shows_is_framed_alike() -> None:
    showing = Showing(Look())
    showing.outputs.canvas = Canvas(180, 320)
    showing.show(showing.item())
    for seen in (showing.publisher.before(), showing.publisher.matte()):
        assert seen is not None
        assert seen.shape == (320, 180, 3)


def test_a_recording_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"

    def opened(width: int, height: int, fps: float) -> VideoSink:
        return VideoSink(path, width, height, fps)

    source = SquareSource()
    pipeline = Pipeline(
        source,
        {"": opened},
        lambda: backend_of(SquareEngine()),
        Look(),
        SHARP,
        canvas=Canvas(180, 320),
    )
    pipeline.start()
    while source.index < 5:
        time.sleep(0.01)
    pipeline.canvas = Canvas(320, 180)  # a file's size cannot change
    pipeline.stop()
    with av.open(str(path)) as file:
        sizes = {(frame.width, frame.height) for frame in file.decode(video=0)}
    assert sizes == {(180, 320)}
