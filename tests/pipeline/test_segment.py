"""A segment thread that was replaced leaves everything alone; a backend forgets another camera; a
model that fails is loaded again, one that gives implausible alphas is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.pipeline_parts import SHARP, SquareEngine, backend_of, picture

from bgblur.compositing.look import Look
from bgblur.errors import ModelError
from bgblur.frame import Alpha, Frame
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot, Segmented
from bgblur.pipeline.segment import NEWS_WITHIN, RETRY_FIRST, RETRY_LAST, SegmentLoop, _Past
from bgblur.pipeline.state import Part, Problems
from bgblur.pipeline.worker import Turn
from bgblur.segmentation.plausible import ImplausibleError


class Parts:
    """A segment loop with one frame to take."""

    def __init__(self, look: Look, behave: Callable[[Alpha], Any] = lambda alpha: alpha) -> None:
        self.captured: LatestSlot[Frame] = LatestSlot()
        self.segmented: LatestSlot[Segmented] = LatestSlot()
        self.problems = Problems()
        self.turn = Turn(threading.Event())
        self.engine = SquareEngine(behave)
        self.backend = backend_of(self.engine)
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


# ------------------------------------------------------------ step by step


class Steps(Parts):
    """``behave`` is what the engine does with each frame in turn, None stands for no frame; the
    turn ends after the last. The loop's waits are noted, not waited for."""

    def __init__(self, look: Look, *behave: Callable[[Alpha], Any] | None) -> None:
        super().__init__(look, lambda alpha: alpha)
        self.loads: list[Exception | None] = []  # what the next loads raise
        self.loaded, self.waited = 0, list[float]()
        self.shown: list[Segmented] = []
        self.seen: list[dict[Part, str]] = []  # the problems at each frame
        self._left = list(behave)
        self.captured.take = self._take  # type: ignore[method-assign]
        self.segmented.put = self.shown.append  # type: ignore[method-assign, assignment]
        self.loop._new_backend.wait = self._wait  # type: ignore[method-assign]

    def load(self) -> Backend:
        error = self.loads.pop(0) if self.loads else None
        if error is not None:
            raise error
        self.loaded += 1
        return self.backend

    def _take(self, timeout: float) -> Frame | None:
        assert timeout == NEWS_WITHIN
        self.seen.append(self.problems.now())
        if not self._left:
            self.turn.replace()
            return None
        behave = self._left.pop(0)
        if behave is None:
            return None
        self.engine.behave = behave
        index = len(self.seen)  # another picture each time: of a still one the alpha is held
        return Frame(picture(index), index)

    def _wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waited.append(timeout)
        return False

    def run(self) -> None:
        self.loop.run(self.turn)


def good(alpha: Alpha) -> Alpha:
    return alpha


def broken(alpha: Alpha) -> Alpha:
    raise RuntimeError("CUDA error")


def implausible(alpha: Alpha) -> Alpha:
    raise ImplausibleError("the mask covers all")


def test_a_model_is_loaded_again_after_three_failures_in_a_row() -> None:
    steps = Steps(Look(), good, broken, broken, good, broken, broken, broken, good)
    steps.run()
    assert steps.loaded == 2
    assert steps.waited == [RETRY_FIRST]
    assert len(steps.shown) == 3
    failed = [Part.MASK in problems for problems in steps.seen]
    assert failed == [False, False, True, True, False, True, True, True, False]
    assert "CUDA error" in steps.seen[2][Part.MASK]


def test_an_implausible_alpha_is_a_failed_mask_of_a_model_that_stays() -> None:
    steps = Steps(Look(), *[implausible] * 4, broken, broken, implausible, broken, broken, good)
    steps.run()
    assert steps.loaded == 1
    assert [item.alpha is not None for item in steps.shown] == [True]
    assert steps.seen[1] == {Part.MASK: "the mask covers all"}
    assert steps.seen[-1] == {}


def test_a_thread_replaced_while_it_finds_an_implausible_alpha_says_nothing() -> None:
    def late(alpha: Alpha) -> Alpha:
        steps.turn.replace()
        raise ImplausibleError("the mask covers all")

    steps = Steps(Look(), late)
    steps.run()
    assert steps.problems.now() == {}


def test_a_camera_without_frames_is_waited_for() -> None:
    steps = Steps(Look(), good, None, None, good)
    steps.run()
    assert len(steps.shown) == 2
    assert steps.problems.now() == {}


def test_a_raw_frame_needs_no_mask() -> None:
    steps = Steps(Look(mode="none"), broken, broken)
    steps.problems.set(Part.MASK, "of before")
    steps.run()
    assert [item.alpha for item in steps.shown] == [None, None]
    assert steps.problems.now() == {}


@pytest.mark.parametrize("error", [ModelError("not a model"), RuntimeError("CUDA error")])
def test_a_load_that_fails_is_said_and_tried_again(error: Exception) -> None:
    steps = Steps(Look(), good)
    steps.loads = [error, None]
    steps.run()
    assert (steps.loop.fatal is error) is isinstance(error, ModelError)
    assert steps.waited == [RETRY_LAST]
    assert len(steps.shown) == 1
    assert steps.problems.now() == {}


@pytest.mark.parametrize("error", [ModelError("not a model"), RuntimeError("CUDA error")])
def test_a_model_stays_where_another_cannot_be_loaded(error: Exception) -> None:
    def another(alpha: Alpha) -> Alpha:
        steps.loop.replace(steps.load)
        return alpha

    steps = Steps(Look(), another, good, good)
    steps.loads = [None, error]
    steps.run()
    assert steps.loop.fatal is None
    assert len(steps.shown) == 3
    assert str(error) in steps.problems.now()[Part.MODEL]


def test_what_a_backend_lacks_is_said_once_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, so that it does not hide a later problem of the model."""
    lacks: list[str | None] = [None]
    monkeypatch.setattr(Backend, "problem", property(lambda _: lacks[0]))

    def lack(alpha: Alpha) -> Alpha:
        lacks[0] = "a network is missing"
        return alpha

    def another_problem(alpha: Alpha) -> Alpha:
        steps.problems.set(Part.MODEL, "a later one")
        return alpha

    def again(alpha: Alpha) -> Alpha:
        steps.loop.replace(steps.load)
        return alpha

    steps = Steps(Look(), good, lack, another_problem, again, good, good)
    steps.run()
    lines = [problems.get(Part.MODEL) for problems in steps.seen]
    assert lines == [
        None,
        None,
        "a network is missing",
        "a later one",
        None,
        "a network is missing",
        "a network is missing",
    ]


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
