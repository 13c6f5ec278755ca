"""The segment loop step by step: a model that fails is loaded again, one that gives implausible
alphas is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.pipeline_parts import picture
from support.segment_parts import Parts

from bgblur.compositing.look import Look
from bgblur.errors import ModelError
from bgblur.frame import Alpha, Frame
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.segment import NEWS_WITHIN, RETRY_FIRST, RETRY_LAST
from bgblur.pipeline.state import Part
from bgblur.segmentation.plausible import ImplausibleError


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
