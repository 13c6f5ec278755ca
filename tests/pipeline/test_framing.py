"""Auto-framing in the pipeline: of finished pictures alone, and never of a card."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from support.faults.camera import Camera
from support.faults.fairness import Heartbeat, no_descriptor_stays
from support.faults.rig import FaultRig, impatient
from support.pipeline_parts import HEIGHT, WIDTH, room
from support.showing import Showing

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.imaging.canvas import WHOLE, Canvas, Crop, fitted
from bgblur.imaging.geometry import Geometry
from bgblur.imaging.tiled import TiledAlpha
from bgblur.pipeline.framing import Framing
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.state import Rest, State
from bgblur.pipeline.words import CARDS
from bgblur.sinks import PixelFormat

PLACE = 60, 90  # of the white square, which is 40 pixels wide


@pytest.fixture
def heart() -> Iterator[Heartbeat]:
    with impatient(), no_descriptor_stays(), Heartbeat() as heart:
        yield heart


def sitting(showing: Showing, at: float, **changes: object) -> Segmented:
    """Somebody at ``PLACE``, ``at`` seconds from some moment of the last second."""
    image = room().copy()
    x, y = PLACE
    image[y : y + 40, x : x + 40] = 255
    alpha = (image.min(axis=2) == 255).astype(np.float32)
    frame = replace(showing.frame(captured=NOW + at), image=image, **changes)  # type: ignore[arg-type]
    return Segmented(frame, image, TiledAlpha.of(alpha), showing.compositor)


NOW = time.monotonic()


def settled(showing: Showing, mirror: bool = False, **changes: object) -> Crop:
    framing = Framing()
    crops = [framing.follow(sitting(showing, i / 12, **changes), mirror, None) for i in range(48)]
    assert crops[0] == WHOLE, "it begins with the whole"
    return crops[-1]


def test_the_crop_is_around_the_person_as_the_picture_shows_them() -> None:
    showing = Showing(Look())
    crop, mirrored = settled(showing), settled(showing, mirror=True)
    assert crop.width == pytest.approx(0.5)
    assert crop.height == pytest.approx(0.5)
    assert crop.x == pytest.approx(80 / WIDTH - 0.25, abs=0.01)
    assert crop.y < 90 / HEIGHT < crop.y + crop.height
    assert mirrored == pytest.approx(crop._replace(x=1 - crop.x - crop.width))


def test_another_view_or_camera_begins_with_the_whole() -> None:
    showing, framing = Showing(Look()), Framing()
    for step, changes in enumerate(({}, {"view": 1}, {"view": 1, "opening": 1})):
        for i in range(25):  # 3 frames are 0.125 s: not just what the camera waits, 0.12 s
            crop = framing.follow(sitting(showing, 3 * step + i / 24, **changes), False, None)
            assert (crop == WHOLE) is (i < 3), i
        assert framing.of(sitting(showing, 0, **changes).frame) == crop
        assert framing.of(sitting(showing, 0, view=9).frame) == WHOLE
    assert framing.off() == framing.crop == WHOLE


def test_with_cover_the_crop_has_the_outputs_shape_and_pans() -> None:
    showing, framing = Showing(Look()), Framing()
    for i in range(48):
        crop = framing.follow(sitting(showing, i / 12), False, 9 / 16)
    assert crop.width * WIDTH / (crop.height * HEIGHT) == pytest.approx(9 / 16)
    assert crop.x + crop.width / 2 == pytest.approx(80 / WIDTH, abs=0.02)


def test_a_finished_picture_is_cropped_and_a_card_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    showing = Showing(Look(strength=60, mirror=True))
    showing.in_force.follow = True
    showing.in_force.pause_shows = "blurred"
    now = NOW
    monkeypatch.setattr("bgblur.pipeline.publisher.time.monotonic", lambda: now)
    for i in range(48):
        now = NOW + i / 12
        item = sitting(showing, i / 12)
        shown = showing.show(item, item.frame)
    crop = showing.publisher.crop
    assert crop.height == pytest.approx(0.5)
    whole = showing.compositor.compose(item.pixels, item.alpha, Look(strength=60, mirror=True))
    expected = fitted(whole, WIDTH, HEIGHT, Canvas(), crop)
    assert all(np.array_equal(picture, expected) for picture in shown)
    before = showing.publisher.before()
    assert before is not None
    assert (before.min(axis=2) > 250).mean() == pytest.approx(4 * 1600 / WIDTH / HEIGHT, rel=0.1)
    again = showing.show(None, item.frame)
    assert all(np.array_equal(picture, expected) for picture in again), "the last picture"
    showing.in_force.rest = Rest.PAUSED
    (still, *_) = showing.show(None, item.frame)
    assert np.ptp(still.astype(int)) < np.ptp(expected.astype(int))
    showing.in_force.pause_shows = "card"
    for picture in showing.show(None, item.frame):
        assert np.array_equal(picture, card(WIDTH, HEIGHT, CARDS[State.PAUSED]))
    showing.in_force.follow, showing.in_force.rest = False, None
    item = sitting(showing, 4)
    (picture, *_) = showing.show(item, item.frame)
    assert showing.publisher.crop == WHOLE


@pytest.mark.parametrize("pixel_format", ["bgr", "i420"])
def test_following_never_shows_the_room(pixel_format: PixelFormat, heart: Heartbeat) -> None:
    rig = FaultRig(heart, Look(strength=1, mirror=True), pixel_format=pixel_format)
    rig.camera.rests = 25  # the person jumps twice a second
    rig.pipeline.follow = True
    rig.start()
    rig.recover()
    rig.wait(lambda: rig.pipeline.crop != WHOLE)
    rig.watch(0.8)
    rig.pipeline.canvas = Canvas(180, 240, "cover")
    rig.pipeline.geometry = Geometry(90, zoom=1.5)
    rig.watch(0.3)
    for fault in ("raises", "a NaN"):
        rig.model.switch.set(fault)
        rig.watch(0.3)
    rig.use_camera(Camera((400, 226)))
    rig.recover()
    rig.camera.switch.set("unplugged")
    rig.wait(lambda: rig.pipeline.state == State.NO_CAMERA)
    rig.recover()
    rig.pipeline.follow = False
    rig.wait(lambda: rig.pipeline.crop == WHOLE)
    rig.stop()
    rig.ended()
