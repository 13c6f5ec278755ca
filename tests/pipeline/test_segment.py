"""A segment thread that was replaced leaves everything alone; a backend forgets another camera."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.pipeline_parts import SHARP, SquareEngine, backend_of, picture

from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Frame
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot, Segmented
from bgblur.pipeline.segment import SegmentLoop
from bgblur.pipeline.state import Part, Problems
from bgblur.pipeline.worker import Turn


class Parts:
    """A segment loop with one frame to take."""

    def __init__(self, look: Look, behave: Callable[[Alpha], Any] = lambda alpha: alpha) -> None:
        self.captured: LatestSlot[Frame] = LatestSlot()
        self.segmented: LatestSlot[Segmented] = LatestSlot()
        self.problems = Problems()
        self.turn = Turn(threading.Event())
        self.backend = backend_of(SquareEngine(behave))
        self.in_force = InForce(look, SHARP)
        self.loop = SegmentLoop(
            self.load, self.captured, self.segmented, self.in_force, self.problems
        )
        self.captured.put(Frame(picture(1), 1))

    def load(self) -> Backend:
        return self.backend


def test_a_frame_is_passed_on_while_the_turn_lasts() -> None:
    parts = Parts(Look())
    put = parts.segmented.put

    def put_and_end(item: Segmented) -> None:
        put(item)
        parts.turn.replace()

    parts.segmented.put = put_and_end  # type: ignore[method-assign]
    parts.loop.run(parts.turn)
    assert parts.segmented.take(0) is not None


@pytest.mark.parametrize("fails", [False, True])
def test_a_thread_replaced_while_it_infers_passes_nothing_on(fails: bool) -> None:
    """The call returns after all, with an alpha or with an error."""

    def hang(alpha: Alpha) -> Alpha:
        parts.turn.replace()
        if fails:
            raise RuntimeError("CUDA error")
        return alpha

    parts = Parts(Look(), hang)
    if not fails:
        parts.problems.set(Part.MASK, "of the thread that replaced it")
    parts.loop.run(parts.turn)
    assert parts.segmented.take(0) is None
    assert (Part.MASK in parts.problems) is not fails


@pytest.mark.parametrize("look", [Look(), Look(mode="none")])
def test_a_thread_replaced_while_it_loads_takes_no_frame(look: Look) -> None:
    parts = Parts(look)
    load = parts.load

    def hang() -> Backend:
        parts.turn.replace()
        return load()

    parts.loop.replace(hang)
    parts.loop.run(parts.turn)
    assert parts.segmented.take(0) is None
    assert parts.captured.take(0) is not None, "the frame is left to the thread that replaced it"
    assert parts.loop.backend is None


def test_a_frame_of_a_former_camera_is_not_inferred() -> None:
    parts = Parts(Look())
    parts.in_force.another_camera()
    threading.Timer(0.4, parts.turn.replace).start()
    parts.loop.run(parts.turn)
    assert parts.segmented.take(0) is None
    assert parts.backend.matting.engine.calls == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("opening", "index", "resets"), [(0, 2, 0), (1, 1, 1), (1, 7, 1)], ids=["same", "new", "later"]
)
def test_a_backend_forgets_the_room_of_another_opening(
    opening: int, index: int, resets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame's index alone does not tell: the first frames of a camera may never be taken."""
    parts = Parts(Look())
    forgot: list[int] = []
    monkeypatch.setattr(Backend, "reset", lambda _: forgot.append(1))
    parts.segmented.put = lambda item: following()  # type: ignore[method-assign]
    left = [Frame(picture(2), index, opening=opening)]

    def following() -> None:
        if left:
            parts.captured.put(left.pop())
        else:
            parts.turn.replace()

    parts.loop.run(parts.turn)
    assert len(forgot) == resets
