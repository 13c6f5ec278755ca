"""The camera's own controls: what may be set, in which order, and that it is given back."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from bgblur.devices.controls import Control, control_lines, plan
from bgblur.sources.kept_controls import KeptControls

AUTO, EXPOSURE, GAIN, POWER = 1, 2, 3, 4


class FakeCamera:
    """A webcam whose exposure can be set only while it is not on automatic."""

    def __init__(self) -> None:
        self.values = {AUTO: 3, EXPOSURE: 157, GAIN: 64, POWER: 2}
        self.calls: list[tuple[int, int]] = []
        self.gone = False

    def offered(self) -> list[Control]:
        self._there()
        modes = {1: "Manual Mode", 3: "Aperture Priority Mode"}
        power = {0: "Disabled", 1: "50 Hz", 2: "60 Hz"}
        return [
            self._control(EXPOSURE, "exposure_time_absolute", "exposure_absolute", "number", 2000),
            self._control(GAIN, "gain", "gain", "number", 255),
            self._control(AUTO, "auto_exposure", "exposure_auto", "menu", 3, modes),
            self._control(POWER, "power_line_frequency", "power_line_frequency", "menu", 2, power),
            self._control(5, "white_balance_automatic", "auto_white_balance", "switch", 1),
        ]

    def _control(
        self,
        number: int,
        name: str,
        standard: str,
        kind: Any,
        most: int,
        entries: dict[int, str] | None = None,
    ) -> Control:
        value = self.values.get(number, 1)
        return Control(number, name, standard, kind, 0, most, 1, 1, value, entries or {})

    def get(self, control: Control) -> int:
        self._there()
        return self.values.get(control.id, 1)

    def set(self, control: Control, value: int) -> None:
        self._there()
        if control.id == EXPOSURE and self.values[AUTO] != 1:
            raise OSError(errno.EACCES, "Permission denied")
        self.values[control.id] = value
        self.calls.append((control.id, value))

    def _there(self) -> None:
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")


def kept(camera: FakeCamera, **wanted: Any) -> KeptControls:
    return KeptControls(wanted, lambda _: camera)


BEFORE = FakeCamera().values


def test_set_when_opened_and_given_back_when_closed() -> None:
    camera = FakeCamera()
    controls = kept(camera, exposure_absolute=300, auto_exposure="manual mode", gain=20)
    device = controls.opened("/dev/video0")
    assert controls.problem is None
    assert camera.values == BEFORE | {AUTO: 1, EXPOSURE: 300, GAIN: 20}
    assert camera.calls[0] == (AUTO, 1), "the automatic first, or exposure cannot be set"
    controls.closed(device)
    assert camera.values == BEFORE
    assert camera.calls[-1] == (AUTO, 3), "and last on the way back"
    controls.closed(device)
    assert len(camera.calls) == 6


def test_an_edit_reaches_the_open_camera() -> None:
    camera = FakeCamera()
    controls = kept(camera, gain=20, power_line_frequency=0)
    device = controls.opened("/dev/video0")
    controls.wanted = {"gain": 30}
    controls.update(device)
    assert camera.values == BEFORE | {GAIN: 30}, "what is no longer wanted is given back"
    calls = len(camera.calls)
    controls.update(device)
    assert len(camera.calls) == calls, "nothing has changed"
    controls.closed(device)
    assert camera.values == BEFORE


def test_set_again_after_a_replug() -> None:
    old, new = FakeCamera(), FakeCamera()
    cameras = [old, new]
    controls = KeptControls({"gain": 20}, lambda _: cameras.pop(0))
    device = controls.opened("/dev/video0")
    old.gone = True
    controls.closed(device)
    again = controls.opened("/dev/video0")
    assert new.values == BEFORE | {GAIN: 20}
    controls.closed(device)  # late, by the thread of a driver that hung
    assert new.values == BEFORE | {GAIN: 20}
    controls.closed(again)
    assert new.values == BEFORE


def test_what_somebody_else_has_set_since_stays() -> None:
    camera = FakeCamera()
    controls = kept(camera, gain=20, power_line_frequency="50 Hz")
    device = controls.opened("/dev/video0")
    camera.values[GAIN] = 99
    controls.closed(device)
    assert camera.values == BEFORE | {GAIN: 99}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("gian", 1, 'camera.controls.gian is no control of this camera: did you mean "gain"?'),
        (
            "lens_heater",
            1,
            "camera.controls.lens_heater is no control of this camera: "
            "`bgblur-cam devices --controls` lists them",
        ),
        ("gain", 300, "camera.controls.gain is 300: this camera takes 0 to 255"),
        ("gain", True, "camera.controls.gain is true: this camera takes 0 to 255"),
        ("gain", "high", 'camera.controls.gain is "high": this camera takes 0 to 255'),
        (
            "white_balance_automatic",
            2,
            "camera.controls.white_balance_automatic is 2: this camera takes true or false",
        ),
        (
            "power_line_frequency",
            "55 Hz",
            'camera.controls.power_line_frequency is "55 Hz": '
            'this camera takes "Disabled", "50 Hz", "60 Hz"',
        ),
        (
            "exposure_time_absolute",
            300,
            "camera.controls.exposure_time_absolute cannot be set now: "
            "another control has it on automatic",
        ),
    ],
)
def test_what_cannot_be_met_is_one_line_and_the_rest_is_set(
    name: str, value: Any, problem: str
) -> None:
    camera = FakeCamera()
    controls = kept(camera, **{name: value, "White Balance, Automatic": False})
    controls.opened("/dev/video0")
    assert controls.problem == problem
    assert camera.calls == [(5, 0)], "no other one is set"
    controls.wanted = {}
    assert controls.problem is None


def test_every_wish_that_cannot_be_met_is_reported() -> None:
    _, problems = plan({"gain": 300, "focus": 1}, FakeCamera().offered())
    assert len(problems) == 2
    _, problems = plan({"focus": 1}, [])
    assert problems == ["camera.controls.focus has no effect: this camera has no controls"]


def test_a_camera_that_refuses_all_still_runs() -> None:
    camera = FakeCamera()
    camera.gone = True
    controls = kept(camera, gain=20)
    device = controls.opened("/dev/video0")
    assert controls.problem == "camera.controls cannot be set: No such device"
    controls.closed(device)


def test_a_source_without_controls() -> None:
    controls = kept(FakeCamera(), gain=20)
    controls.without("demo picture")
    assert controls.problem == "camera.controls has no effect: demo picture has no controls"
    controls.wanted = {}
    assert controls.problem is None


def test_controls_are_listed_as_they_are_written() -> None:
    lines = control_lines(FakeCamera().offered())
    assert 'auto_exposure = "Aperture Priority Mode"' in lines[2]
    assert lines[1] == "gain = 64  # 0 to 255; default 1"
    assert lines[4] == "white_balance_automatic = true  # true or false; default true"
