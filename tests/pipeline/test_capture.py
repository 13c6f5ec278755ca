"""The thread that reads the camera drops what was in flight when an order came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from support.orders import BLUR, RAW, a_rest, raw_chosen
from support.pipeline_parts import SHARP, SquareSource

from bgblur.compositing.look import Look
from bgblur.frame import Frame
from bgblur.pipeline.capture import CaptureLoop
from bgblur.pipeline.in_force import InForce, Made
from bgblur.pipeline.mailbox import LatestSlot
from bgblur.pipeline.state import Problems
from bgblur.pipeline.worker import Turn
from bgblur.stats import Stats


class Interrupted(SquareSource):
    """During the read number ``at`` an order comes."""

    def __init__(self, at: int, order: Callable[[], None]) -> None:
        super().__init__(fps=1000)
        self.at, self.order = at, order

    def read(self) -> Frame:
        frame = super().read()
        if self.index == self.at:
            self.order()
        return frame


class Slot(LatestSlot[Frame]):
    """Keeps all frames. Ends ``stopping`` after ``most``."""

    def __init__(self, most: int, stopping: threading.Event) -> None:
        super().__init__()
        self.all: list[Frame] = []
        self._most, self._stopping = most, stopping

    def put(self, item: Frame) -> None:
        self.all.append(item)
        if len(self.all) == self._most:
            self._stopping.set()


class Loop:
    """A capture loop that ends after ``most`` frames; the order comes in the first camera's third
    read."""

    def __init__(self, most: int, order: Callable[[Loop], None], look: Look = RAW) -> None:
        self.in_force = InForce(look, SHARP)
        stopping = threading.Event()
        self.slot = Slot(most, stopping)
        self.first = Interrupted(3, lambda: order(self))
        self.second = SquareSource(fps=1000)
        self.second.index = 100
        self.capture = CaptureLoop(
            self.first, self.slot, self.in_force, lambda _: None, Problems(), Stats()
        )
        self.capture.open_first()
        self.capture.run(Turn(stopping))


def test_a_frame_in_flight_is_dropped_when_another_camera_is_chosen() -> None:
    loop = Loop(5, lambda loop: loop.capture.replace(loop.second))
    assert [frame.index for frame in loop.slot.all] == [1, 2, 101, 102, 103]
    assert [loop.in_force.knows(frame) for frame in loop.slot.all] == [False] * 2 + [True] * 3
    assert [frame.opening for frame in loop.slot.all] == [0, 0, 1, 1, 1]
    assert loop.first.closed == 1


def test_a_frame_read_in_a_pause_is_dropped_and_the_camera_is_opened_again() -> None:
    """A driver may have kept a picture from the pause."""
    loop = Loop(5, lambda loop: a_rest(loop.in_force))
    assert [frame.index for frame in loop.slot.all] == [1, 2, 4, 5, 6]
    assert loop.first.closed >= 1
    assert not loop.in_force.knows(loop.slot.all[1])
    assert loop.in_force.knows(loop.slot.all[2])


def test_a_frame_in_flight_when_a_raw_picture_is_chosen_is_not_seen_raw() -> None:
    loop = Loop(5, lambda loop: raw_chosen(loop.in_force), look=BLUR)
    allowed = [loop.in_force.may_show(Made(RAW, frame.order)) for frame in loop.slot.all]
    assert [frame.index for frame in loop.slot.all] == [1, 2, 3, 4, 5], "it may be seen blurred"
    assert allowed == [False, False, False, True, True]


def test_a_camera_opened_while_another_is_chosen_is_not_read() -> None:
    """The order comes while the driver opens the old one."""
    in_force, stopping = InForce(RAW, SHARP), threading.Event()
    slot = Slot(2, stopping)
    old, new = SquareSource(fps=1000), SquareSource(fps=1000)
    new.index = 100

    def slowly() -> SquareSource:
        capture.replace(new)
        return old

    capture = CaptureLoop(slowly, slot, in_force, lambda _: None, Problems(), Stats())
    capture.run(Turn(stopping))
    assert [frame.index for frame in slot.all] == [101, 102]
    assert old.index == 0
    assert old.closed == 1


def test_a_lost_camera_leaves_no_frame() -> None:
    in_force, stopping = InForce(BLUR, SHARP), threading.Event()
    source = SquareSource(fps=1000)

    class Kept(Slot):
        def put(self, item: Frame) -> None:
            super().put(item)
            if len(self.all) == 3:
                source.fail.set()

    problems = Problems()
    capture = CaptureLoop(source, Kept(9, stopping), in_force, lambda _: None, problems, Stats())
    thread = threading.Thread(target=capture.run, args=(Turn(stopping),))
    thread.start()
    deadline = time.monotonic() + 60
    while not problems.now() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert capture.newest is None
    stopping.set()
    capture.wake()
    thread.join(60)
