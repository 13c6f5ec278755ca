"""The states, parts and problems, and the words that people read for them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from support.pipeline_parts import SHARP

from bgblur.compositing.look import Look
from bgblur.errors import CameraBusyError, CameraError, CameraGoneError
from bgblur.frame import Frame
from bgblur.pipeline import capture
from bgblur.pipeline.capture import CaptureLoop
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot
from bgblur.pipeline.state import Part, Problems, Rest, State
from bgblur.pipeline.words import ALL_CARDS, CARDS, STATE_WORDS, working_again
from bgblur.pipeline.worker import Turn
from bgblur.sources import Source
from bgblur.sources.camera import check_device
from bgblur.stats import Stats


def test_the_states_are_the_contract_of_the_status() -> None:
    contract = ["starting", "blurring", "off", "idle", "paused", "no camera", "no mask"]
    assert list(State) == contract


def test_each_rest_is_a_state() -> None:
    assert [rest.state for rest in Rest] == [State.IDLE, State.PAUSED]


def test_every_state_and_part_has_words() -> None:
    assert set(STATE_WORDS) == set(State)
    assert set(State) - set(CARDS) == {State.BLURRING, State.OFF, State.NO_MASK}
    assert len(set(ALL_CARDS)) == len(ALL_CARDS)
    assert working_again(Part.CAMERA) == "camera: working again"
    assert len({working_again(part) for part in Part}) == len(Part)


def test_state_and_words_import_nothing_heavy() -> None:
    """The tray imports them."""
    code = (
        "import sys, bgblur.pipeline.words\n"
        "heavy = {'torch', 'cv2', 'numpy', 'av', 'PySide6', 'starlette', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_problems_are_set_replaced_and_cleared() -> None:
    problems = Problems()
    assert problems.now() == {}
    problems.set(Part.MASK, "first")
    problems.set(Part.CAMERA, "gone")
    problems.set(Part.MASK, "second")
    assert list(problems.now().items()) == [(Part.MASK, "second"), (Part.CAMERA, "gone")]
    assert Part.MASK in problems
    assert problems.any_of(Part.MODEL, Part.MASK)
    problems.clear(Part.MASK)
    problems.clear(Part.MASK)
    assert Part.MASK not in problems
    assert not problems.any_of(Part.MODEL, Part.MASK)


def test_what_problems_return_does_not_change_later() -> None:
    problems = Problems()
    problems.set(Part.MASK, "first")
    now = problems.now()
    problems.clear(Part.MASK)
    assert now == {Part.MASK: "first"}


# ------------------------------------------------------------ one event, one message


class Recorded(Problems):
    """Keeps every change; a source that runs out of errors ends the capture."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str | None] = []

    def set(self, part: Part, line: str, of: str = "") -> None:
        super().set(part, line, of)
        self._note(line)

    def clear(self, part: Part, of: str = "") -> None:
        super().clear(part, of)
        self._note(None)

    def _note(self, line: str | None) -> None:
        if self.lines[-1:] != [line]:
            self.lines.append(line)


class Webcam:
    """Gives one frame, then ``error``."""

    name = "webcam"
    remark: str | None = None
    width, height, fps = 4, 2, 30.0

    def __init__(self, error: Exception) -> None:
        self._error: Exception | None = None
        self._next = error

    def read(self) -> Frame:
        if self._error is not None:
            raise self._error
        self._error = self._next
        return Frame(np.zeros((2, 4, 3), np.uint8), 0)

    def close(self) -> None:
        pass


Step = Exception | Webcam | Callable[[CaptureLoop], Exception]


def said(monkeypatch: pytest.MonkeyPatch, *steps: Step) -> list[str | None]:
    """What is reported of a camera whose openings give ``steps``, one after the other; None where
    it works."""
    monkeypatch.setattr(capture, "RETRY_FIRST", 0.0)
    monkeypatch.setattr(capture, "RETRY_LAST", 0.0)
    stopping, left = threading.Event(), list(steps)

    def open_source() -> Source:
        step = left.pop(0)
        if not left:
            stopping.set()
        if isinstance(step, Webcam):
            return step
        raise step if isinstance(step, Exception) else step(camera)

    problems = Recorded()
    in_force = InForce(Look(), SHARP)
    camera = CaptureLoop(
        open_source, LatestSlot(), in_force, lambda source: None, problems, Stats()
    )
    camera.run(Turn(stopping))
    return problems.lines


UNPLUGGED = CameraGoneError("the camera 0 gives no more pictures: it was unplugged")
NOT_THERE = CameraGoneError("there is no camera /dev/video0")
BUSY = CameraBusyError("in use by zoom")
END = CameraError("never reported: the capture has ended")


def test_an_unplugged_camera_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(monkeypatch, Webcam(UNPLUGGED), NOT_THERE, NOT_THERE, Webcam(UNPLUGGED), END)
    assert lines == [None, str(UNPLUGGED), None, str(UNPLUGGED)]


def test_a_camera_that_is_busy_when_it_comes_back_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = said(monkeypatch, Webcam(UNPLUGGED), NOT_THERE, BUSY, NOT_THERE, NOT_THERE, END)
    assert lines == [None, str(UNPLUGGED), str(BUSY), str(NOT_THERE)]


def test_another_camera_that_is_not_there_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    other = CameraGoneError("there is no camera /dev/video7")
    reworded = CameraGoneError("there is no camera /dev/video7 (this machine has none)")

    def choose_another(camera: CaptureLoop) -> Exception:
        before = camera._open_source
        camera.replace(partial(before))
        return NOT_THERE

    lines = said(monkeypatch, Webcam(UNPLUGGED), choose_another, other, reworded, END)
    assert lines == [None, str(UNPLUGGED), str(other)]


def test_a_camera_that_is_not_there_is_gone() -> None:
    with pytest.raises(CameraGoneError):
        check_device("/dev/video77", "/dev/video77")
