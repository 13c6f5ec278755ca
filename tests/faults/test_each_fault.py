"""Every fault of every part: at the start, in mid-stream, and repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, product

import pytest
from support.faults.camera import Camera
from support.faults.fairness import Heartbeat, no_descriptor_stays
from support.faults.model import RUNGS, Model, Pace
from support.faults.output import Output
from support.faults.rig import FaultRig, impatient, tried

from bgblur.compositing.look import Look

# A thread of the pipeline that ends by an exception is a failure even where another replaces it.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

FAST, SLOW = 0.0, 0.08  # seconds of an inference at 160 rows
RESTS = (1, 7)  # frames between two jumps of the person: nothing is held, most alphas are
PACES = [
    (Pace(rung, governed, seconds, skip_static), rests)
    for seconds, governed, skip_static, rests in product(
        (FAST, SLOW), (True, False), (True, False), RESTS
    )
    for rung in RUNGS
]
FAULTS = [
    *(("camera", fault) for fault in Camera.FAULTS),
    *(("model", fault) for fault in Model.FAULTS),
    *(("output", fault) for fault in Output.FAULTS),
    *(("preview", fault) for fault in Output.FAULTS),
]


@pytest.fixture
def heart() -> Iterator[Heartbeat]:
    with impatient(), no_descriptor_stays(), Heartbeat() as heart:
        yield heart


# Steps of 37 in the 112 paces: neighbouring faults differ in all of them.
@pytest.mark.parametrize(
    ("part", "fault", "pace", "rests"),
    [(*fault, *PACES[37 * index % len(PACES)]) for index, fault in enumerate(FAULTS)],
)
def test_a_fault_at_the_start_in_mid_stream_and_repeated(
    part: str, fault: str, pace: Pace, rests: int, heart: Heartbeat
) -> None:
    rig = FaultRig(heart, pixel_format="i420" if part == "camera" else "bgr", pace=pace)
    rig.camera.rests = rests
    switch = getattr(rig, part).switch
    if not (part in ("camera", "output") and fault == "hangs"):  # ``start`` itself would hang
        switch.set(fault)
        tried()
    rig.start()
    if not rig.running:
        rig.stop()
        rig.ended()
        rig = FaultRig(heart, pace=pace)
        rig.camera.rests = rests
        switch = getattr(rig, part).switch
        rig.start()
    rig.pipeline.replace_preview(rig.preview.open_preview)
    rig.watch(0.2)
    if rig.pipeline.fatal is None:
        rig.recover()
    else:  # the daemon would end; here it gets a working model
        rig.repair()
        rig.pipeline.replace_backend(rig.model.load)
        rig.recover()
    for pause in (0.25, 0.03, 0.0):
        rig.pipeline.replace_preview(rig.preview.open_preview)
        switch.set(fault)
        tried()
        rig.watch(pause)
        switch.set(None)
        rig.watch(pause / 4)
    rig.recover()
    switch.set(fault)
    tried()
    time.sleep(0.05)
    if part == "preview":
        assert rig.output.opened == 1  # a preview's fault does not disturb the output
    rig.stop()
    rig.ended()


@pytest.mark.parametrize("skip_static", [True, False])
@pytest.mark.parametrize("rung", RUNGS)
def test_a_model_that_breaks_at_every_height(
    rung: int, skip_static: bool, heart: Heartbeat
) -> None:
    """While the person rests and jumps, and the engine is now fast, now slow."""
    rig = FaultRig(heart, pace=Pace(rung, False, FAST, skip_static))
    rig.start()
    rig.recover()
    for rests, seconds, fault in zip(
        cycle((1, 7, 25)), cycle((FAST, SLOW)), ("raises", "a NaN", "turned on its side", "late")
    ):
        rig.camera.rests = rests
        rig.model.pace = replace(rig.model.pace, seconds=seconds)
        rig.watch(0.15)
        rig.model.switch.set(fault)
        tried()
        rig.watch(0.15)
        rig.model.switch.set(None)
        rig.watch(0.05)
    rig.recover()
    assert {effort.height for effort in rig.model.efforts} == {rung}
    assert (rig.model.efforts[-1].held > 0) <= skip_static
    rig.stop()
    rig.ended()


def test_the_governor_walks_its_ladder_while_parts_break(heart: Heartbeat) -> None:
    rig = FaultRig(heart, pace=Pace(160, seconds=FAST))
    rig.start()
    rig.recover()
    top = rig.model.efforts[-1]
    rig.wait(lambda: top.height == RUNGS[-1], 20)
    rig.model.pace = replace(rig.model.pace, seconds=0.12)
    for fault in ("raises", "a NaN", None):
        rig.model.switch.set(fault)
        tried()
        rig.watch(0.2)
    rig.wait(lambda: rig.model.efforts[-1].height == RUNGS[0], 20)
    rig.recover()
    rig.stop()
    rig.ended()


@pytest.mark.parametrize("fault", ["hangs", "raises", "late"])
def test_turning_the_blur_on_while_the_model_is_broken_hides_the_room_at_once(
    fault: str, heart: Heartbeat
) -> None:
    rig = FaultRig(heart, Look(strength=0))
    rig.start()
    rig.recover()
    for _ in range(5):
        rig.model.switch.set(fault)
        rig.show(Look(strength=60))
        tried()
        rig.watch(0.1)
        rig.show(Look(mode="none"))
        rig.model.switch.set(None)
        rig.watch(0.1)
    rig.stop()
    rig.ended()


def test_a_raw_picture_in_the_making_is_not_shown_once_the_blur_is_on(heart: Heartbeat) -> None:
    rig = FaultRig(heart, Look(strength=0))
    rig.start()
    rig.recover()
    rig.model.switch.set("slow pictures")
    for _ in range(3):
        rig.show(Look(mode="none"))
        tried()
        rig.watch(0.5)  # a raw picture is now in the making
        rig.show(Look(strength=60))
        rig.watch(0.5)
    rig.stop()
    rig.ended()
