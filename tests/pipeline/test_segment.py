"""A segment thread that was replaced leaves everything alone; a backend forgets another camera."""

from __future__ import annotations

import threading

import pytest
from support.pipeline_parts import picture
from support.segment_parts import Parts

from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Frame
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.segment import _Past
from bgblur.pipeline.state import Part


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
    assert parts.engine.calls == 0


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


class Forgetful:
    resets = views = 0

    def reset(self, another_view: bool = False) -> None:
        self.resets += 1
        self.views += another_view


def test_the_room_is_forgotten_after_a_second_without_frames_and_by_a_raw_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.5
    monkeypatch.setattr("bgblur.pipeline.segment.time.monotonic", lambda: now)
    backend, past = Forgetful(), _Past()

    def resets(after: float, opening: int | None, raw: bool = False) -> int:
        nonlocal now
        now += after
        frame = None if opening is None else Frame(picture(1), 1, opening=opening)
        backend.resets = 0
        past.continues(backend, frame, raw)  # type: ignore[arg-type]
        return backend.resets

    assert resets(0, None) == 0, "nothing is remembered yet"
    assert resets(2, None) == 0
    assert resets(0, 1) == 0
    assert resets(5, 1) == 0, "the camera goes on; the matting has its own limit"
    assert resets(0.99, None) == 0
    assert resets(0.02, None) == 1
    assert resets(5, None) == 0, "once is enough"
    assert resets(0, 1) == 0
    assert resets(0.1, 1, raw=True) == 1
    assert resets(0.1, 1, raw=True) == 0
    assert resets(0.1, 1) == 0
    assert resets(0.1, 2) == 1
    assert resets(0.1, 2) == 0


def test_nothing_of_an_earlier_view_is_used_on_the_next() -> None:
    backend, past = Forgetful(), _Past()
    for view, index in ((0, 0), (0, 1), (1, 2), (1, 3), (2, 4)):
        past.continues(backend, Frame(picture(1), index, view=view), False)  # type: ignore[arg-type]
        assert (backend.resets, backend.views) == (view, view)
